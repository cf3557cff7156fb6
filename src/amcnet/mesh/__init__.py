"""Closed surfaces of labelled structures, in mm and patient coordinates, as STL, GLB and VTP."""

from amcnet.mesh.formats import write_glb, write_stl, write_vtp
from amcnet.mesh.surfaces import Surface, find_surfaces

__all__ = [
    "Surface",
    "find_surfaces",
    "write_glb",
    "write_stl",
    "write_vtp",
]
