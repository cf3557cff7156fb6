"""Add an image and its corrected segmentation to the user's data set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from .corrections import names_by_correction
from .installer import Environment
from .runner import Runner
from .scratch_folder import ScratchFolder

BUNDLED_MODEL = "hand"


@dataclass
class Addition:
    """The case to add.

    Attributes:
        folder: The data set, which is created if it does not exist.
        segmentation: Node of the corrected segmentation.
        volume: Node of the image, None if a file was segmented.
        image_file: The file that was segmented.
        model: Folder or name of the model that made the segmentation; empty for the bundled one.
        rest_is_unsure: Whether structures that were not corrected get the ignore label.
    """

    folder: str
    segmentation: Any
    volume: Any = None
    image_file: str = ""
    model: str = ""
    rest_is_unsure: bool = False

    @property
    def problem(self) -> str:
        """The reason why nothing can be added, empty if there is none."""
        if not self.folder:
            return "no data set is selected, expected a folder"
        if self.segmentation is None:
            return "no segmentation is selected, expected the corrected one"
        if self.volume is None and not self.image_file:
            return "no volume is selected, expected the segmented one"
        return ""


class DataSetLogic:
    """Add one case at a time; ``amcnet dataset add`` checks it and omits the patient's identity.

    Args:
        temporary: Folder for temporary files, which are removed.
    """

    def __init__(self, temporary: Path | None = None) -> None:
        self.runner = Runner()
        self._scratch = ScratchFolder(temporary)

    @property
    def is_running(self) -> bool:
        """Whether a case is being added."""
        return self.runner.is_running

    def add(
        self,
        addition: Addition,
        environment: Environment,
        done: Callable[[str], None],
        failed: Callable[[str, list[str]], None],
    ) -> None:
        """Start adding a case.

        Args:
            addition: The case.
            environment: The Python with amcnet.
            done: Called with one sentence.
            failed: Called with (reason in one sentence, last lines of the log).

        Raises:
            RuntimeError: If a case is being added, or this one is incomplete.
        """
        if self.is_running:
            raise RuntimeError("a case is being added, expected none")
        if addition.problem:
            raise RuntimeError(addition.problem)
        folder = self._scratch.make()
        corrected, untouched = names_by_correction(addition.segmentation)
        lines: list[str] = []

        def end(status: int) -> None:
            self._scratch.remove()
            log = list(self.runner.log)
            if status == 0:
                count = f"{len(corrected)} of {len(corrected) + len(untouched)} structures"
                done(f"{lines[-1].partition(';')[0] if lines else 'added'}; {count} were corrected")
            else:
                last = log[-1] if log else f"exit status {status}"
                failed(last.removeprefix("amcnet: "), log)

        try:
            files = self._write(addition, folder)
            arguments = ["dataset", "add", *files, "--to", addition.folder]
            arguments += ["--model", addition.model or BUNDLED_MODEL]
            for name in corrected:
                arguments += ["--corrected", name]
            for name in untouched if addition.rest_is_unsure else ():
                arguments += ["--unsure", name]
            self.runner.start(environment.command(*arguments), end, lines.append)
        except BaseException:
            self._scratch.remove()
            raise

    def cancel(self) -> None:
        """Stop, and remove temporary files."""
        self.runner.cancel()
        self._scratch.remove()

    def _write(self, addition: Addition, folder: Path) -> list[str]:
        """Write image and segmentation for amcnet; return their paths."""
        image = addition.image_file
        if addition.volume is not None:
            image = str(folder / "image.nrrd")
            storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
            storage.SetUseCompression(0)
            _store(storage, addition.volume, image)
        labels = str(folder / "labels.seg.nrrd")
        storage = slicer.vtkMRMLSegmentationStorageNode()
        _store(storage, addition.segmentation, labels)
        return [image, labels]


def _store(storage: Any, node: Any, path: str) -> None:  # noqa: ANN401
    storage.SetFileName(path)
    if not storage.WriteData(node):
        raise RuntimeError(f"{path}: {node.GetName()} could not be written there")
