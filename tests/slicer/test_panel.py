"""The panel for 3D Slicer with real MRML, real Qt and the real amcnet in a process of its own."""

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from amcnet.anatomy import hand_label_table
from amcnet.io import Geometry, write_labels

from ..service.running import Service

pytest.importorskip("slicer_core")
pytest.importorskip("PySide6")

SIZE, SPACING_MM, ORIGIN_MM = (36, 40, 24), (0.6, 0.8, 0.5), (11.0, -22.0, 33.0)
pytestmark = pytest.mark.usefixtures("application")  # which makes the panel importable

STRAIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
OBLIQUE = (0.0, -0.6, 0.8, 1.0, 0.0, 0.0, 0.0, 0.8, 0.6)


def add_volume(scene, voxels, direction=STRAIGHT, name="hand"):
    """Add a volume (z, y, x) whose grid is given in LPS; return it and its IJK to RAS."""
    import slicer
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    image = vtkImageData()
    image.SetDimensions(voxels.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(voxels.ravel(), deep=True))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(direction).reshape(3, 3) * SPACING_MM
    matrix[:3, 3] = ORIGIN_MM
    matrix = np.diag([-1, -1, 1, 1]) @ matrix
    to_ras = vtkMatrix4x4()
    to_ras.DeepCopy(matrix.ravel().tolist())
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    node.SetName(name)
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(to_ras)
    assert isinstance(node, slicer.vtkMRMLScalarVolumeNode)
    return node, matrix


def apply(make_panel, made, volume, model):
    made.panel.open_model(str(model))
    made.ui.inputSelector.setCurrentNode(volume)
    made.ui.applyButton.click()
    assert made.panel.logic.is_running, made.ui.statusLabel.text()
    make_panel.wait(lambda: not made.panel.logic.is_running)
    return made.ui.outputSelector.currentNode()


@pytest.fixture(scope="module", params=[STRAIGHT, OBLIQUE], ids=["straight", "oblique"])
def run(request, make_panel, small_bundle, speckle, tmp_path_factory):
    """One Apply, with a file as well."""
    made = make_panel()
    volume, matrix = add_volume(made.scene, speckle, request.param)
    file = tmp_path_factory.mktemp("out") / "hand.seg.nrrd"
    made.ui.outputFileEdit.setText(str(file))
    node = apply(make_panel, made, volume, small_bundle)
    assert node is not None, made.ui.statusLabel.text()
    made.volume, made.matrix, made.file, made.node = volume, matrix, file, node
    made.status = made.ui.statusLabel.text()
    return made


def voxels_of(node, index, volume):
    """Return the voxels of a segment (z, y, x) on the grid of the volume."""
    import slicer
    from vtkmodules.util.numpy_support import vtk_to_numpy

    image = slicer.vtkOrientedImageData()
    identifier = node.GetSegmentation().GetNthSegmentID(index)
    assert node.GetBinaryLabelmapRepresentation(identifier, image)
    whole = np.zeros(volume.GetImageData().GetDimensions()[::-1], bool)
    x0, x1, y0, y1, z0, z1 = image.GetExtent()
    if image.GetNumberOfPoints():
        voxels = vtk_to_numpy(image.GetPointData().GetScalars())
        shape = (z1 - z0 + 1, y1 - y0 + 1, x1 - x0 + 1)
        whole[z0 : z1 + 1, y0 : y1 + 1, x0 : x1 + 1] = voxels.reshape(shape) != 0
    return whole, image


def as_array(matrix):
    return np.array([[matrix.GetElement(i, j) for j in range(4)] for i in range(4)])


def test_names_colours_and_tags_as_in_the_file(run):
    import slicer
    from vtkmodules.vtkCommonCore import reference

    scene = slicer.vtkMRMLScene()
    other = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(run.file))  # written by amcnet, read by Slicer
    assert storage.ReadData(other)
    ours, theirs = run.node.GetSegmentation(), other.GetSegmentation()
    assert ours.GetNumberOfSegments() == theirs.GetNumberOfSegments() == 38
    assert ours.GetNumberOfLayers() == 1
    for index, structure in enumerate(hand_label_table()):
        segment, expected = ours.GetNthSegment(index), theirs.GetNthSegment(index)
        assert segment.GetName() == expected.GetName() == structure.name
        assert segment.GetLabelValue() == structure.value
        assert segment.GetColor() == pytest.approx(expected.GetColor(), abs=1e-5)
        tags = reference(""), reference("")
        assert segment.GetTag("TerminologyEntry", tags[0])
        assert expected.GetTag("TerminologyEntry", tags[1])
        assert str(tags[0]) == str(tags[1])
        assert structure.codes["FMA"] in str(tags[0])


def test_voxels_lie_on_the_grid_of_the_volume(run):
    import SimpleITK as sitk

    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(run.file)))
    assert stored.any()
    for index, structure in enumerate(hand_label_table()):
        found, image = voxels_of(run.node, index, run.volume)
        assert np.array_equal(found, stored == structure.value), structure.name
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    matrix = vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    assert as_array(matrix) == pytest.approx(run.matrix)


def test_surfaces_enclose_their_voxels(run):
    from vtkmodules.vtkFiltersCore import vtkMassProperties

    checked = 0
    for index in range(38):
        voxels, _ = voxels_of(run.node, index, run.volume)
        segment = run.node.GetSegmentation().GetNthSegment(index)
        surface = segment.GetRepresentation("Closed surface")
        assert (surface.GetNumberOfPoints() > 0) == voxels.any()
        if not voxels.any():
            continue
        ijk = np.argwhere(voxels)[:, ::-1]
        ras = ijk @ run.matrix[:3, :3].T + run.matrix[:3, 3]
        low, high = np.array(surface.GetBounds()).reshape(3, 2).T
        assert (low > ras.min(axis=0) - 1).all()
        assert (high < ras.max(axis=0) + 1).all()
        if voxels.sum() > 2000:
            mass = vtkMassProperties()
            mass.SetInputData(surface)
            volume_mm3 = voxels.sum() * np.prod(SPACING_MM)
            assert mass.GetVolume() == pytest.approx(volume_mm3, rel=0.3)
            checked += 1
    assert checked


def test_what_is_shown(run):
    display = run.node.GetDisplayNode()
    assert display.GetVisibility3D()
    assert run.panel.bones.groups["thumb"].isChecked()
    run.panel.bones.groups["thumb"].setChecked(False)
    run.panel.bones.kinds["epiphysis"].setChecked(False)
    for structure in hand_label_table():
        expected = structure.group != "thumb" and structure.kind == "bone"
        assert display.GetSegmentVisibility(f"Segment_{structure.value}") == expected
    for box in (*run.panel.bones.groups.values(), *run.panel.bones.kinds.values()):
        box.setChecked(True)
    assert all(display.GetSegmentVisibility(f"Segment_{value}") for value in range(1, 39))


def test_table_and_jump(run):
    table = run.ui.resultTable.mrmlTableNode()
    assert (table.GetNumberOfRows(), table.GetColumnName(0)) == (38, "Structure")
    column = table.GetColumnIndex("Volume (mm3)")
    view = run.scene.AddNewNodeByClass("vtkMRMLSliceNode")
    present = [voxels_of(run.node, index, run.volume)[0].sum() for index in range(38)]
    for row, structure in enumerate(hand_label_table()):
        assert table.GetCellText(row, 0) == structure.name
        assert table.GetCellText(row, 1).split(",")[0] in ("ok", "look", "bad")
        if present[row]:
            volume_mm3 = float(table.GetCellText(row, column))
            assert volume_mm3 == pytest.approx(present[row] * np.prod(SPACING_MM), abs=1e-3)
    row = int(np.argmax(present))
    index = run.ui.resultTable.model().index(row, 3)
    run.ui.resultTable.clicked.emit(index)
    centre = as_array(view.GetSliceToRAS())[:3, 3]
    ijk = np.linalg.solve(run.matrix, [*centre, 1])[:3]
    i, j, k = np.argwhere(voxels_of(run.node, row, run.volume)[0])[:, ::-1].T
    for at, axis in zip(ijk, (i, j, k), strict=True):
        assert axis.min() - 1 <= at <= axis.max() + 1
    if 0 in present:
        absent = run.ui.resultTable.model().index(present.index(0), 0)
        run.ui.resultTable.clicked.emit(absent)
        assert "was not found" in run.ui.statusLabel.text()


def test_nothing_stays_behind(run):
    assert list(run.temporary.iterdir()) == []
    assert run.file.is_file()
    assert "of 38 structures" in run.status
    assert run.ui.applyButton.isEnabled()
    assert not run.ui.cancelButton.isEnabled()


@pytest.mark.slow
def test_two_runs_in_a_row(make_panel, small_bundle, speckle):
    made = make_panel()
    first, _ = add_volume(made.scene, speckle)
    node = apply(make_panel, made, first, small_bundle)
    before = [voxels_of(node, index, first)[0].sum() for index in range(38)]
    made.panel.bones.groups["thumb"].setChecked(False)
    second, _ = add_volume(made.scene, speckle[::-1, ::-1].copy(), OBLIQUE, "other")
    again = apply(make_panel, made, second, small_bundle)
    assert again is node
    assert node.GetSegmentation().GetNumberOfSegments() == 38
    after = [voxels_of(node, index, second)[0].sum() for index in range(38)]
    assert before != after
    assert node.GetDisplayNode().GetSegmentVisibility("Segment_1")
    assert made.panel.bones.groups["thumb"].isChecked()
    assert made.scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 1
    assert node.GetDisplayNode() is not None
    assert list(made.temporary.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="the launcher is a script of the shell")
def test_cancel_half_way_ends_the_whole_tree(make_panel, small_bundle, tmp_path):
    from HandBoneSegmentationLib.processes import process_tree, wait_until_gone

    launcher = tmp_path / "PythonSlicer"  # which starts another process, as Slicer's does
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n')
    launcher.chmod(0o755)
    made = make_panel(str(launcher))
    noise = np.random.default_rng(0).integers(0, 255, (150, 160, 160)).astype(np.uint8)
    volume, _ = add_volume(made.scene, noise)
    file = tmp_path / "out" / "hand.nii.gz"
    file.parent.mkdir()
    made.ui.outputFileEdit.setText(str(file))
    made.panel.open_model(str(small_bundle))
    made.ui.inputSelector.setCurrentNode(volume)
    made.ui.applyButton.click()
    make_panel.wait(lambda: made.ui.progressBar.value() > 0)
    assert made.panel.logic.is_running
    assert "Finding bones" in made.ui.statusLabel.text()
    pids = process_tree(made.panel.logic.runner.pid)
    assert len(pids) == 2
    assert not wait_until_gone(pids, 0)
    made.ui.cancelButton.click()
    assert wait_until_gone(pids, 5)
    assert not made.panel.logic.is_running
    assert list(made.temporary.iterdir()) == []
    assert list(file.parent.iterdir()) == []
    assert made.ui.statusLabel.text() == "Cancelled"
    assert made.ui.applyButton.isEnabled()
    assert made.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_a_python_that_cannot_be_started(make_panel, tmp_path):
    no_program = tmp_path / "python"
    no_program.write_text("this is no program")
    made = make_panel(str(no_program))
    assert made.panel.installer.package is None
    assert "amcnet cannot be used there" in made.ui.installedLabel.text()
    made.ui.pythonEdit.setText(sys.executable)
    made.ui.pythonEdit.editingFinished.emit()
    make_panel.wait(lambda: not made.panel.installer.is_busy)
    assert made.panel.installer.package.version
    assert f"version {made.panel.installer.package.version}" in made.ui.installedLabel.text()


def test_failure_is_told_with_the_log(make_panel, tmp_path):
    made = make_panel()
    bad = tmp_path / "bad.nrrd"
    bad.write_bytes(b"no image")
    made.ui.inputFileEdit.setText(str(bad))
    made.ui.applyButton.click()
    make_panel.wait(lambda: not made.panel.logic.is_running)
    assert made.ui.statusLabel.text().startswith(f"It did not work: {bad}: ")
    assert made.ui.logText.isVisibleTo(made.widget)
    assert "amcnet: " in made.ui.logText.toPlainText()
    assert made.ui.applyButton.isEnabled()
    assert list(made.temporary.iterdir()) == []


def test_a_file_as_input(make_panel, small_bundle, speckle, tmp_path):
    from amcnet.io import write_image

    made = make_panel()
    path = tmp_path / "scan.mha"
    write_image(path, speckle, Geometry.canonical(speckle.shape, (0.5, 0.8, 0.6)))
    made.ui.inputFileEdit.setText(str(path))
    node = apply(make_panel, made, None, small_bundle)
    assert node.GetName() == "scan bones"
    assert node.GetSegmentation().GetNumberOfSegments() == 38


def test_missing_environment_offers_installation(make_panel, speckle, tmp_path, application):
    made = make_panel(python="", home=tmp_path / "settings")
    volume, _ = add_volume(made.scene, speckle)
    made.ui.inputSelector.setCurrentNode(volume)
    assert made.ui.installBox.property("collapsed")
    made.ui.applyButton.click()
    assert not made.panel.logic.is_running
    assert not made.ui.installBox.property("collapsed")
    assert "Press Install" in made.ui.statusLabel.text()
    assert made.ui.installButton.isEnabled()


def write_wheel(folder, protocol):
    """Write a wheel that says it is amcnet 9.9, without dependencies."""
    path = folder / "amcnet-9.9-py3-none-any.whl"
    record = "amcnet-9.9.dist-info"
    contents = {
        "amcnet/__init__.py": "__version__ = '9.9'",
        "amcnet/bundle.py": "def list_models():\n    return []",
        "amcnet/io.py": "IMAGE_EXTENSIONS = ('.nrrd',)\nLABEL_EXTENSIONS = ('.new',)",
        "amcnet/cli/__init__.py": "",
        "amcnet/workflows/segment/events.py": f"PROTOCOL = {protocol}",
        f"{record}/METADATA": "Metadata-Version: 2.1\nName: amcnet\nVersion: 9.9\n",
        f"{record}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{record}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in contents.items():
            wheel.writestr(name, text)
    return path


def write_client_wheel(folder, lines="numpy>=2.0\n"):
    """Write a wheel that needs something to segment here, and something else to use a server."""
    path = write_wheel(folder, 1)
    with zipfile.ZipFile(path, "a") as wheel:
        wheel.writestr("amcnet/service/client/requirements.txt", f"# needs\n\n{lines}")
    return path


def test_what_is_installed_follows_its_purpose(application, tmp_path):
    from HandBoneSegmentationLib.package_source import Purpose, pip_calls

    wheel, target = write_client_wheel(tmp_path, "numpy>=2.0\nrich\n"), tmp_path / "to"
    before = ["install", "--no-input", "--disable-pip-version-check", "--no-warn-script-location",
              "--target", str(target)]  # fmt: skip
    assert pip_calls(wheel, target, Purpose.SEGMENT) == [[*before, f"{wheel}[dicom]"]]
    assert pip_calls(wheel, target, Purpose.TRAIN) == [[*before, f"{wheel}[dicom,train]"]]
    assert pip_calls(wheel, target, Purpose.SERVER) == [
        [*before, "numpy>=2.0", "rich"],
        [*before, "--no-deps", str(wheel)],
    ]
    root = Path(__file__).parents[2]  # a folder with the source
    needs, whole = pip_calls(root, target, Purpose.SERVER)
    assert {"numpy>=2.0", "pydantic>=2.9"} < set(needs)
    assert not [line for line in needs if line.startswith(("openvino", "torch"))]
    assert whole[-2:] == ["--no-deps", str(root)]


@pytest.mark.parametrize("lines", [None, "--index-url=https://example.org\n", "a @ file:///a\n"])
def test_a_wheel_without_a_plain_list_is_not_installed_for_a_server(application, tmp_path, lines):
    from HandBoneSegmentationLib.package_source import Purpose, pip_calls

    wheel = write_wheel(tmp_path, 1) if lines is None else write_client_wheel(tmp_path, lines)
    words = "has no amcnet/service" if lines is None else "expected NAME>=VERSION"
    with pytest.raises(ValueError, match=words):
        pip_calls(wheel, tmp_path / "to", Purpose.SERVER)


@pytest.mark.slow
def test_installing_for_a_server_only(make_panel, tmp_path, monkeypatch, speckle):
    """Two calls of pip run one after the other; the panel then knows that it needs a server."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    needed = tmp_path / "needed-1.0-py3-none-any.whl"
    with zipfile.ZipFile(needed, "w") as wheel:
        wheel.writestr("needed.py", "")
        for name, text in (
            ("METADATA", "Metadata-Version: 2.1\nName: needed\nVersion: 1.0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            wheel.writestr(f"needed-1.0.dist-info/{name}", text)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    made = make_panel(python="", home=tmp_path / "settings")
    made.ui.serverOnlyCheck.setChecked(True)
    assert not made.ui.trainCheck.isEnabled()
    made.ui.sourceEdit.setText(str(write_client_wheel(tmp_path, "needed>=1.0\n")))
    made.ui.installButton.click()
    make_panel.wait(lambda: not made.panel.installer.is_busy)
    package = made.panel.installer.package
    assert package is not None, made.ui.logText.toPlainText()
    folder = Path(made.panel.installer.environment.folder)
    assert (folder / "needed.py").is_file()
    assert (folder / "amcnet/__init__.py").is_file()
    made.panel.installer.package = replace(package, has_engine=False)
    made.ui.inputSelector.setCurrentNode(add_volume(made.scene, speckle)[0])
    made.ui.serverEdit.setText("")
    made.ui.applyButton.click()
    assert "for servers only" in made.ui.statusLabel.text()
    assert not made.panel.logic.is_running
    made.ui.serverOnlyCheck.setChecked(False)


def test_installing_from_a_wheel(make_panel, tmp_path, monkeypatch):
    from HandBoneSegmentationLib.installer import slicer_python

    monkeypatch.setenv("PIP_NO_INDEX", "1")
    home = tmp_path / "settings"
    made = make_panel(python="", home=home)
    site = Path(os.__file__).parent
    before = {path: path.stat().st_mtime_ns for path in site.glob("site-packages/*")}
    made.ui.sourceEdit.setText(str(write_wheel(tmp_path, 1)))
    made.ui.installButton.click()
    make_panel.wait(lambda: not made.panel.installer.is_busy)
    package = made.panel.installer.package
    assert package is not None, made.ui.logText.toPlainText()
    assert (package.version, package.writes) == ("9.9", (".new",))
    assert "Installed: " in made.ui.statusLabel.text()
    environment = made.panel.installer.environment
    assert (environment.python, Path(environment.folder).parent.parent) == (slicer_python(), home)
    assert {path: path.stat().st_mtime_ns for path in site.glob("site-packages/*")} == before
    # One that is newer than this module is not used, and says why.
    made.ui.sourceEdit.setText(str(write_wheel(tmp_path, 2)))
    made.ui.installButton.click()
    make_panel.wait(lambda: not made.panel.installer.is_busy)
    assert "speaks version 2 of the progress lines, expected 1" in made.ui.statusLabel.text()
    # One that cannot be installed leaves what is there.
    broken = tmp_path / "amcnet-9.8-py3-none-any.whl"
    broken.write_bytes(b"no wheel")
    made.ui.sourceEdit.setText(str(broken))
    made.ui.installButton.click()
    make_panel.wait(lambda: not made.panel.installer.is_busy)
    assert "pip could not install" in made.ui.statusLabel.text()
    assert made.ui.logText.toPlainText()
    assert [path.name for path in Path(environment.folder).parent.iterdir()] == [
        Path(environment.folder).name
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "nothing is selected, expected the path of amcnet's wheel"),
        ("amcnet", "amcnet: is not a file or folder, .*not published on an index"),
        ("amcnet==0.1.0", "is not a file or folder"),
        ("git+https://example.org/amcnet", "is not a file or folder"),
        ("--index-url=https://example.org", "is not a file or folder"),
        ("{folder}", "holds no pyproject.toml"),
        ("{folder}/other-1.0-py3-none-any.whl", "is not a wheel of amcnet"),
        ("{wheel}#sha256=" + 64 * "0", "has SHA-256 .* expected 0000"),
    ],
)
def test_nothing_is_installed_by_name_or_with_another_hash(make_panel, tmp_path, source, words):
    made = make_panel(python="", home=tmp_path / "settings")
    wheel = write_wheel(tmp_path, 1)
    (tmp_path / "other-1.0-py3-none-any.whl").write_bytes(b"")
    made.ui.sourceEdit.setText(source.format(folder=tmp_path, wheel=wheel))
    made.ui.installButton.click()
    assert not made.panel.installer.is_busy  # nothing was started
    assert re.search(words, made.ui.statusLabel.text())
    assert list((tmp_path / "settings").rglob("*.py")) == []


def test_a_hash_beside_the_wheel_is_compared(tmp_path):
    from HandBoneSegmentationLib.package_source import check_source, copy_checked

    wheel = write_wheel(tmp_path, 1)
    known = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert check_source(str(wheel)) == (wheel, "")
    beside = tmp_path / f"{wheel.name}.sha256"
    beside.write_text(f"{known}  {wheel.name}\n")
    assert check_source(str(wheel)) == (wheel, known)
    folder = tmp_path / "copy"
    folder.mkdir()
    assert copy_checked(wheel, known, folder).read_bytes() == wheel.read_bytes()
    wheel.write_bytes(wheel.read_bytes() + b"more")
    with pytest.raises(ValueError, match=f"expected {known}"):
        copy_checked(*check_source(str(wheel)), folder)


def test_modules_in_the_current_folder_and_pythonpath_are_not_run(
    make_panel, tmp_path, monkeypatch
):
    ran = tmp_path / "ran"
    for name in ("json", "os", "amcnet", "pip", "encodings", "sitecustomize", "runpy"):
        (tmp_path / f"{name}.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = make_panel()
    assert made.panel.installer.package is not None, made.panel.installer.problem
    made.ui.sourceEdit.setText(str(write_wheel(tmp_path, 1)))
    made.ui.installButton.click()
    make_panel.wait(lambda: not made.panel.installer.is_busy)
    assert not ran.exists()


def test_the_python_of_slicer_keeps_its_home(make_panel, monkeypatch):
    """Slicer's launcher sets PYTHONHOME, without which its Python does not find its library."""
    from HandBoneSegmentationLib.installer import guarded_command, slicer_python

    monkeypatch.setenv("PYTHONHOME", "/somewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    ours = guarded_command(slicer_python(), "pip", "")
    assert "-I" not in ours.arguments
    assert {"-P", "-s"} < set(ours.arguments)
    assert not [name for name in ours.environment if name.startswith("PYTHON")]
    assert guarded_command("/usr/bin/other", "pip", "").arguments[0] == "-I"


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_what_runs_ends_with_the_application_even_when_that_is_killed(tmp_path):
    """Another process is the application, here with a launcher between it and Python."""
    launcher = tmp_path / "PythonSlicer"
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n')
    launcher.chmod(0o755)
    package = tmp_path / "package"
    (package / "amcnet" / "cli").mkdir(parents=True)
    (package / "amcnet" / "__init__.py").write_text("")
    (package / "amcnet" / "cli" / "__init__.py").write_text("")
    (package / "amcnet" / "cli" / "main.py").write_text(
        "import subprocess, sys, time\n"
        "def main():\n"
        "    sleep = 'import time; time.sleep(600)'\n"
        "    worker = subprocess.Popen([sys.executable, '-c', sleep])\n"
        "    print('workers', worker.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    stand_ins = Path(__file__).with_name("stand_ins.py")
    application = tmp_path / "application.py"
    application.write_text(
        "import importlib.util, sys, time\n"
        "from pathlib import Path\n"
        f"spec = importlib.util.spec_from_file_location('stand_ins', {str(stand_ins)!r})\n"
        "stand_ins = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(stand_ins)\n"
        f"events = stand_ins.install(Path({str(tmp_path / 'slicer')!r}))\n"
        "from HandBoneSegmentationLib.installer import Environment\n"
        "from HandBoneSegmentationLib.runner import Runner\n"
        "def tell(line):\n"
        "    print(runner.pid, line, flush=True)\n"
        "runner = Runner()\n"
        f"environment = Environment({str(launcher)!r}, {str(package)!r})\n"
        "runner.start(environment.command('segment'), print, tell)\n"
        "while True:\n"
        "    events.processEvents()\n"
        "    time.sleep(0.01)\n"
    )
    running = subprocess.Popen([sys.executable, application], stdout=subprocess.PIPE, text=True)
    words = running.stdout.readline().split()
    assert words[1] == "workers"
    tree = [psutil.Process(int(words[0]))]
    tree += tree[0].children(recursive=True)
    assert int(words[2]) in [process.pid for process in tree]
    assert len(tree) == 3  # launcher, amcnet, its worker
    running.kill()
    running.wait()
    assert psutil.wait_procs(tree, timeout=10)[1] == []


def test_a_voxel_size_that_is_none_is_told_before_anything_starts(make_panel, speckle):
    made = make_panel()
    volume, _ = add_volume(made.scene, speckle)
    made.ui.inputSelector.setCurrentNode(volume)
    for text in ("0.3", "1,2,x", "0,1,1", "-1,1,1", "1,1,inf"):
        made.ui.spacingEdit.setText(text)
        made.ui.applyButton.click()
        assert not made.panel.logic.is_running
        assert f"voxel size: found '{text}', expected three" in made.ui.statusLabel.text()
    made.ui.spacingEdit.setText("")


@pytest.mark.slow
def test_a_voxel_size_reaches_the_bones_and_the_volume(make_panel, small_bundle, speckle):
    import slicer

    made = make_panel()
    volume, _ = add_volume(made.scene, speckle)
    made.ui.spacingEdit.setText("0.9, 0.7, 0.6")  # scan, lateral, depth: the file's z, y, x
    node = apply(make_panel, made, volume, small_bundle)
    assert node is not None, made.ui.statusLabel.text()
    assert volume.GetSpacing() == pytest.approx((0.6, 0.7, 0.9))
    image = slicer.vtkOrientedImageData()
    assert node.GetBinaryLabelmapRepresentation("Segment_1", image)
    assert image.GetSpacing() == pytest.approx((0.6, 0.7, 0.9))
    made.ui.spacingEdit.setText("")


def test_a_server_does_the_work(make_panel, small_bundle, speckle, tmp_path):
    service = Service(tmp_path, small_bundle)
    try:
        made = make_panel()
        volume, _ = add_volume(made.scene, speckle)
        made.ui.serverEdit.setText("host:8042")
        made.ui.inputSelector.setCurrentNode(volume)
        made.ui.applyButton.click()
        assert "server: found 'host:8042', expected an address" in made.ui.statusLabel.text()
        made.ui.serverEdit.setText(service.url)
        assert not made.ui.modelCombo.isEnabled()
        node = apply(make_panel, made, volume, small_bundle)
        assert node is not None, made.ui.statusLabel.text()
        (job,) = service.get("/jobs").json["jobs"]
        assert (job["state"], job["name"]) == ("done", "input.nrrd")
        assert f"{job['found']} of 38 structures" in made.ui.statusLabel.text()
        made.ui.serverEdit.setText("")
        assert made.ui.modelCombo.isEnabled()
    finally:
        service.close()


@pytest.mark.slow
def test_a_model_in_an_archive_is_installed_and_chosen(
    make_panel, small_bundle, tmp_path, monkeypatch
):
    from amcnet.bundle.archive import pack_bundle

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    pack_bundle(small_bundle, tmp_path / "our model.zip")
    made = make_panel()
    made.panel.open_archive(str(tmp_path / "our model.zip"))
    make_panel.wait(lambda: not made.panel.installer.is_busy)
    assert made.panel.choices.model == "our-model", made.ui.statusLabel.text()
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    made.panel.open_archive(str(tmp_path / "bad.zip"))
    make_panel.wait(lambda: not made.panel.installer.is_busy)
    assert "bad.zip: cannot be read" in made.ui.statusLabel.text()
    assert made.panel.choices.model == "our-model"
    made.ui.modelCombo.setCurrentIndex(0)


def test_what_to_do_without_a_hand_is_told(application):
    from HandBoneSegmentationLib.result_box import _verdict_text

    message = "This does not look like a hand: pass another spacing"
    finding = {"kind": "unlike a hand", "message": message, "structures": [3, 4]}
    assert message in _verdict_text({"verdict": "bad", "findings": [finding]})


def test_settings_are_remembered(make_panel, small_bundle):
    made = make_panel()
    made.ui.qualityCombo.setCurrentIndex(2)
    made.panel.open_model(str(small_bundle))
    assert made.panel.node.GetParameter("quality") == "best"
    other = make_panel()
    assert other.panel.choices.quality == "best"
    assert other.panel.choices.model == str(small_bundle)
    other.ui.qualityCombo.setCurrentIndex(1)
    other.ui.modelCombo.setCurrentIndex(0)


def test_module_and_its_sample(application, make_panel, monkeypatch):
    import HandBoneSegmentation as module
    import qt
    import SampleData
    import slicer
    from HandBoneSegmentationLib.parameters import Memory

    Memory(qt.QSettings()).set("python", sys.executable)
    parent = type("Parent", (), {})()
    module.HandBoneSegmentation(parent)
    assert parent.title == "Hand Bone Segmentation"
    slicer.app.startupCompleted.emit()
    source = SampleData.SampleDataLogic.sources["Synthetic hand"]
    assert Path(source["thumbnailFileName"]).is_file()
    node = source["customDownloader"](None)
    assert node.GetImageData().GetDimensions() == (128, 256, 304)
    widget = module.HandBoneSegmentationWidget()
    widget.setup()
    make_panel.wait(lambda: not widget.panel.installer.is_busy)
    assert widget.panel.ui.inputSelector.currentNode() is node
    assert widget.panel.ui.applyButton.isEnabled()
    widget.cleanup()
    assert list(Path(slicer.app.temporaryPath).iterdir()) == []


def test_terminology_of_a_table_without_codes(run, tmp_path):
    """A structure that nobody coded has the entry that amcnet writes into its files."""
    from amcnet.anatomy import LabelTable
    from amcnet.io.segment_list import make_segments
    from HandBoneSegmentationLib.results import terminology_entry

    table = LabelTable.from_names(["one"])
    path = tmp_path / "one.seg.nrrd"
    grid = Geometry.canonical((2, 3, 4), (1.0, 1.0, 1.0))
    write_labels(path, np.ones((2, 3, 4), np.uint8), grid, table)
    entry = terminology_entry(
        json.loads(json.dumps(make_segments(table, (4, 3, 2))))[0]["terminology"]
    )
    assert f"TerminologyEntry:{entry}" in path.read_bytes().split(b"\n\n")[0].decode()
