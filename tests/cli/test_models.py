import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from amcnet.cli.main import app
from amcnet.errors import AmcnetError
from amcnet.io import Geometry, read_labels, write_image


def amcnet(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def test_from_one_user_to_another(
    small_bundle: Path, models_home: Path, speckle: np.ndarray, tmp_path: Path
) -> None:
    archive = tmp_path / "small.zip"
    assert "small.zip" in done(amcnet("models", "pack", small_bundle, "-o", archive))
    text = done(amcnet("models", "install", archive, "--name", "mine"))
    assert "--model mine" in text
    assert "Untrained." in text
    listed = done(amcnet("models", "list"))
    assert [line for line in listed.splitlines() if not line.startswith(" ")] == ["hand", "mine"]
    for part in ("structures     38", "notice         Untrained.", "training data  nothing"):
        assert part in listed
    assert str(models_home / "mine") in listed
    volume, labels = tmp_path / "hand.nrrd", tmp_path / "labels.nrrd"
    write_image(volume, speckle, Geometry.canonical(speckle.shape, (0.5, 0.8, 0.6)))
    assert "Untrained." in done(amcnet("segment", volume, "-o", labels, "--model", "mine"))
    scores = done(amcnet("evaluate", labels, labels, "--labels", "mine"))
    assert "1.000" in scores
    done(amcnet("models", "remove", "mine"))
    assert not (models_home / "mine").exists()


def test_scores_travel_with_a_model(small_bundle: Path, models_home: Path, tmp_path: Path) -> None:
    done(amcnet("models", "install", small_bundle))
    shape = (12, 10, 9)
    truth, found = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    truth[2:8, 2:8, 2:8] = 1
    found[2:8, 2:8, 2:5] = 1
    for name, labels in (("truth", truth), ("found", found)):
        write_image(tmp_path / f"{name}.nrrd", labels, Geometry.canonical(shape, (1.0, 1.0, 1.0)))
    figures = tmp_path / "figures.json"
    done(
        amcnet(
            "evaluate",
            tmp_path / "truth.nrrd",
            tmp_path / "found.nrrd",
            "--labels",
            "hand",
            "--json",
            figures,
        )
    )
    for data in ("one box", "another box", "one box"):
        done(amcnet("models", "score", "small", figures, "--data", data))
    archive = tmp_path / "small.zip"
    done(amcnet("models", "pack", "small", "-o", archive))
    done(amcnet("models", "install", archive, "--name", "copy"))
    listed = done(amcnet("models", "list")).split("copy\n")[1].split("small\n")[0]
    assert listed.count("scores on      one box (1)") == 1
    assert listed.count("scores on      another box (1)") == 1
    rows = [line.split() for line in listed.splitlines()]
    assert ["dice", "bone", "0.667"] in rows  # 2 * 108 / (216 + 108)
    assert ["found", "1.000"] in rows
    assert "licence        not stated" in listed


def test_what_is_wrong_is_said(small_bundle: Path, models_home: Path, tmp_path: Path) -> None:
    done(amcnet("models", "install", small_bundle))
    result = amcnet("models", "install", small_bundle)
    assert isinstance(result.exception, AmcnetError)
    assert "--overwrite" in str(result.exception)
    done(amcnet("models", "install", small_bundle, "--overwrite"))
    result = amcnet("segment", tmp_path / "x.nrrd", "-o", tmp_path / "y.nrrd", "--model", "smal")
    assert "one of hand, small (did you mean small?)" in str(result.exception)
    assert isinstance(amcnet("models", "remove", "none").exception, AmcnetError)
    (models_home / "small" / "model.json").write_text("{}")
    assert "unusable" in done(amcnet("models", "list"))


def test_ensembles_and_their_notices(
    small_bundle: Path, other_bundle: Path, speckle: np.ndarray, tmp_path: Path
) -> None:
    volume, labels = tmp_path / "hand.nrrd", tmp_path / "labels.nrrd"
    write_image(volume, speckle, Geometry.canonical(speckle.shape, (0.5, 0.8, 0.6)))
    models = [
        word for path in (small_bundle, other_bundle, small_bundle) for word in ("--model", path)
    ]
    result = amcnet("segment", volume, "-o", labels, *models)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-2:] == ["Untrained.", "Untrained too."]


@pytest.fixture
def channels(speckle: np.ndarray, tmp_path: Path) -> Path:
    second = np.random.default_rng(8).integers(0, 200, speckle.shape).astype(np.uint8)
    for number, array in enumerate((speckle, second)):
        geometry = Geometry.canonical(array.shape, (0.5, 0.8, 0.6))
        write_image(tmp_path / f"hand_000{number}.nrrd", array, geometry)
    return tmp_path / "hand_0000.nrrd"


def test_channels_are_found_by_name(two_channel_bundle: Path, channels: Path) -> None:
    from amcnet import segment
    from amcnet.bundle import load_bundle

    out = channels.parent / "out"
    out.mkdir()
    done(amcnet("segment", channels, "-o", out, "--model", two_channel_bundle))
    (written,) = out.iterdir()
    assert written.name == "hand.seg.nrrd"
    other = channels.with_name("hand_0001.nrrd")
    expected = segment(channels=[channels, other], model=two_channel_bundle)
    table = load_bundle(two_channel_bundle).description.label_table
    assert np.array_equal(read_labels(written, table).array, expected.labels)


def test_a_missing_channel(two_channel_bundle: Path, channels: Path) -> None:
    target = channels.parent / "out.nrrd"
    second = channels.with_name("hand_0001.nrrd")
    shutil.move(second, second.with_name("away.nrrd"))
    result = amcnet("segment", channels, "-o", target, "--model", two_channel_bundle)
    assert "hand_0001.nrrd: no such file, expected it in the folder of hand_0000" in result.output
    result = amcnet(
        "segment", second.with_name("away.nrrd"), "-o", target, "--model", two_channel_bundle
    )
    assert "away.nrrd: found no _0000 at the end" in str(result.exception)
    assert not target.exists()


def test_an_evaluation_without_a_summary_is_one_line(small_bundle: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    for text in (
        "{}",
        '{"structures": []}',
        '{"structures": [{}]}',
        '{"structures": [1], "summary": 3}',
        '{"cases": {"a": {"structures": []}}}',
        '{"cases": {"a": {"structures": [], "summary": {"by_kind": 1}}}}',
        "[" * 100_000,
    ):
        figures.write_text(text)
        result = amcnet("models", "score", small_bundle, figures, "--data", "x")
        assert isinstance(result.exception, AmcnetError), text
        assert "figures.json" in str(result.exception), text
