"""From corrections to a better model: with real MRML, real Qt and the real amcnet."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from amcnet.anatomy import hand_label_table
from amcnet.bundle import load_bundle
from amcnet.io import read_labels, read_volume

from ..service.running import Service
from .test_panel import add_volume, apply

pytest.importorskip("slicer_core")
pytest.importorskip("PySide6")

PATIENT = "Anna Müller 1.2.2011"


@pytest.fixture(scope="module")
def applied(make_panel, small_bundle, speckle, tmp_path_factory):
    """A panel after Apply, with a data set that does not exist yet."""
    made = make_panel()
    made.volume, _ = add_volume(made.scene, speckle, name=PATIENT)
    made.node = apply(make_panel, made, made.volume, small_bundle)
    assert made.node is not None, made.ui.statusLabel.text()
    made.data = tmp_path_factory.mktemp("data") / "my scans"
    made.ui.dataSetEdit.setText(str(made.data))
    return made


def labels_of(node):
    """Return the voxels of the segments' common labelmap, which may be written to."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    image = node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap")
    return vtk_to_numpy(image.GetPointData().GetScalars())


def largest(node):
    """Return the name and the value of the segment with the most voxels."""
    value = int(np.bincount(labels_of(node))[1:].argmax()) + 1
    return hand_label_table()[value].name, value


def enlarge(node):
    """Let the labelmap reach further without changing a segment, as the Segment Editor does."""
    from vtkmodules.vtkImagingCore import vtkImageConstantPad

    segmentation = node.GetSegmentation()
    image = segmentation.GetNthSegment(0).GetRepresentation("Binary labelmap")
    low_x, high_x, low_y, high_y, low_z, high_z = image.GetExtent()
    pad = vtkImageConstantPad()
    pad.SetInputData(image)
    pad.SetOutputWholeExtent(low_x - 2, high_x + 1, low_y, high_y + 3, low_z - 1, high_z)
    pad.Update()
    image.ShallowCopy(pad.GetOutput())


def add(make_panel, made):
    made.ui.addButton.click()
    make_panel.wait(lambda: not made.panel.correct.data_set.is_running)
    return made.ui.statusLabel.text()


def test_corrections_are_told_by_the_voxels(applied):
    from HandBoneSegmentationLib.corrections import names_by_correction

    name, value = largest(applied.node)
    changed, unchanged = names_by_correction(applied.node)
    assert (changed, len(unchanged)) == ([], 38)
    enlarge(applied.node)
    assert names_by_correction(applied.node)[0] == []
    labels = labels_of(applied.node)
    place = np.flatnonzero(labels == value)[0]
    labels[place] = 0
    changed, unchanged = names_by_correction(applied.node)
    assert (changed, len(unchanged)) == ([name], 37)
    labels[place] = value
    assert names_by_correction(applied.node)[0] == []


def test_what_to_correct_next(applied, make_panel):
    from HandBoneSegmentationLib.corrections import worth_correcting

    rows = [
        {"name": "a", "present": True, "verdict": "ok", "confidence": 0.9},
        {"name": "b", "present": True, "verdict": "ok", "confidence": 0.9, "predicted_dice": 0.3},
        {"name": "c", "present": False, "verdict": "ok", "confidence": None},
        {"name": "d", "present": False, "verdict": "look", "confidence": None},
    ]
    assert worth_correcting({"structures": rows}) == ["d", "b", "a"]
    text = applied.ui.correctLabel.text()
    names = text.removeprefix("Least sure: ").split(", ")
    assert text.startswith("Least sure: ")
    assert len(names) == 5
    for name in (*names, names[0]):
        applied.ui.nextButton.click()
        assert applied.ui.statusLabel.text().startswith(name)


def test_a_corrected_case_goes_into_the_data_set(applied, make_panel, speckle):
    name, value = largest(applied.node)
    labels = labels_of(applied.node)
    labels[np.flatnonzero(labels == value)[:3]] = 0
    said = add(make_panel, applied)
    assert "added as case_0001" in said
    assert "1 of 38 structures were corrected" in said
    other, _ = add_volume(applied.scene, speckle[::-1].copy())
    applied.ui.inputSelector.setCurrentNode(other)
    applied.ui.unsureCheck.setChecked(True)
    assert "added as case_0002" in add(make_panel, applied)
    applied.ui.unsureCheck.setChecked(False)
    applied.ui.inputSelector.setCurrentNode(applied.volume)
    notes = json.loads((applied.data / "corrections.json").read_text(encoding="utf-8"))
    assert notes["case_0001"]["corrected"] == [name]
    assert notes["case_0001"]["unsure"] == []
    assert notes["case_0002"]["corrected"] == [name]
    assert len(notes["case_0002"]["unsure"]) == 37
    image = read_volume(applied.data / "imagesTr" / "case_0001_0000.nrrd")
    np.testing.assert_array_equal(image.array, speckle)
    table = hand_label_table()
    first, second = (
        read_labels(applied.data / "labelsTr" / f"case_000{n}.nrrd").array for n in (1, 2)
    )
    assert (first == value).sum() == (labels == value).sum()
    np.testing.assert_array_equal(
        np.bincount(first.ravel(), minlength=40)[1:39], np.bincount(labels, minlength=40)[1:39]
    )
    others = (first > 0) & (first != value)
    assert set(np.unique(second[others])) == {len(table) + 1}
    np.testing.assert_array_equal(second == value, first == value)
    content = b"".join(p.read_bytes() for p in applied.data.rglob("*") if p.is_file())
    assert b"ller" not in content
    assert list(applied.temporary.iterdir()) == []


def test_a_segment_of_another_name_is_refused(applied, make_panel):
    import slicer

    before = sorted(applied.data.rglob("*"))
    image = applied.node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap")
    segment = slicer.vtkSegment()
    segment.SetName("tumour")
    segment.SetLabelValue(77)
    segment.AddRepresentation("Binary labelmap", image)
    applied.node.GetSegmentation().AddSegment(segment, "tumour")
    said = add(make_panel, applied)
    applied.node.GetSegmentation().RemoveSegment("tumour")
    assert "holds 'tumour', which are unknown to the data set" in said
    assert sorted(applied.data.rglob("*")) == before


def test_without_a_folder_or_pytorch_the_panel_says_so(applied, make_panel):
    from dataclasses import replace

    folder = applied.ui.dataSetEdit.text()
    applied.ui.dataSetEdit.setText("")
    applied.ui.addButton.click()
    assert "no data set is selected" in applied.ui.statusLabel.text()
    applied.ui.improveButton.click()
    assert "expected a folder with cases in it" in applied.ui.statusLabel.text()
    applied.ui.dataSetEdit.setText(folder)
    installer = applied.panel.installer
    package = installer.package
    installer.package = replace(package, has_torch=False)
    applied.ui.improveButton.click()
    installer.package = package
    assert "training needs PyTorch" in applied.ui.statusLabel.text()
    assert not applied.panel.correct.is_busy


@pytest.mark.skipif(os.name == "nt", reason="a process cannot be asked to end")
def test_a_model_is_improved_paused_and_resumed(applied, make_panel):
    improvement = applied.panel.correct.improvement
    applied.ui.minutesSpin.setValue(300)
    applied.ui.improveButton.click()
    assert improvement.is_running, applied.ui.statusLabel.text()
    assert applied.ui.pauseButton.text() == "Pause"
    assert not applied.ui.applyButton.isEnabled()
    make_panel.wait(lambda: improvement._losses or not improvement.is_running, 900)
    assert improvement.is_running, applied.ui.logText.toPlainText()
    assert applied.ui.statusLabel.text().startswith("Training: step ")
    assert not applied.ui.curveLabel.pixmap().isNull()
    applied.ui.pauseButton.click()
    make_panel.wait(lambda: not improvement.is_running, 900)
    assert "was paused. Press Resume" in applied.ui.statusLabel.text()
    assert applied.ui.pauseButton.text() == "Resume"
    assert applied.ui.applyButton.isEnabled()
    run = improvement.run
    config = run / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    steps = improvement._losses[-1][0]
    settings["schedule"]["steps"] = steps + 3  # a resumed run may have another schedule
    config.write_text(json.dumps(settings), encoding="utf-8")
    applied.ui.pauseButton.click()
    make_panel.wait(lambda: not improvement.is_running, 900)
    assert "new model my scans-1 is in the list" in applied.ui.statusLabel.text()
    assert applied.ui.modelCombo.currentText() == "my scans-1"
    assert applied.panel.choices.model == str(run)
    provenance = load_bundle(run).description.provenance
    assert provenance.steps >= steps
    assert provenance.started_from.startswith("small")
    assert not improvement.can_resume
    applied.ui.applyButton.click()  # the new model is used
    make_panel.wait(lambda: not applied.panel.logic.is_running)
    assert "of 38 structures" in applied.ui.statusLabel.text()


@pytest.mark.slow
def test_a_model_is_trained_on_a_server(applied, make_panel, small_bundle, tmp_path):
    service = Service(tmp_path, small_bundle, "--training", "5")
    ui, improvement = applied.ui, applied.panel.correct.improvement
    try:
        ui.serverEdit.setText(service.url)
        ui.minutesSpin.setValue(300)
        ui.improveButton.click()
        make_panel.wait(lambda: improvement._losses or not improvement.is_running, 900)
        assert improvement.is_running, ui.logText.toPlainText() + service.log_text()
        (training,) = service.get("/trainings").json["trainings"]
        assert (training["name"], training["minutes"]) == (applied.data.name, 300)
        ui.pauseButton.click()
        make_panel.wait(lambda: not improvement.is_running, 900)
        assert "was paused. Press Resume" in ui.statusLabel.text()
        assert improvement.can_resume
        ui.minutesSpin.setValue(301)  # longer than the server trains
        ui.improveButton.click()
        make_panel.wait(lambda: not improvement.is_running, 900)
        assert "expected at most 300 min" in ui.statusLabel.text()
    finally:
        ui.serverEdit.setText("")
        service.close()


def test_the_curve_rises_where_the_figures_do(application):
    from HandBoneSegmentationLib.curve import draw_curve

    def height(points):
        """Return the row of the leftmost and the rightmost blue pixel."""
        image = draw_curve(points, []).toImage()
        blue = [
            (x, y)
            for x in range(19, image.width() - 19)
            for y in range(5, image.height() - 19)
            if image.pixelColor(x, y).name() == "#2060b0"
        ]
        return min(blue)[1], max(blue)[1]

    left, right = height([(1, 0.1), (10, 0.9)])
    assert right < left - 50  # rows count downwards
    left, right = height([(1, 2.0), (10, 0.5)])
    assert right > left + 50
    assert not draw_curve([], []).isNull()


def test_runs_count_up_and_finished_ones_are_not_resumed(tmp_path: Path):
    from HandBoneSegmentationLib.improvement import is_unfinished, new_run

    data = tmp_path / "scans"
    first = new_run(data)
    assert first == tmp_path / "scans-models" / "scans-1"
    (first / "checkpoints").mkdir(parents=True)
    assert new_run(data).name == "scans-2"
    (first / "config.json").write_text("{}")
    assert not is_unfinished(first)
    (first / "checkpoints" / "last.ckpt").write_bytes(b"")
    assert is_unfinished(first)
    (first / "model").mkdir()
    (first / "model" / "model.json").write_text("{}")
    assert not is_unfinished(first)
