"""``model.json``: the description of a model bundle."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from amcnet.anatomy import LabelTable, own_table_of
from amcnet.bundle.former_needs import needs_of_former_bundle
from amcnet.data.preprocessing import Preprocessing
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
        phantom_seeds: Seeds of the phantoms that were trained on, if any.
        commit: Commit of the code at the time of training.
        started_from: The model whose weights it started with, if any.
        before: Where those weights come from.
        steps: Optimiser steps taken.
        hours: Time spent training.
        hardware: What it was trained on.
        curve: The figures of each epoch: step, loss, Dice of the held-out windows and others.
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
        """Time spent training, with that of the models it goes back to."""
        return self.hours + (0.0 if self.before is None else self.before.all_hours)


class Scores(BaseModel):
    """Scores of a model on a set of cases.

    Attributes:
        data: Description of the cases, for users to read.
        cases: Number of cases.
        figures: Name -> mean over the cases, such as ``dice`` or ``dice bone``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    data: str
    cases: int = Field(ge=1)
    figures: dict[str, float]


class RefinerDescription(BaseModel):
    """A second network, which corrects the boundaries of what the first one found.

    Attributes:
        architecture: Its sizes.
        kinds: The kinds of structures that it tells apart, in the order of its outputs; those of
            the label table.
        spacing_mm: Its grid in (scan, lateral, depth).
        patch: Voxels of the patches (scan, lateral, depth) that it was trained on.
        provenance: Where it comes from.
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
        licence: Licence of the weights, best as an SPDX identifier; empty where nothing is said.
        notice: Notice to users, printed with every result.
        architecture: The network.
        needs: What the network needs of its input and of the memory. Bundles of earlier versions
            do not have it: use :attr:`network_needs`.
        preprocessing: Resampling and normalisation of a volume.
        window: Slices that the network sees at once; the model was trained with this.
        shortest_window: Slices of the shortest windows that it was trained on, where these differ;
            a volume with fewer has its border repeated. As ``window`` where left out.
        mirrored: Whether it was trained on lateral mirror images too, with the same labels.
        labels: The label table as plain data.
        provenance: Origin of the model.
        scores: Scores on each set of cases.
        refiner: The second network, if the bundle has one.
        sha256: File name -> SHA-256 of every other file of the bundle.
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
    mirrored: bool = False
    labels: list[dict[str, Any]]
    provenance: Provenance
    scores: list[Scores] = []
    refiner: RefinerDescription | None = None
    sha256: dict[str, str]

    @property
    def label_table(self) -> LabelTable:
        """The label table of the model."""
        return own_table_of(LabelTable.from_dicts(self.labels))

    @property
    def network_needs(self) -> NetworkNeeds:
        """What the network needs of its input and of the memory."""
        return self.needs or needs_of_former_bundle(self.architecture)
