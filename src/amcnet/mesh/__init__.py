"""Closed surfaces of labelled structures, in mm and patient coordinates, as STL, GLB and VTP."""

from amcnet.mesh.files import MESH_EXTENSIONS, check_mesh_output, write_surfaces
from amcnet.mesh.formats import write_glb, write_stl, write_vtp
from amcnet.mesh.surfaces import Surface, find_surfaces

__all__ = [
    "MESH_EXTENSIONS",
    "Surface",
    "check_mesh_output",
    "find_surfaces",
    "write_glb",
    "write_stl",
    "write_surfaces",
    "write_vtp",
]
