"""Scale of a comparison: data, widths and the common training configuration of all rows."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from amcnet.errors import ConfigError, InputError
from amcnet.io.small_files import read_toml
from amcnet.paper_tables.rows import SETTINGS, PaperRow
from amcnet.phantom.grids import FULL_GRID, PhantomGrid
from amcnet.phantom.phantom_config import PhantomConfig, Variety
from amcnet.training.training_config import HardwareConfig, TrainingConfig

SCALES = ("small", "long", "paper")


class _ScalePart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataScale(_ScalePart):
    """Phantoms of a comparison.

    Attributes:
        shape: Voxels (scan, lateral, depth) into which the device's field of view is divided.
        variety: See :class:`amcnet.phantom.PhantomConfig`.
        training: Number of training hands, including those held out for validation.
        training_seed: Seed of the first hand; the others follow consecutively.
        unseen: Number of hands on which all rows are evaluated.
        unseen_seed: Seed of the first.
    """

    shape: tuple[PositiveInt, PositiveInt, PositiveInt]
    variety: Variety
    training: PositiveInt
    training_seed: int = Field(ge=0)
    unseen: PositiveInt
    unseen_seed: int = Field(ge=0)

    def recipe(self) -> PhantomConfig:
        """Return the configuration of the phantoms."""
        scan, lateral, depth = (
            mm / n for mm, n in zip(FULL_GRID.field_of_view_mm, self.shape, strict=True)
        )
        return PhantomConfig(PhantomGrid(self.shape, (scan, lateral, depth)), self.variety)


class Scale(_ScalePart):
    """The settings that all rows share, and the width of each network.

    Attributes:
        name: Its name.
        data: The phantoms.
        width: Width of each network.
        learning_rate: Learning rates of networks that do not train well at the common one.
        training: A training configuration without name, data set, network and loss.
    """

    name: str
    data: DataScale
    width: dict[str, PositiveInt]
    learning_rate: dict[str, float] = {}
    training: dict[str, Any]

    @property
    def hardware(self) -> HardwareConfig:
        """Data of the rows."""
        return HardwareConfig.model_validate(self.training.get("hardware", {}))

    def with_seed(self, seed: int) -> "Scale":
        """Return the same scale with another seed for all trainings, and a name that states it."""
        values = {"training": {**self.training, "seed": seed}, "name": f"{self.name}-seed-{seed}"}
        return self.model_copy(update=values)

    def training_config(self, row: PaperRow, dataset: Path) -> TrainingConfig:
        """Return the training configuration of a row.

        Args:
            row: The row.
            dataset: Folder of the prepared data set.

        Raises:
            ConfigError: If the scale has no width for the network, or a value is not allowed.
        """
        if row.network not in self.width:
            raise ConfigError(f"scale '{self.name}': has no width.{row.network}, expected one")
        common = self.training
        network: dict[str, Any] = {
            **row.options,
            "name": row.network,
            "width": self.width[row.network],
        }
        if row.branches is not None:
            network["branches"] = row.branches
        optimiser = dict(common.get("optimiser", {}))
        if row.network in self.learning_rate:
            optimiser["learning_rate"] = self.learning_rate[row.network]
        data = {
            **common.get("data", {}),
            "dataset": dataset,
            "description": f"{self.data.training} synthetic hands with synthetic ultrasound "
            "(phantoms), no patient",
        }
        values = {
            **common,
            "name": row.name,
            "data": data,
            "network": network,
            "loss": {**common.get("loss", {}), "gamma": row.gamma},
            "optimiser": optimiser,
        }
        try:
            return TrainingConfig.model_validate(values)
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(map(str, problem["loc"]))
            raise ConfigError(f"scale '{self.name}': training.{key}: {problem['msg']}") from error


def read_scale(which: str) -> Scale:
    """Read a scale.

    Args:
        which: ``small``, ``long``, ``paper``, or the path of a TOML file of the same form.

    Raises:
        ConfigError: If there is no such scale, or a key or value is not allowed.
    """
    known = which in SCALES
    source = Path(str(SETTINGS / f"{which}.toml") if known else which)
    if not known and not source.exists():
        raise ConfigError(
            f"scale: found '{which}', expected {', '.join(SCALES)} or a file of settings (TOML)"
        )
    try:
        return Scale.model_validate(read_toml(source, "settings of a scale"))
    except InputError as error:
        raise ConfigError(str(error)) from error
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise ConfigError(f"{which}: {key}: {problem['msg']}") from error
