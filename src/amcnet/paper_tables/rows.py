"""The rows of the paper's two tables and the paper's results for them, from ``rows.toml``."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from amcnet.errors import ConfigError
from amcnet.networks import Architecture

TableName = Literal["table1", "table2"]
SETTINGS = files("amcnet.paper_tables") / "settings"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PaperRow(_Part):
    """Network and loss of one row.

    Attributes:
        name: Name of the row in files and on the command line.
        network: The network.
        branches: Branches of AMCNet; other networks have none.
        gamma: Weight of the anatomy constraint in addition to Dice.
        loss: The loss in words; by default derived from ``gamma``.
        options: Further options of the network.
    """

    name: str
    network: str
    branches: Literal["2d", "3d", "2d+3d"] | None = None
    gamma: float = Field(0.0, ge=0)
    loss: str = ""
    options: dict[str, Any] = {}

    @property
    def loss_text(self) -> str:
        """The loss in words."""
        if self.loss:
            return self.loss
        return f"Dice + {self.gamma:g} AC" if self.gamma else "Dice"

    @property
    def dimension(self) -> str:
        """Dimension of the network: ``2d``, ``3d`` or ``2d+3d``."""
        from amcnet.networks.registry import find_spec

        return self.branches or find_spec(self.network).sees

    @property
    def architecture(self) -> Architecture:
        """The network at its authors' width."""
        branches = {} if self.branches is None else {"branches": self.branches}
        return Architecture.model_validate({"name": self.network, **branches})


class PaperFigures(_Part):
    """The results of a row in the paper."""

    dsc: float
    jaccard: float
    recall: float
    f1: float
    hd95_mm: float


class TableRow(_Part):
    """A row's place in a table.

    Attributes:
        row: Name of the row.
        title: Its heading.
        paper: The paper's results; None for rows that are not in the paper.
    """

    row: str
    title: str
    paper: PaperFigures | None = None


class Difference(_Part):
    """A difference between rows that is discussed together with a table.

    Attributes:
        title: Title of the difference.
        row: Name of the row that is compared.
        to: Rows to compare with; for each metric, the best of them is used.
    """

    title: str
    row: str
    to: tuple[str, ...] = Field(min_length=1)


class ComparisonTable(_Part):
    """One table.

    Attributes:
        title: Its heading.
        ours: The row that all others are tested against.
        rows: Its rows in the paper's order.
        differences: Differences discussed with the table.
    """

    title: str
    ours: str
    rows: tuple[TableRow, ...]
    differences: tuple[Difference, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the rows."""
        return tuple(line.row for line in self.rows)


class PaperTables(_Part):
    """Everything in ``rows.toml``."""

    source: str
    rows: dict[str, PaperRow]
    tables: dict[TableName, ComparisonTable]


@cache
def paper_tables() -> PaperTables:
    """Return both tables of the paper."""
    values = tomllib.loads((SETTINGS / "rows.toml").read_text(encoding="utf-8"))
    for name, row in values["rows"].items():
        row["name"] = name
    return PaperTables.model_validate(values)


def paper_networks() -> dict[str, Architecture]:
    """Return the networks of both tables at their authors' widths, each once.

    AMCNet with one branch is named ``amcnet-2d`` and ``amcnet-3d``.
    """
    networks = {}
    for row in paper_tables().rows.values():
        alone = row.branches is None or row.branches == "2d+3d"
        name = row.network if alone else f"{row.network}-{row.branches}"
        networks[name] = row.architecture
    return networks


def rows_of(table: TableName, wanted: tuple[str, ...] = ()) -> list[PaperRow]:
    """Return all or some rows of a table in its order.

    Args:
        table: The table.
        wanted: Names of rows; by default all.

    Raises:
        ConfigError: If a name is not a row of the table.
    """
    known = paper_tables().tables[table].names
    for name in wanted:
        if name not in known:
            raise ConfigError(f"rows: found '{name}', expected some of {', '.join(known)}")
    return [paper_tables().rows[name] for name in known if not wanted or name in wanted]
