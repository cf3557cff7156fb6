"""The user's choices: stored in the scene, and remembered for the next session."""

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any

MODULE = "HandBoneSegmentation"
INPUT_ROLE, OUTPUT_ROLE, TABLE_ROLE = "InputVolume", "OutputSegmentation", "OutputTable"
QUALITIES = ("fast", "balanced", "best")
DEVICES = {
    "auto": "Automatic",
    "cpu": "Processor",
    "cuda": "NVIDIA GPU (needs PyTorch)",
    "mps": "Apple GPU (needs PyTorch)",
    "xpu": "Intel GPU (needs PyTorch)",
}
_REMEMBERED = ("model", "quality", "device", "server", "token_file")


@dataclass
class Choices:
    """The parameters other than nodes.

    Attributes:
        input_file: Volume to read instead of a node of the scene; empty to use the node.
        output_file: File to which the labels are also written; empty for none.
        spacing: Voxel size in (scan, lateral, depth), in mm, as ``0.279,0.13,0.088``; empty for the
            volume's own.
        model: Folder or name of a model; empty for the bundled one.
        quality: One of :data:`QUALITIES`.
        device: One of :data:`DEVICES`.
        server: Address of an ``amcnet serve`` that does the work; empty for this machine.
        token_file: File with the user's token for the server; empty if none is needed.
    """

    input_file: str = ""
    output_file: str = ""
    spacing: str = ""
    model: str = ""
    quality: str = "balanced"
    device: str = "auto"
    server: str = ""
    token_file: str = ""

    def __post_init__(self) -> None:
        # Scenes and settings may come from another version of the module.
        self.quality = self.quality if self.quality in QUALITIES else "balanced"
        self.device = self.device if self.device in DEVICES else "auto"

    @property
    def problem(self) -> str:
        """The reason why these choices cannot be used, empty if they can."""
        if self.server and not self.server.startswith(("http://", "https://")):
            return f"server: found '{self.server}', expected an address such as https://host"
        if not self.spacing:
            return ""
        try:
            sizes_mm = [float(text) for text in self.spacing.split(",")]
        except ValueError:
            sizes_mm = []
        if len(sizes_mm) != 3 or not all(0 < size < math.inf for size in sizes_mm):
            return (
                f"voxel size: found '{self.spacing}', expected three positive numbers in mm "
                "for scan, lateral and depth, such as 0.279,0.13,0.088"
            )
        return ""


def parameter_node(scene: Any) -> Any:  # noqa: ANN401
    """Return the scene's parameter node of this module; create it if there is none."""
    node = scene.GetSingletonNode(MODULE, "vtkMRMLScriptedModuleNode")
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        node.SetSingletonTag(MODULE)
        node.SetModuleName(MODULE)
        node.SetName(MODULE)
        node = scene.AddNode(node)
    node.SetAttribute("ModuleName", MODULE)  # closing a scene may remove it
    return node


def read_choices(node: Any, default: Choices) -> Choices:  # noqa: ANN401
    """Return the choices in a parameter node, with defaults for missing ones."""
    values = asdict(default)
    for name in values:
        if node.GetParameter(name):
            values[name] = node.GetParameter(name)
    return Choices(**values)


def write_choices(node: Any, choices: Choices) -> None:  # noqa: ANN401
    """Write the choices into a parameter node as a single modification."""
    was_modifying = node.StartModify()
    for field in fields(choices):
        node.SetParameter(field.name, getattr(choices, field.name))
    node.EndModify(was_modifying)


class Memory:
    """Values remembered between sessions, in the application's settings.

    Args:
        settings: A ``QSettings``.
    """

    def __init__(self, settings: Any) -> None:  # noqa: ANN401
        self._settings = settings

    def get(self, name: str) -> str:
        """Return a remembered text, empty if there is none."""
        value = self._settings.value(f"{MODULE}/{name}")
        return "" if value is None else str(value)

    def set(self, name: str, text: str) -> None:
        """Remember a text."""
        self._settings.setValue(f"{MODULE}/{name}", text)

    def choices(self) -> Choices:
        """Return the last model, quality, device and server."""
        known = {name: self.get(name) for name in _REMEMBERED}
        return Choices(**{name: text for name, text in known.items() if text})

    def remember(self, choices: Choices) -> None:
        """Remember model, quality, device and server."""
        for name in _REMEMBERED:
            self.set(name, getattr(choices, name))

    def own_models(self) -> list[str]:
        """Return the model folders that the user opened, the most recent first."""
        try:
            found = json.loads(self.get("own_models") or "[]")
        except ValueError:
            return []
        return [str(folder) for folder in found] if isinstance(found, list) else []

    def add_own_model(self, folder: str) -> None:
        """Remember the folder of a model."""
        others = [known for known in self.own_models() if known != folder]
        self.set("own_models", json.dumps([folder, *others][:10]))
