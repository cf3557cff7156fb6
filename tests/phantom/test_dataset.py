import hashlib
import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.anatomy import hand_label_table
from amcnet.errors import ConfigError, OutputError
from amcnet.phantom import (
    PhantomConfig,
    PhantomGrid,
    make_phantom,
    summarise_left_out,
    write_dataset,
)
from amcnet.phantom.dataset import split_cases

GRID = PhantomGrid((60, 48, 24), (2.87, 2.8, 1.9))
CONFIG = PhantomConfig(GRID)
FILES = {
    ".lock",  # stays, for the next process that writes here
    "dataset.json",
    "splits_final.json",
    *(f"imagesTr/hand_00000{i}_0000.nrrd" for i in (4, 5)),
    *(f"labelsTr/hand_00000{i}.nrrd" for i in (4, 5)),
    *(f"parameters/hand_00000{i}.json" for i in (4, 5)),
}


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("data") / "phantom"
    assert write_dataset(out, 2, 4, CONFIG) == ["hand_000004", "hand_000005"]
    return out


def test_layout_is_that_of_nnunet(written):
    assert set(digests(written)) == FILES
    description = json.loads((written / "dataset.json").read_text(encoding="utf-8"))
    assert description["channel_names"] == {"0": "ultrasound"}
    assert description["numTraining"] == 2
    assert description["file_ending"] == ".nrrd"
    names = {s.name: s.value for s in hand_label_table()}
    assert description["labels"] == {"background": 0, **names}


def test_files_hold_the_phantom_in_canonical_geometry(written):
    phantom = make_phantom(4, CONFIG)
    scan, lateral, depth = GRID.spacing_mm
    for name, array in (
        ("imagesTr/hand_000004_0000.nrrd", phantom.image),
        ("labelsTr/hand_000004.nrrd", phantom.labels),
    ):
        image = sitk.ReadImage(str(written / name))
        assert image.GetSize() == GRID.shape[::-1]
        assert image.GetSpacing() == pytest.approx((depth, lateral, scan))
        assert image.GetDirection() == pytest.approx((1, 0, 0, 0, 1, 0, 0, 0, 1))
        assert image.GetPixelID() == sitk.sitkUInt8
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)


def test_parameters_say_what_was_drawn(written):
    text = (written / "parameters" / "hand_000005.json").read_text(encoding="utf-8")
    found, phantom = json.loads(text), make_phantom(5, CONFIG)
    assert found == json.loads(json.dumps(phantom.description()))
    assert (found["seed"], found["format"]) == (5, 2)
    assert found["amcnet"] == version("amcnet")
    assert found["config"] == {
        "shape": [60, 48, 24],
        "spacing_mm": [2.87, 2.8, 1.9],
        "variety": "complete",
        "age_years": None,
    }
    assert found["hand"]["side"] == phantom.hand.side


def test_number_of_processes_changes_no_byte(written, tmp_path):
    out, calls = tmp_path / "two", []
    write_dataset(out, 2, 4, CONFIG, 2, lambda done, total: calls.append((done, total)))
    assert digests(out) == digests(written)
    assert calls == [(0, 2), (1, 2), (2, 2)]


def test_interrupted_call_can_be_repeated(written, tmp_path):
    def interrupt(done, total):
        if done == 1:
            raise KeyboardInterrupt

    out, calls = tmp_path / "phantom", []
    with pytest.raises(KeyboardInterrupt):
        write_dataset(out, 2, 4, CONFIG, progress=interrupt)
    first = out / "imagesTr" / "hand_000004_0000.nrrd"
    made = first.stat().st_mtime_ns
    write_dataset(out, 2, 4, CONFIG, progress=lambda *now: calls.append(now))
    assert digests(out) == digests(written)
    assert first.stat().st_mtime_ns == made
    # The case that was there already says nothing about the time left.
    assert calls == [(0, 1), (1, 1)]


class _EndsItsProcess(PhantomConfig):
    def __reduce__(self):
        return os._exit, (1,)


def test_process_that_ends_is_told_in_words(tmp_path):
    with pytest.raises(OutputError, match="fewer jobs"):
        write_dataset(tmp_path / "phantom", 2, 4, _EndsItsProcess(GRID), 2)


@pytest.mark.parametrize(
    "lost",
    ["imagesTr/hand_000004_0000.nrrd", "labelsTr/hand_000004.nrrd", "parameters/hand_000004.json"],
)
def test_case_with_a_lost_file_is_made_again(written, tmp_path, lost):
    out = tmp_path / "phantom"
    write_dataset(out, 1, 4, CONFIG)
    (out / lost).unlink()
    write_dataset(out, 1, 4, CONFIG)
    assert digests(out)[lost] == digests(written)[lost]


@pytest.mark.parametrize(
    ("count", "seed", "jobs", "name"),
    [(0, 0, 1, "count"), (-3, 0, 1, "count"), (1, -1, 1, "seed"), (1, 0, 0, "jobs")],
)
def test_arguments_out_of_range_are_refused(tmp_path, count, seed, jobs, name):
    with pytest.raises(ConfigError, match=f"^{name}: found"):
        write_dataset(tmp_path / "phantom", count, seed, CONFIG, jobs)
    assert not (tmp_path / "phantom").exists()


def test_missing_parent_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match="missing"):
        write_dataset(tmp_path / "missing" / "phantom", 1, 0, CONFIG)
    assert not (tmp_path / "missing").exists()


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "phantom").write_text("a file")
    with pytest.raises(OutputError, match="phantom"):
        write_dataset(tmp_path / "phantom", 1, 0, CONFIG)
    assert (tmp_path / "phantom").read_text() == "a file"


@pytest.mark.parametrize(
    ("config", "found", "expected"),
    [
        (PhantomConfig(PhantomGrid((61, 48, 24), GRID.spacing_mm)), "[60, 48, 24]", "[61, 48, 24]"),
        (
            PhantomConfig(PhantomGrid(GRID.shape, (2.87, 2.8, 1.8))),
            "[2.87, 2.8, 1.9]",
            "[2.87, 2.8, 1.8]",
        ),
        (PhantomConfig(GRID, "full"), '"complete"', '"full"'),
        (PhantomConfig(GRID, age_years=(4.0, 8.0)), "age_years null", "age_years [4.0, 8.0]"),
    ],
)
def test_case_of_another_configuration_is_refused_before_any_is_made(
    written, config, found, expected
):
    before = digests(written)
    with pytest.raises(OutputError) as raised:
        write_dataset(written, 3, 2, config)  # 2 and 3 are not there yet, 4 is
    message = str(raised.value)
    assert str(written / "parameters" / "hand_000004.json") in message
    assert message.index(found) < message.index("expected") < message.index(expected)
    assert "another folder" in message
    assert digests(written) == before


def test_cases_whose_parameters_use_the_former_key_are_kept(written, tmp_path):
    out = tmp_path / "former"
    shutil.copytree(written, out)
    path = out / "parameters" / "hand_000004.json"
    content = json.loads(path.read_text())
    content["recipe"] = content.pop("config")
    path.write_text(json.dumps(content))
    write_dataset(out, 1, 4, CONFIG)
    assert "recipe" in json.loads(path.read_text())


@pytest.mark.parametrize("old", ["{}", '{"seed": 4, "shape": [60, 48, 24]}', "[]", "{", "\xff"])
def test_case_of_an_older_version_or_unreadable_is_refused(written, tmp_path, old):
    for name in ("imagesTr/hand_000004_0000.nrrd", "labelsTr/hand_000004.nrrd"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "parameters").mkdir()
    parameters = tmp_path / "parameters" / "hand_000004.json"
    parameters.write_text(old, encoding="latin-1")
    with pytest.raises(
        OutputError, match=r"hand_000004\.json: does not describe a phantom.*expected format 2"
    ):
        write_dataset(tmp_path, 1, 4, CONFIG)


def test_data_set_of_someone_else_is_refused(tmp_path):
    (tmp_path / "dataset.json").write_text('{"name": "mine"}')
    with pytest.raises(OutputError, match="describes another data set"):
        write_dataset(tmp_path, 1, 4, CONFIG)
    assert set(digests(tmp_path)) == {".lock", "dataset.json"}


def test_split_is_that_of_the_paper_and_spread_over_the_seeds():
    names = [f"hand_{i:06d}" for i in range(103)]
    split = split_cases(names)
    assert (len(split["train"]), len(split["val"])) == (77, 26)
    assert sorted(split["train"] + split["val"]) == names
    assert split_cases(reversed(names)) == split
    places = [names.index(name) for name in split["val"]]
    assert 35 < sum(places) / 26 < 67
    assert len({place % 4 for place in places}) == 4


def test_split_stays_what_it_is():
    # Published scores refer to it. From: printf NAME | sha256sum, for each name.
    assert split_cases([f"hand_00000{i}" for i in range(8)])["val"] == [
        "hand_000005",
        "hand_000007",
    ]


@pytest.mark.parametrize(("count", "held_out"), [(2, 1), (3, 1), (4, 1), (8, 2), (40, 10)])
def test_split_holds_out_a_quarter_and_at_least_one(count, held_out):
    split = split_cases([str(i) for i in range(count)])
    assert (len(split["train"]), len(split["val"])) == (count - held_out, held_out)


def test_split_file_names_every_complete_case_of_the_folder(written, tmp_path):
    out = tmp_path / "phantom"
    write_dataset(out, 1, 9, CONFIG)
    assert not (out / "splits_final.json").exists()
    (out / "labelsTr" / "hand_000007.nrrd").touch()  # left by an interrupted call
    write_dataset(out, 2, 4, CONFIG)
    (fold,) = json.loads((out / "splits_final.json").read_text(encoding="utf-8"))
    assert set(fold) == {"train", "val"}
    assert {*fold["train"], *fold["val"]} == {"hand_000004", "hand_000005", "hand_000009"}
    assert json.loads((out / "dataset.json").read_text(encoding="utf-8"))["numTraining"] == 3


def test_left_out_structures_are_counted(tmp_path):
    (tmp_path / "parameters").mkdir()
    hands = [
        {},
        {"absent": {}, "cut": []},
        {"absent": {"epiphysis of distal phalanx of thumb": "fused"}, "cut": []},
        {
            "absent": {
                "epiphysis of distal phalanx of thumb": "not ossified",
                "epiphysis of proximal phalanx of thumb": "fused",
            },
            "cut": ["distal phalanx of thumb"],
        },
        {"absent": {"distal phalanx of thumb": "outside"}},
    ]
    for number, hand in enumerate(hands):
        path = tmp_path / "parameters" / f"{number}.json"
        path.write_text(json.dumps({"hand": hand}), encoding="utf-8")
    assert summarise_left_out(tmp_path, "01") == ""
    assert summarise_left_out(tmp_path, "0123") == (
        "2 of 4 hands lack epiphyses (fused, not ossified); 1 of 4 hands is cut by the border; "
        "see parameters/CASE.json"
    )
    assert summarise_left_out(tmp_path, "04") == (
        "1 of 2 hands lacks structures (outside); see parameters/CASE.json"
    )
