import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amcnet.bundle import Bundle, load_bundle
from amcnet.cli.main import app
from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.training.adaptation.adaptation import SETTINGS_FILE, Adaptation, AdaptOptions, adapt
from amcnet.training.adaptation.scan_verdict import ScanVerdict, Verdicts
from amcnet.training.adaptation.self_labelling import SelfLabelling

SECONDS = 2.0


def options_for(model: Bundle, rounds: int = 1, sure: float = 0.2) -> AdaptOptions:
    return AdaptOptions(
        start_from=str(model.folder),
        max_hours=rounds * SECONDS / 3600,
        rounds=rounds,
        labelling=SelfLabelling(quality="fast", sure=sure),
    )


def test_the_model_is_kept_only_if_its_verdicts_are_better(
    tmp_path: Path, model: Bundle, scans: list[Path]
) -> None:
    out = tmp_path / "adapted"
    result = adapt(scans, out, options_for(model))
    before, after = result.verdicts
    assert (result.model is not None) == after.are_better_than(before)
    trained = load_bundle(out / "round-1" / "run").description
    assert trained.name == "blocks-adapted"
    assert "4 scans without reference labels" in trained.notice
    assert model.description.provenance.training_data in trained.notice
    assert trained.provenance.before == model.description.provenance
    if result.model is None:
        assert result.gain == 0
        assert not (out / "model").exists()
    else:
        assert result.gain == pytest.approx(after.expected_dice - before.expected_dice)
        assert load_bundle(out).description == trained


def test_an_interrupted_adaptation_goes_on(
    tmp_path: Path, model: Bundle, scans: list[Path]
) -> None:
    out = tmp_path / "adapted"
    options = options_for(model)
    first = adapt(scans, out, options)
    weights = out / "round-1" / "run" / "checkpoints" / "last.ckpt"
    trained_at = weights.stat().st_mtime_ns
    shutil.rmtree(out / "round-2")
    shutil.rmtree(out / "model", ignore_errors=True)
    (out / "round-2").mkdir()  # as if ended while labelling
    again = adapt(scans, out, options, resume=True)
    assert again.verdicts == first.verdicts
    (out / "round-1" / "verdicts.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"verdicts.json: cannot be read, expected verdicts"):
        adapt(scans, out, options, resume=True)
    assert weights.stat().st_mtime_ns == trained_at
    assert (again.model is None) == (first.model is None)


def test_only_the_same_adaptation_goes_on(tmp_path: Path, model: Bundle, scans: list[Path]) -> None:
    out = tmp_path / "adapted"
    with pytest.raises(OutputError, match="expected an adaptation to resume"):
        adapt(scans, out, options_for(model), resume=True)
    out.mkdir(exist_ok=True)
    (out / SETTINGS_FILE).write_text("{}")
    with pytest.raises(ConfigError, match="cannot be read"):
        adapt(scans, out, options_for(model), resume=True)
    with pytest.raises(OutputError, match="already holds an adaptation"):
        adapt(scans, out, options_for(model))
    (out / SETTINGS_FILE).unlink()
    adapt(scans[:1], out, options_for(model))
    with pytest.raises(ConfigError, match="made with other scans, expected"):
        adapt(scans, out, options_for(model), resume=True)
    with pytest.raises(ConfigError, match="made with other options, expected"):
        adapt(scans[:1], out, options_for(model, sure=0.3), resume=True)


def test_a_folder_with_other_files_is_left_alone(
    tmp_path: Path, model: Bundle, scans: list[Path]
) -> None:
    out = tmp_path / "mine"
    (out / "round-1").mkdir(parents=True)
    (out / "round-1" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds round-1, expected a new or an empty folder"):
        adapt(scans, out, options_for(model))
    assert (out / "round-1" / "notes.txt").read_text() == "mine"


def test_a_failed_beginning_leaves_the_folder_free(
    tmp_path: Path, model: Bundle, scans: list[Path]
) -> None:
    out = tmp_path / "adapted"
    with pytest.raises(InputError, match="none of 1 scan could be read"):
        adapt([tmp_path / "missing.nrrd"], out, options_for(model))
    with pytest.raises(InputError, match="below 1 for every structure"):
        adapt(scans, out, options_for(model, sure=1))
    assert adapt(scans, out, options_for(model)).verdicts


def test_the_gain_is_that_of_the_rounds_that_were_kept(model: Bundle) -> None:
    verdicts = tuple(
        Verdicts(scans=(ScanVerdict(scan="a", implausible=bad, expected_dice=dice, sure=1),))
        for bad, dice in ((1, 0.5), (1, 0.6), (2, 0.9))
    )
    assert Adaptation(model, 1, verdicts).gain == pytest.approx(0.1)
    assert Adaptation(None, 0, verdicts).gain == 0


def test_a_model_of_two_channels_is_refused(tmp_path: Path, two_channel_bundle: Path) -> None:
    options = AdaptOptions(start_from=str(two_channel_bundle))
    with pytest.raises(ConfigError, match="2 channels, expected a model of one"):
        adapt([tmp_path / "scan.nrrd"], tmp_path / "out", options)


def test_the_command_says_what_was_gained(tmp_path: Path, model: Bundle, scans: list[Path]) -> None:
    out = tmp_path / "adapted"
    arguments = ["adapt", *map(str, scans), "-o", str(out), "--from", str(model.folder)]
    done = CliRunner().invoke(app, [*arguments, "--max-time", "2s", "--rounds", "1"])
    assert "after round 1: expected Dice 0." in done.stdout
    if done.exit_code:
        assert done.exit_code == 3
        assert "no gain: no model was written" in done.stdout
        assert not (out / "model").exists()
    else:
        assert f"{out / 'model'}: the adapted model, expected gain +" in done.stdout
        assert "predicted, not measured" in done.stdout
        assert load_bundle(out).description.calibration is None
