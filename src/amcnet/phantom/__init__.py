"""Synthetic paediatric hands and their ultrasound: the embedded data set.

Anatomy (:mod:`amcnet.phantom.drawing`, :mod:`amcnet.phantom.solids`) and rendering
(:mod:`amcnet.phantom.ultrasound`) are apart and each is drawn from the phantom's seed.
"""

from amcnet.phantom.dataset import summarise_left_out, write_dataset
from amcnet.phantom.grid import FULL_GRID, GRIDS, NETWORK_GRID, Grid
from amcnet.phantom.phantom import Phantom, make_phantom
from amcnet.phantom.recipe import Recipe, Variety

__all__ = [
    "FULL_GRID",
    "GRIDS",
    "NETWORK_GRID",
    "Grid",
    "Phantom",
    "Recipe",
    "Variety",
    "make_phantom",
    "summarise_left_out",
    "write_dataset",
]
