"""Closed surfaces of labelled structures, in mm and patient coordinates (LPS)."""

from amcnet.mesh.formats import glb_bytes, ply_bytes, stl_bytes, vtp_bytes
from amcnet.mesh.surfaces import Surface, find_surfaces

__all__ = [
    "Surface",
    "find_surfaces",
    "glb_bytes",
    "ply_bytes",
    "stl_bytes",
    "vtp_bytes",
]
