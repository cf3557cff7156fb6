"""Draw the icons, the screenshots and the walk-through of the extension, without a display.

The panel is the real one: its .ui file and its code, run on the sample volume with the real amcnet;
the tests' stand-ins replace 3D Slicer's application. The views next to the panel show the
segmentation node's own surfaces and labels, drawn with VTK, with the visibility set in the panel.

Needs slicer-core, PySide6-Essentials below 6.12 and Pillow:
    QT_QPA_PLATFORM=offscreen python slicer/render_panel.py
"""

import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

HERE = Path(__file__).resolve().parent
ICONS = HERE / "HandBoneSegmentation" / "Resources" / "Icons"
SHOTS = HERE / "Screenshots"
PANEL_SIZE, VIEW_SIZE, SLICE_SIZE = (440, 830), (440, 610), (440, 220)
THUMB_ROWS = 6
TRAINING_MINUTES, SHOWN_STEP = 20, 40


def load_stand_ins() -> Any:  # noqa: ANN401
    """Return the tests' stand-ins for Slicer's application."""
    path = HERE.parent / "tests" / "slicer" / "stand_ins.py"
    spec = importlib.util.spec_from_file_location("stand_ins", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Stage:
    """The panel and the views next to it."""

    def __init__(self, folder: Path) -> None:
        import slicer

        self.application = load_stand_ins().install(folder)
        import HandBoneSegmentation as module  # noqa: N813

        self.widget = module.HandBoneSegmentationWidget()
        self.scene = slicer.mrmlScene
        self.slice_node = self.scene.AddNewNodeByClass("vtkMRMLSliceNode")
        self.widget.setup()
        self.panel, self.module = self.widget.panel, module
        self.panel.installer.own_python = sys.executable
        self.panel.look()
        self.wait(lambda: self.panel.installer.is_busy)
        self.widget.parent.resize(*PANEL_SIZE)
        self.widget.parent.show()

    def wait(self, is_busy: Any) -> None:  # noqa: ANN401
        """Process events while ``is_busy`` returns true."""
        while is_busy():
            self.application.processEvents()
            time.sleep(0.01)

    def shot(self) -> Any:  # noqa: ANN401
        """Return the panel and its views as one picture."""
        from PIL import Image

        self.application.processEvents()
        picture = Image.new("RGB", (PANEL_SIZE[0] + VIEW_SIZE[0], PANEL_SIZE[1]), "black")
        picture.paste(self._grab(), (0, 0))
        volume = self.panel.ui.inputSelector.currentNode()
        node = self.panel.ui.outputSelector.currentNode()
        picture.paste(draw_surfaces(node), (PANEL_SIZE[0], 0))
        if volume is not None:
            picture.paste(self.slice_of(volume, node), (PANEL_SIZE[0], VIEW_SIZE[1]))
        return picture

    def _grab(self) -> Any:  # noqa: ANN401
        from PIL import Image
        from PySide6.QtCore import QBuffer, QIODevice

        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        self.widget.parent.grab().save(buffer, "PNG")
        return Image.open(io.BytesIO(bytes(buffer.data().data()))).convert("RGB")

    def slice_of(self, volume: Any, node: Any) -> Any:  # noqa: ANN401
        """Return the transverse slice at the position of the slice view."""
        from PIL import Image
        from vtkmodules.util.numpy_support import vtk_to_numpy

        image = volume.GetImageData()
        grey = vtk_to_numpy(image.GetPointData().GetScalars())
        grey = grey.reshape(image.GetDimensions()[::-1])
        index = self._slice_index(volume, grey.shape[0]) if node is not None else grey.shape[0] // 2
        rgb = np.repeat(grey[index][..., None], 3, axis=2).astype(float)
        if node is not None:
            _paint(rgb, node, index)
        spacing_mm = volume.GetSpacing()
        rows, columns = rgb.shape[:2]
        # Lateral to the right, depth downwards.
        picture = Image.fromarray(np.swapaxes(rgb, 0, 1).clip(0, 255).astype(np.uint8))
        width_mm, height_mm = rows * spacing_mm[1], columns * spacing_mm[0]
        scale = min((SLICE_SIZE[0] - 12) / width_mm, (SLICE_SIZE[1] - 12) / height_mm)
        picture = picture.resize((round(width_mm * scale), round(height_mm * scale)))
        framed = Image.new("RGB", SLICE_SIZE, "black")
        place = [(whole - part) // 2 for whole, part in zip(SLICE_SIZE, picture.size, strict=True)]
        framed.paste(picture, tuple(place))
        return framed

    def _slice_index(self, volume: Any, count: int) -> int:  # noqa: ANN401
        import vtk

        matrix = vtk.vtkMatrix4x4()
        volume.GetRASToIJKMatrix(matrix)
        place = [self.slice_node.GetSliceToRAS().GetElement(row, 3) for row in range(3)]
        index = round(matrix.MultiplyPoint([*place, 1])[2])
        return index if 0 <= index < count else count // 2


def _paint(rgb: np.ndarray, node: Any, index: int) -> None:  # noqa: ANN401
    """Blend the visible segments into a slice (row, column, channel)."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    segmentation, display = node.GetSegmentation(), node.GetDisplayNode()
    labels = segmentation.GetNthSegment(0).GetRepresentation("Binary labelmap")
    x0, x1, y0, y1, z0, z1 = labels.GetExtent()
    if not z0 <= index <= z1:
        return
    shape = (z1 - z0 + 1, y1 - y0 + 1, x1 - x0 + 1)
    plane = vtk_to_numpy(labels.GetPointData().GetScalars()).reshape(shape)[index - z0]
    part = rgb[y0 : y1 + 1, x0 : x1 + 1]
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        if display.GetSegmentVisibility(segmentation.GetNthSegmentID(number)):
            its = plane == segment.GetLabelValue()
            part[its] = 0.5 * part[its] + 127.5 * np.array(segment.GetColor())


def draw_surfaces(node: Any) -> Any:  # noqa: ANN401
    """Return a view of the visible surfaces from above; empty if there is no node."""
    import vtk
    from PIL import Image
    from vtkmodules.util.numpy_support import vtk_to_numpy

    renderer, window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(4)
    window.SetSize(*VIEW_SIZE)
    window.AddRenderer(renderer)
    renderer.SetBackground(
        0.75, 0.77, 0.9
    )  # about 3D Slicer's colour, without its gradient, for smaller files
    count = 0 if node is None else node.GetSegmentation().GetNumberOfSegments()
    for number in range(count):
        segmentation, display = node.GetSegmentation(), node.GetDisplayNode()
        segment = segmentation.GetNthSegment(number)
        mapper, actor = vtk.vtkPolyDataMapper(), vtk.vtkActor()
        mapper.SetInputData(segment.GetRepresentation("Closed surface"))
        mapper.ScalarVisibilityOff()
        actor.SetMapper(mapper)
        actor.GetProperty().SetColor(segment.GetColor())
        is_shown = display.GetSegmentVisibility(segmentation.GetNthSegmentID(number))
        actor.GetProperty().SetOpacity(1 if is_shown else 0)
        renderer.AddActor(actor)
    camera = renderer.GetActiveCamera()
    # The sample's axes are depth, lateral, scan in LPS: viewed from the probe, fingers up.
    camera.SetPosition(1, 0, 0)
    camera.SetFocalPoint(0, 0, 0)
    camera.SetViewUp(0, 0, -1)
    camera.Azimuth(20)
    renderer.ResetCamera()
    camera.Zoom(1.2)
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    width, height, _ = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)
    return Image.fromarray(np.ascontiguousarray(pixels[::-1]))


def tell(stage: Stage) -> list[tuple[Any, int]]:
    """Perform the tutorial; return its frames, each with its duration in ms."""
    frames = [(stage.shot(), 1500)]
    volume = stage.module.load_sample()
    stage.panel.ui.inputSelector.setCurrentNode(volume)
    frames.append((stage.shot(), 1800))
    frames[-1][0].save(SHOTS / "before.png", optimize=True)
    stage.panel.ui.applyButton.click()
    seen = -1
    while stage.panel.logic.is_running:
        stage.application.processEvents()
        value = stage.panel.ui.progressBar.value()
        if value >= seen + 200:
            seen = value
            frames.append((stage.shot(), 500))
            if 300 < value < 800:
                frames[-1][0].save(SHOTS / "while.png", optimize=True)
        time.sleep(0.01)
    frames.append((stage.shot(), 2500))
    table = stage.panel.ui.resultTable
    table.selectRow(THUMB_ROWS + 4)
    table.clicked.emit(table.model().index(THUMB_ROWS + 4, 0))
    frames.append((stage.shot(), 2500))
    frames[-1][0].save(SHOTS / "after.png", optimize=True)
    stage.panel.bones.kinds["epiphysis"].setChecked(False)
    frames.append((stage.shot(), 1500))
    stage.panel.bones.kinds["epiphysis"].setChecked(True)
    for name in ("thumb", "middle finger", "ring finger", "little finger"):
        stage.panel.bones.groups[name].setChecked(False)
    frames.append((stage.shot(), 2000))
    frames[-1][0].save(SHOTS / "one-finger.png", optimize=True)
    for box in stage.panel.bones.groups.values():
        box.setChecked(True)
    return frames


def tell_of_improvement(stage: Stage, folder: Path) -> None:
    """Draw the panel after a correction was added, and during a training of a few minutes."""
    ui, correct = stage.panel.ui, stage.panel.correct
    boxes = ui.inputsBox, ui.outputsBox, ui.howBox, ui.resultsBox
    for box in boxes:
        box.setProperty("collapsed", True)
    ui.correctBox.setProperty("collapsed", False)
    os.chdir(folder)  # the picture shows the name of the data set's folder
    ui.nextButton.click()
    name = ui.statusLabel.text().partition(":")[0]
    remove_deepest_layer(stage.panel.ui.outputSelector.currentNode(), name)
    ui.dataSetEdit.setText("scans")
    ui.addButton.click()
    stage.wait(lambda: correct.data_set.is_running)
    stage.shot().save(SHOTS / "added.png", optimize=True)
    ui.minutesSpin.setValue(TRAINING_MINUTES)
    ui.improveButton.click()
    stage.wait(lambda: correct.is_busy and step_of(ui.statusLabel.text()) < SHOWN_STEP)
    stage.shot().crop((0, 0, *PANEL_SIZE)).save(SHOTS / "improving.png", optimize=True)
    ui.pauseButton.click()
    stage.wait(lambda: correct.is_busy)
    for box in boxes:
        box.setProperty("collapsed", False)
    ui.correctBox.setProperty("collapsed", True)


def step_of(status: str) -> int:
    """Return the step of a training from the panel's status line."""
    found = re.search(r"step (\d+)", status)
    return int(found[1]) if found else 0


def remove_deepest_layer(node: Any, name: str) -> None:  # noqa: ANN401
    """Correct a segment as a person might: remove its deepest voxels."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    segmentation = node.GetSegmentation()
    segment = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName(name))
    image = segment.GetRepresentation("Binary labelmap")
    values = vtk_to_numpy(image.GetPointData().GetScalars())
    labels = values.reshape(image.GetDimensions()[::-1])
    own = labels == segment.GetLabelValue()
    labels[own & (np.arange(labels.shape[2]) == np.nonzero(own)[2].max())] = 0


def tell_of_failure(stage: Stage, folder: Path) -> None:
    """Draw the panel after it failed to read a file that is not a volume."""
    (folder / "scan.nrrd").write_bytes(b"no volume")
    os.chdir(folder)
    stage.panel.ui.inputFileEdit.setText("scan.nrrd")
    stage.panel.ui.applyButton.click()
    stage.wait(lambda: stage.panel.logic.is_running)
    stage.shot().crop((0, 0, *PANEL_SIZE)).save(SHOTS / "failure.png", optimize=True)
    stage.panel.ui.inputFileEdit.setText("")


def tell_of_server(stage: Stage, folder: Path) -> None:
    """Draw the panel after a server has done the work."""
    call = [sys.executable, "-c", "from amcnet.cli.main import main; main()", "serve"]
    call += ["--http", "127.0.0.1:8042", "--data", str(folder / "service")]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(call, stdout=subprocess.PIPE, env=environment) as service:
        try:
            if service.stdout is not None:
                service.stdout.readline()  # it is ready
            stage.panel.ui.serverEdit.setText("http://127.0.0.1:8042")
            stage.panel.ui.applyButton.click()
            stage.wait(lambda: stage.panel.logic.is_running)
            stage.shot().save(SHOTS / "server.png", optimize=True)
        finally:
            service.terminate()
            stage.panel.ui.serverEdit.setText("")


def draw_icons(stage: Stage) -> None:
    """Draw the module's icon and the sample's thumbnail: the bones of the sample."""
    from PIL import Image

    picture = draw_surfaces(stage.panel.ui.outputSelector.currentNode())
    side = min(VIEW_SIZE)
    top = (VIEW_SIZE[1] - side) // 2 - 20
    square = picture.crop((0, top, side, top + side))
    square.resize((128, 128), Image.Resampling.LANCZOS).save(
        ICONS / "HandBoneSegmentation.png", optimize=True
    )
    volume = stage.panel.ui.inputSelector.currentNode()
    thumbnail = stage.slice_of(volume, None).resize((280, 140), Image.Resampling.LANCZOS)
    framed = Image.new("L", (280, 260))
    framed.paste(thumbnail.convert("L"), (0, 60))
    framed.save(ICONS / "SyntheticHand.png", optimize=True)


def write_gif(frames: list[tuple[Any, int]], path: Path) -> None:
    """Write the walk-through, at two thirds of its size."""
    from PIL import Image

    size = tuple(round(side * 0.68) for side in frames[0][0].size)
    small = [
        frame.resize(size, Image.Resampling.LANCZOS).quantize(160, kmeans=2) for frame, _ in frames
    ]
    small[0].save(
        path,
        save_all=True,
        append_images=small[1:],
        duration=[shown_ms for _, shown_ms in frames],
        loop=0,
        optimize=True,
    )


def main() -> None:
    """Draw everything."""
    SHOTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        frames = tell(stage)
        draw_icons(stage)
        tell_of_improvement(stage, Path(folder))
        tell_of_server(stage, Path(folder))
        tell_of_failure(stage, Path(folder))
        stage.widget.cleanup()
    write_gif(frames, SHOTS / "walk-through.gif")
    for path in sorted(SHOTS.iterdir()):
        sys.stdout.write(f"{path.name}: {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
