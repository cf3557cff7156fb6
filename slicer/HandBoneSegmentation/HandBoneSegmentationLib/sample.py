"""The sample volume: a synthetic hand that is generated on this computer; nothing is downloaded."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import qt
import slicer

from .installer import Environment
from .runner import Runner

NAME = "Synthetic hand"
_SEED = "3"


def make_sample(
    scene: Any,  # noqa: ANN401
    environment: Environment,
    temporary: Path | None = None,
) -> Any:  # noqa: ANN401
    """Make the sample in a few seconds and return its volume node.

    Args:
        scene: The MRML scene.
        environment: The Python with amcnet.
        temporary: Folder for temporary files, which are removed.

    Raises:
        RuntimeError: If amcnet is not installed, or it fails.
    """
    if not environment.exists:
        raise RuntimeError("the sample is made by amcnet: install it in Hand Bone Segmentation")
    folder = Path(tempfile.mkdtemp(prefix="hand-bones-", dir=temporary and str(temporary)))
    try:
        arguments = ["phantom", "--out", str(folder / "data"), "--grid", "half", "--seed", _SEED]
        run_and_wait(environment, arguments)
        (image,) = (folder / "data" / "imagesTr").iterdir()
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        node.SetName(NAME)
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(image))
        if not storage.ReadData(node):
            scene.RemoveNode(node)
            raise RuntimeError(f"{image}: could not be read")
        node.CreateDefaultDisplayNodes()
        return node
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_and_wait(environment: Environment, arguments: list[str]) -> None:
    """Run amcnet to its end while the application stays responsive.

    Raises:
        RuntimeError: If amcnet fails; the message is the last line of its log.
    """
    runner, ended = Runner(), []
    loop = qt.QEventLoop()

    def end(status: int) -> None:
        ended.append(status)
        loop.quit()

    runner.start(environment.command(*arguments), end)
    if not ended:
        (loop.exec if hasattr(loop, "exec") else loop.exec_)()
    if ended != [0]:
        raise RuntimeError(runner.log[-1] if runner.log else f"amcnet ended with {ended[0]}")
