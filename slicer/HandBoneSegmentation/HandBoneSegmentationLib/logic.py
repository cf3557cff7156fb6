"""From Apply to segments: write the input, run amcnet, turn its output into nodes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer

from .installer import Environment
from .parameters import Choices
from .results import Result, fill_segmentation, fill_table, read_labels
from .runner import Runner, parse_event
from .scratch_folder import ScratchFolder

_STAGES = {
    "reading": "Reading the volume",
    "running the network": "Finding bones",
    "labelling": "Labelling",
    "cleaning up": "Cleaning up",
    "searching the axes": "Searching the orientation of the hand",
    "checking": "Checking",
    "writing": "Writing",
    "writing the report": "Writing the report",
}


@dataclass
class Request:
    """Input and output of one run.

    Attributes:
        choices: Parameters.
        volume: Node of the input, None to read a file.
        segmentation: Node that receives the segments; None creates a new one.
        table: Node that receives sizes and verdicts; None creates a new one.
    """

    choices: Choices
    volume: Any = None
    segmentation: Any = None
    table: Any = None


def _nothing(*_: object) -> None:
    """Ignore an event."""


@dataclass
class Listener:
    """Callbacks of a run; all are optional.

    Attributes:
        progress: Called with (fraction done, seconds left or None, current stage).
        done: Called with (request including its nodes, result).
        failed: Called with (reason in one sentence, last lines of the log).
    """

    progress: Callable[[float, float | None, str], None] = field(default=_nothing)
    done: Callable[[Request, Result], None] = field(default=_nothing)
    failed: Callable[[str, list[str]], None] = field(default=_nothing)


class SegmentationLogic:
    """Segment one volume at a time.

    Args:
        scene: The MRML scene.
        temporary: Folder for temporary files, which are removed.
    """

    def __init__(self, scene: Any, temporary: Path | None = None) -> None:  # noqa: ANN401
        self.runner = Runner()
        self._scene, self._scratch = scene, ScratchFolder(temporary)
        self._listener = Listener()
        self._request = Request(Choices())
        self._share, self._left = 0.0, None
        self._result: Result | None = None
        self._error = ""

    @property
    def is_running(self) -> bool:
        """Whether a volume is being segmented."""
        return self.runner.is_running

    def start(self, request: Request, environment: Environment, listener: Listener) -> None:
        """Start a run; the listener is called during the run.

        Raises:
            RuntimeError: If a run is in progress, or there is no input.
        """
        if self.is_running:
            raise RuntimeError("a volume is being segmented, expected none")
        if request.volume is None and not request.choices.input_file:
            raise RuntimeError("no volume is selected, expected a node or a file")
        self._request, self._listener = request, listener
        self._share, self._left, self._result, self._error = 0.0, None, None, ""
        folder = self._scratch.make()
        try:
            listener.progress(0.0, None, "Starting")
            source = self._input_file(folder)
            command = environment.command(*self._arguments(source, folder))
            self.runner.start(command, self._ended, self._take)
        except BaseException:
            self._scratch.remove()
            raise

    def cancel(self) -> None:
        """Stop the run and remove its files, without calling the listener."""
        self.runner.cancel()
        self._scratch.remove()

    def _input_file(self, folder: Path) -> str:
        if self._request.volume is None:
            return self._request.choices.input_file
        path = folder / "input.nrrd"
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(path))
        storage.SetUseCompression(0)
        if not storage.WriteData(self._request.volume):
            raise RuntimeError(f"{path}: the volume could not be written there")
        return str(path)

    def _arguments(self, source: str, folder: Path) -> list[str]:
        choices = self._request.choices
        labels = str(folder / "labels.nii")
        arguments = ["segment", source, "--progress", "json", "--quality", choices.quality]
        if choices.spacing:
            arguments += ["--spacing", choices.spacing]
        if choices.server:  # the server has its own model and device
            arguments += ["--server", choices.server]
            if choices.token_file:
                arguments += ["--token-file", choices.token_file]
        else:
            if choices.device != "auto":
                arguments += ["--device", choices.device]
            if choices.model:
                arguments += ["--model", choices.model]
        if choices.output_file:
            return [*arguments, "-o", choices.output_file, "--also", labels, "--overwrite"]
        return [*arguments, "-o", labels]

    def _take(self, line: str) -> None:
        event = parse_event(line)
        kind = event.get("event")
        if kind == "stage":
            self._tell(_STAGES.get(event["stage"], event["stage"]))
        elif kind == "progress":
            self._share, self._left = event["fraction"], event["seconds_left"]
            self._tell(_STAGES.get(event.get("stage"), "Finding bones"))
        elif kind == "result":
            self._result = event
        elif kind == "error":
            self._error = event["message"]

    def _tell(self, what: str) -> None:
        self._listener.progress(self._share, self._left, what)

    def _ended(self, status: int) -> None:
        log = list(self.runner.log)
        try:
            if self._result is None or status != 0:
                reason = self._error or f"amcnet ended unexpectedly (exit status {status})"
                self._listener.failed(reason, log)
                return
            self._tell("Showing the bones")
            try:
                self._make_nodes(self._result)
            except (OSError, ValueError, KeyError) as error:
                self._listener.failed(f"the result could not be shown: {error}", log)
                return
            self._listener.done(self._request, self._result)
        finally:
            self._scratch.remove()

    def _make_nodes(self, result: Result) -> None:
        request, name = self._request, self._name()
        labels = read_labels(Path(result["also"] or result["output"]))
        for role, kind in (("segmentation", "Segmentation"), ("table", "Table")):
            if getattr(request, role) is None:
                node = self._scene.AddNewNodeByClass(f"vtkMRML{kind}Node")
                node.SetName(f"{name} bones" + ("" if kind == "Segmentation" else ": sizes"))
                setattr(request, role, node)
        node = request.segmentation
        fill_segmentation(node, labels, result)
        del labels  # a memory-mapped file cannot be removed on Windows
        fill_table(request.table, result)
        if request.volume is not None:
            if request.choices.spacing:  # otherwise the bones would not lie on the volume
                request.volume.SetSpacing(*result["geometry"]["spacing_mm"])
            node.SetReferenceImageGeometryParameterFromVolumeNode(request.volume)
            node.SetAndObserveTransformNodeID(request.volume.GetTransformNodeID())

    def _name(self) -> str:
        if self._request.volume is not None:
            return str(self._request.volume.GetName())
        return Path(self._request.choices.input_file).name.partition(".")[0]


def time_left(seconds: float | None) -> str:
    """Return the remaining time in words, empty if it is unknown."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60)} min left"
