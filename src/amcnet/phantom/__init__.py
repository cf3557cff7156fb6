"""Synthetic paediatric hands and their ultrasound: the embedded data set.

Anatomy (:mod:`amcnet.phantom.drawing`, :mod:`amcnet.phantom.solids`) and rendering
(:mod:`amcnet.phantom.ultrasound`) are separate; each is drawn from the phantom's seed.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amcnet.phantom.dataset import summarise_left_out, write_dataset
    from amcnet.phantom.grids import FULL_GRID, GRIDS, NETWORK_GRID, PhantomGrid
    from amcnet.phantom.phantom import Phantom, make_phantom
    from amcnet.phantom.phantom_config import PhantomConfig, Variety

__all__ = [
    "FULL_GRID",
    "GRIDS",
    "NETWORK_GRID",
    "Phantom",
    "PhantomConfig",
    "PhantomGrid",
    "Variety",
    "make_phantom",
    "summarise_left_out",
    "write_dataset",
]

_MODULES = {
    "dataset": ("summarise_left_out", "write_dataset"),
    "grids": ("FULL_GRID", "GRIDS", "NETWORK_GRID", "PhantomGrid"),
    "phantom": ("Phantom", "make_phantom"),
    "phantom_config": ("PhantomConfig", "Variety"),
}


def __getattr__(name: str) -> object:
    """Import the renderer on first use: other packages need only the growth of bones."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"amcnet.phantom.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
