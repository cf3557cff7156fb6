"""Show a volume and its structures in the browser, served on this machine only."""

from amcnet.viewer.display_grid import LARGEST_SIDE, DisplayGrid, DisplayImage
from amcnet.viewer.page_resources import page_resources
from amcnet.viewer.page_server import PageServer, Resource
from amcnet.viewer.redirect_file import redirect_file
from amcnet.viewer.viewer_scene import Labelled, ShownStructure, ViewerScene, make_scene, read_scene

__all__ = [
    "LARGEST_SIDE",
    "DisplayGrid",
    "DisplayImage",
    "Labelled",
    "PageServer",
    "Resource",
    "ShownStructure",
    "ViewerScene",
    "make_scene",
    "page_resources",
    "read_scene",
    "redirect_file",
]
