"""Adapt a model to scans without labels: it labels them and is trained on its own labels.

Self-training (Lee, ICML workshop on representation learning 2013) in rounds. Since no true labels
are known, the model's own verdicts on the scans decide whether a round is kept.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError

from amcnet.bundle import Bundle, load_bundle, record_calibration
from amcnet.bundle.bundle import write_bundle_description
from amcnet.data import check_dataset
from amcnet.errors import ConfigError, InputError, OutputError, count_text
from amcnet.io.atomic_files import write_atomically
from amcnet.io.atomic_folders import new_folder, put_in_place
from amcnet.io.small_files import read_small_file
from amcnet.io.verified_files import copy_verified
from amcnet.training.adaptation.scan_verdict import Verdicts
from amcnet.training.adaptation.self_labelling import SelfLabelling, label_scans
from amcnet.training.config_reading import read_config
from amcnet.training.progress_events import TrainingListener
from amcnet.training.run_folder import LOCK_FILE, locked_run_folder
from amcnet.training.run_paths import BUNDLE_FOLDER, last_checkpoint
from amcnet.training.setup import PrepareOptions, prepare
from amcnet.training.training_config import TrainingConfig
from amcnet.training.training_run import train

SETTINGS_FILE = "adapt.json"

_VERDICT_FILE = "verdicts.json"
_SCANS, _PREPARED, _RUN = "scans", "prepared", "run"

_File = TypeVar("_File", bound=BaseModel)

logger = logging.getLogger(__name__)


class AdaptOptions(BaseModel):
    """Options of :func:`adapt`.

    Attributes:
        start_from: The model to adapt.
        max_hours: Time for all trainings together; labelling takes additional time.
        rounds: Most rounds of labelling and training.
        labelling: How scans are read and labelled.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    start_from: str = "hand"
    max_hours: PositiveFloat = 0.5
    rounds: int = Field(2, ge=1)
    labelling: SelfLabelling = SelfLabelling()


@dataclass(frozen=True)
class Adaptation:
    """Result of :func:`adapt`.

    Attributes:
        model: The adapted model; None if no round was a gain.
        rounds: Number of rounds that were kept.
        verdicts: Those of the starting model and of the model of each round, in order, including
            the last round if it was not kept.
    """

    model: Bundle | None
    rounds: int
    verdicts: tuple[Verdicts, ...]

    @property
    def gain(self) -> float:
        """Increase of the expected Dice from the starting model to the adapted one."""
        return self.verdicts[self.rounds].expected_dice - self.verdicts[0].expected_dice


def adapt(
    scans: Sequence[Path],
    out: Path,
    options: AdaptOptions,
    resume: bool = False,
    listener: TrainingListener | None = None,
) -> Adaptation:
    """Adapt a model to scans without labels.

    In each round, the model labels the scans, structures with a low expected Dice get the ignore
    label, and the network is trained further on these labels; a refiner is kept as it is. The
    adaptation ends when the verdicts do not improve (:meth:`Verdicts.are_better_than`), and the
    model before that round is kept. The adapted model predicts no Dice: a model that has learned
    its own labels is too confident of them.

    Args:
        scans: Files or DICOM folders of one channel.
        out: Output folder: ``model`` and, for each round, a copy of the scans (voxels and grid
            only) with the labels that were trained on, and the run.
        options: Options.
        resume: Go on with an adaptation that was interrupted.
        listener: Called during the trainings, see :func:`amcnet.training.train`.

    Raises:
        ConfigError: If the model has several channels, or the options differ from those of the
            resumed adaptation.
        InputError: If no scan can be labelled.
        OutputError: If ``out`` holds other files, or an adaptation that is not to be resumed, or
            has none to resume, or is in use.
    """
    start = load_bundle(options.start_from)
    options.labelling.check_axes()
    if (channels := start.description.architecture.in_channels) != 1:
        raise ConfigError(
            f"{start.folder}: has {count_text(channels, 'channel')}, expected a model of one"
        )
    with locked_run_folder(out):
        _claim(out, start, options, scans, resume)
        rounds = _Rounds(start, tuple(scans), out, options, listener)
        try:
            return rounds.run()
        except InputError:
            if not (out / "round-1" / _RUN).exists():
                rounds.withdraw()
            raise
        except (SystemExit, KeyboardInterrupt):
            logger.warning("the adaptation in %s goes on with amcnet adapt --resume", out)
            raise


@dataclass(frozen=True)
class _Rounds:
    """The arguments of :func:`adapt`."""

    start: Bundle
    scans: tuple[Path, ...]
    out: Path
    options: AdaptOptions
    listener: TrainingListener | None

    def run(self) -> Adaptation:
        model, kept = self.start, 0
        known = [self._label(1, model)]
        if not known[0].sure:
            raise InputError(
                f"{self.start.folder}: expects a Dice below {self.options.labelling.sure:g} for "
                "every structure that it finds, expected some to learn from: lower --sure, or "
                "correct some scans"
            )
        for number in range(1, self.options.rounds + 1):
            trained = self._train(number, model)
            known.append(self._label(number + 1, trained))
            if not known[-1].sure or not known[-1].are_better_than(known[-2]):
                logger.info("round %d is no gain and is left out", number)
                break
            model, kept = trained, number
        adapted = _without_calibration(model, self.out / BUNDLE_FOLDER) if kept else None
        return Adaptation(adapted, kept, tuple(known))

    def withdraw(self) -> None:
        """Leave no claim on the folder if nothing can be trained."""
        shutil.rmtree(self._folder(1), ignore_errors=True)
        (self.out / SETTINGS_FILE).unlink(missing_ok=True)

    def _folder(self, number: int) -> Path:
        return self.out / f"round-{number}"

    def _label(self, number: int, model: Bundle) -> Verdicts:
        """Label the scans at the beginning of a round, unless that is done."""
        folder = self._folder(number)
        path = folder / _VERDICT_FILE
        if path.exists():
            return _read(Verdicts, path, "verdicts on scans")
        if folder.exists():  # from an interrupted call
            shutil.rmtree(folder)
        folder.mkdir()
        verdicts = label_scans(model.folder, self.scans, folder / _SCANS, self.options.labelling)
        write_atomically(path, verdicts.model_dump_json(indent=1))
        _report(number, verdicts)
        return verdicts

    def _train(self, number: int, model: Bundle) -> Bundle:
        """Train on the labels of a round, or go on with its training."""
        folder = self._folder(number)
        hours = self.options.max_hours / self.options.rounds
        options = PrepareOptions(start_from=str(model.folder), max_hours=hours)
        prepared = prepare(check_dataset(folder / _SCANS), folder / _PREPARED, options)
        run = folder / _RUN
        config = self._on_own_labels(read_config(prepared.config), len(prepared.dataset.cases))
        trained = train(config, run, last_checkpoint(run).exists(), listener=self.listener)
        if (calibration := self.start.description.calibration) is not None:
            # The same one, so that the verdicts of all rounds can be compared.
            record_calibration(trained.folder, calibration)
        return load_bundle(trained.folder)

    def _on_own_labels(self, config: TrainingConfig, scans: int) -> TrainingConfig:
        """Return a configuration that describes the data as what it is, and holds out no case."""
        known = self.start.description
        description = (
            f"{count_text(scans, 'scan')} without reference labels, on the labels of the "
            f"model {known.name}, which was trained on {known.provenance.training_data}"
        )
        data = config.data.model_copy(update={"description": description, "fold": "all"})
        return config.model_copy(update={"name": f"{known.name}-adapted", "data": data})


class _AdaptationRecord(BaseModel):
    """What determines an adaptation.

    Attributes:
        model: Digest of the starting model's files; its folder may be moved.
        options: The options, apart from the starting model.
        scans: Absolute paths of the scans.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    options: AdaptOptions
    scans: tuple[str, ...]


def _claim(
    out: Path, start: Bundle, options: AdaptOptions, scans: Sequence[Path], resume: bool
) -> None:
    """Record what is asked for, or check that it is that of the adaptation to resume."""
    path = out / SETTINGS_FILE
    asked = _AdaptationRecord(
        model=start.description.files_digest,
        options=options.model_copy(update={"start_from": start.description.name}),
        scans=tuple(str(scan.resolve()) for scan in scans),
    )
    if not resume:
        if path.exists():
            raise OutputError(
                f"{out}: already holds an adaptation, expected a new folder or --resume"
            )
        if others := sorted(p.name for p in out.iterdir() if p.name != LOCK_FILE):
            raise OutputError(f"{out}: holds {others[0]}, expected a new or an empty folder")
        write_atomically(path, asked.model_dump_json(indent=1))
        return
    if not path.exists():
        raise OutputError(f"{path}: is missing, expected an adaptation to resume")
    earlier = _read(_AdaptationRecord, path, "settings of an adaptation")
    changed = [name for name, value in asked if value != getattr(earlier, name)]
    if changed:
        raise ConfigError(
            f"{path}: was made with other {', '.join(changed)}, expected the same to resume"
        )


def _read(kind: type[_File], path: Path, what: str) -> _File:
    """Read one of the files of an adaptation."""
    try:
        return kind.model_validate_json(read_small_file(path, what))
    except ValidationError as error:
        raise ConfigError(f"{path}: cannot be read, expected {what}") from error


def _without_calibration(model: Bundle, folder: Path) -> Bundle:
    """Return a copy of a model that predicts no Dice."""
    with new_folder(folder) as partial:
        for name in model.description.sha256:
            copy_verified(model.path(name), partial / name)
        described = model.description.model_copy(update={"calibration": None})
        write_bundle_description(partial, described)
        put_in_place(partial, folder)
    return load_bundle(folder)


def _report(number: int, verdicts: Verdicts) -> None:
    logger.info(
        "%s round %d: expected Dice %.3f on %s, %d structures implausible, %d unsure",
        "before" if number == 1 else "after",
        max(1, number - 1),
        verdicts.expected_dice,
        count_text(len(verdicts.scans), "scan"),
        verdicts.implausible,
        sum(len(scan.unsure) for scan in verdicts.scans),
    )
