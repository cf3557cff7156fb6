"""A volume and its structures in the browser, served on this machine only."""

from amcnet.viewer.display_grid import LARGEST_SIDE, ShownGrid
from amcnet.viewer.resources import page_resources
from amcnet.viewer.scene import Labelled, Scene, ShownStructure, make_scene, read_scene
from amcnet.viewer.server import PageServer, Resource

__all__ = [
    "LARGEST_SIDE",
    "Labelled",
    "PageServer",
    "Resource",
    "Scene",
    "ShownGrid",
    "ShownStructure",
    "make_scene",
    "page_resources",
    "read_scene",
]
