"""Configuration of phantoms: grid, ages and variety of the hands."""

from dataclasses import dataclass
from typing import Any, Literal

from amcnet.errors import ConfigError
from amcnet.phantom.grids import NETWORK_GRID, PhantomGrid

Variety = Literal["complete", "full"]

YOUNGEST_YEARS, OLDEST_YEARS = 2.0, 16.0


@dataclass(frozen=True)
class PhantomConfig:
    """Everything that determines a phantom, except its seed.

    Attributes:
        grid: The voxel grid.
        variety: ``complete``: all 38 structures, whole and inside the volume. ``full``: ages 2 to
            16 with missing and fused epiphyses, and the rare cases of real scans: a fist-like
            thumb, touching fingers, a finger outside the field of view, a cropped scan, a hand
            that lies deep or shallow.
        age_years: Range of ages to draw from; by default all ages of the variety. Epiphyses that do
            not exist at an age are omitted and listed in the phantom's description.

    Raises:
        ConfigError: If the ages are not an increasing range within 2 to 16 years.

    Example:
        >>> PhantomConfig(age_years=(4, 8)).description()["age_years"]
        [4, 8]
    """

    grid: PhantomGrid = NETWORK_GRID
    variety: Variety = "complete"
    age_years: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.age_years is None:
            return
        low, high = self.age_years
        if not YOUNGEST_YEARS <= low <= high <= OLDEST_YEARS:
            raise ConfigError(
                f"age: found {low:g} to {high:g} years, expected the lower age first, both "
                f"within {YOUNGEST_YEARS:g} to {OLDEST_YEARS:g}"
            )

    def description(self) -> dict[str, Any]:
        """Return the configuration as plain data for JSON."""
        return {
            "shape": list(self.grid.shape),
            "spacing_mm": list(self.grid.spacing_mm),
            "variety": self.variety,
            "age_years": None if self.age_years is None else list(self.age_years),
        }
