"""``model.json``: the description of a model bundle."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from amcnet.anatomy import LabelTable, own_table_of
from amcnet.bundle.dice_calibration import DiceCalibration
from amcnet.bundle.former_needs import needs_of_former_bundle
from amcnet.data.preprocessing import Preprocessing
from amcnet.io import CanonicalAxis
from amcnet.networks import Architecture, NetworkNeeds
from amcnet.networks.refiner_architecture import RefinerArchitecture

DESCRIPTION_FILE = "model.json"
WEIGHTS_FILE = "model.safetensors"
IR_FILE = "model.xml"
IR_WEIGHTS_FILE = "model.bin"
REFINER_WEIGHTS_FILE = "refiner.safetensors"
REFINER_IR_FILE = "refiner.xml"
REFINER_IR_WEIGHTS_FILE = "refiner.bin"
REFINER_FILES = (REFINER_WEIGHTS_FILE, REFINER_IR_FILE, REFINER_IR_WEIGHTS_FILE)


class Provenance(BaseModel):
    """Origin of a model.

    Attributes:
        training_data: Description of the training data, for users to read.
        configuration: The training configuration as it was run.
        phantom_seeds: Seeds of the training phantoms, if any.
        commit: Commit of the code at the time of training.
        started_from: Model whose weights initialised the training, if any.
        before: Provenance of that model.
        steps: Optimiser steps taken.
        hours: Training time.
        hardware: Hardware of the training.
        curve: Figures of each epoch, such as step, loss and validation Dice.

    Example:
        >>> first = Provenance(training_data="phantoms", configuration={}, hours=5.0)
        >>> Provenance(training_data="scans", configuration={}, hours=1.0, before=first).all_hours
        6.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    training_data: str
    configuration: dict[str, Any]
    phantom_seeds: list[int] = []
    commit: str = "unknown"
    started_from: str | None = None
    before: "Provenance | None" = None
    steps: int = 0
    hours: float = 0.0
    hardware: str = "unknown"
    curve: list[dict[str, float]] = []

    @property
    def all_hours(self) -> float:
        """Training time, including that of the models it started from."""
        return self.hours + (0.0 if self.before is None else self.before.all_hours)


class Scores(BaseModel):
    """Scores of a model on a set of cases.

    Attributes:
        data: Description of the cases, for users to read.
        cases: Number of cases.
        figures: Name -> mean over the cases, such as ``dice`` or ``dice bone``.

    Example:
        >>> Scores(data="ten phantoms", cases=10, figures={"dice": 0.82}).figures["dice"]
        0.82
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    data: str
    cases: int = Field(ge=1)
    figures: dict[str, float]


class RefinerDescription(BaseModel):
    """A second network, which corrects the boundaries of the first one's labels.

    Attributes:
        architecture: Architecture of the refiner.
        kinds: Kinds of structures that the refiner distinguishes, in the order of its outputs;
            equal to the kinds of the label table.
        spacing_mm: Spacing of its grid along (scan, lateral, depth).
        patch: Shape (scan, lateral, depth) of its training patches.
        provenance: Origin of the refiner.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    architecture: RefinerArchitecture
    kinds: tuple[str, ...]
    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat]
    patch: tuple[PositiveInt, PositiveInt, PositiveInt]
    provenance: Provenance


class BundleDescription(BaseModel):
    """The description of a model bundle.

    Attributes:
        name: Short name of the model.
        licence: Licence of the weights, preferably an SPDX identifier; empty if not stated.
        notice: Notice to users, printed with every result.
        architecture: The network.
        needs: Requirements of the network on input size and memory. Bundles of earlier versions
            lack it: use :attr:`network_needs`.
        preprocessing: Resampling and normalisation of a volume.
        window: Slices of a training window.
        shortest_window: Slices of the shortest training window; the border of a volume with fewer
            slices is repeated. Defaults to ``window``.
        mirror_axes: Axes along which training windows and their labels were mirrored. Bundles of
            earlier versions say ``mirrored`` where it was the lateral axis.
        labels: The label table as plain data.
        several_components: Values of the structures that had several connected components in the
            training data; the clean-up leaves them alone.
        provenance: Origin of the model.
        scores: Scores on each set of cases.
        refiner: The second network, if the bundle has one.
        calibration: How Dice coefficients are predicted from the networks' output, where that was
            fitted.
        sha256: File name -> SHA-256 of every other file of the bundle.

    Example:
        >>> from amcnet.bundle import load_bundle
        >>> description = load_bundle("hand").description
        >>> description.name, len(description.label_table), description.architecture.in_channels
        ('hand', 38, 1)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    licence: str = ""
    notice: str
    architecture: Architecture
    needs: NetworkNeeds | None = None
    preprocessing: Preprocessing
    window: int = Field(ge=1)
    shortest_window: int | None = Field(None, ge=1)
    mirror_axes: tuple[CanonicalAxis, ...] = ()
    labels: list[dict[str, Any]]
    several_components: tuple[int, ...] = ()
    provenance: Provenance
    scores: list[Scores] = []
    refiner: RefinerDescription | None = None
    calibration: DiceCalibration | None = None
    sha256: dict[str, str]

    @model_validator(mode="before")
    @classmethod
    def _read_former_name(cls, values: Any) -> Any:  # noqa: ANN401  as pydantic passes it
        if isinstance(values, dict) and "mirrored" in values:
            values = dict(values)
            if values.pop("mirrored") is True:
                values.setdefault("mirror_axes", ("lateral",))
        return values

    @property
    def label_table(self) -> LabelTable:
        """The label table of the model."""
        return own_table_of(LabelTable.from_dicts(self.labels))

    def refiner_for(self, table: LabelTable, in_channels: int) -> RefinerDescription | None:
        """Return the refiner if it can serve a model of these structures and channels.

        Args:
            table: Structures of the other model.
            in_channels: Its input channels.
        """
        same = table == self.label_table and in_channels == self.architecture.in_channels
        return self.refiner if same else None

    @property
    def files_digest(self) -> str:
        """A text that changes with any file of the bundle except the description."""
        return "".join(sorted(self.sha256.values()))

    @property
    def network_needs(self) -> NetworkNeeds:
        """Requirements of the network on input size and memory."""
        return self.needs or needs_of_former_bundle(self.architecture)
