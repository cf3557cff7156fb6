"""Surfaces as file contents: STL, GLB and PLY by trimesh, VTP by this module.

All hold LPS patient coordinates in mm. 3D Slicer reads the coordinate system from a note in the
file: ``SPACE=LPS`` in the header of an STL or PLY, a field ``SPACE`` in a VTP. No permissively
licensed library without VTK writes VTP with such fields, so this module does.
"""

import base64
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from amcnet.mesh.surfaces import Surface

if TYPE_CHECKING:
    from trimesh import Scene, Trimesh

# Readers interpret a header that begins with "solid" as text.
_STL_HEADER = b"amcnet; unit mm; SPACE=LPS".ljust(80)
_PLY_COMMENT = b"comment https://github.com/mikedh/trimesh"
_UNITS = {"unit": "mm", "space": "LPS"}


def stl_bytes(surface: Surface) -> bytes:
    """Return a surface as binary STL, which cannot hold names and colours.

    Example:
        >>> from amcnet.anatomy import Structure
        >>> corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
        >>> triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
        >>> len(stl_bytes(Surface(Structure(1, "tetrahedron"), corners, triangles)))
        284
    """
    from trimesh.exchange.stl import export_stl

    content: bytes = export_stl(_mesh(surface))
    return _STL_HEADER + content[len(_STL_HEADER) :]


def ply_bytes(surface: Surface) -> bytes:
    """Return a surface as binary PLY with its colour; the name is a comment.

    Example:
        >>> from amcnet.anatomy import Structure
        >>> corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
        >>> triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
        >>> ply_bytes(Surface(Structure(1, "tetrahedron"), corners, triangles))[:3]
        b'ply'
    """
    from trimesh.exchange.ply import export_ply

    mesh = _mesh(surface)
    mesh.visual.vertex_colors = [*surface.structure.color_rgb, 255]
    content: bytes = export_ply(mesh, encoding="binary")
    name = surface.structure.name.encode("unicode_escape")
    notes = b"comment amcnet; unit mm\ncomment SPACE=LPS\ncomment NAME=" + name
    return content.replace(_PLY_COMMENT, notes, 1)


def glb_bytes(surfaces: Sequence[Surface]) -> bytes:
    """Return surfaces as one binary glTF file: a named, coloured node for each.

    glTF's own unit is the metre and its y axis points up. Here the numbers are mm and LPS, as in
    the other formats and as ``asset.extras`` says.

    Args:
        surfaces: In the order of their nodes; names must differ.

    Example:
        >>> from amcnet.anatomy import Structure
        >>> corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
        >>> triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
        >>> glb_bytes([Surface(Structure(1, "tetrahedron"), corners, triangles)])[:4]
        b'glTF'
    """
    from trimesh.exchange.gltf import export_glb

    colors = {one.structure.name: one.structure.color_rgb for one in surfaces}
    labels = {one.structure.name: one.structure.value for one in surfaces}

    def complete(tree: dict[str, Any]) -> None:
        """Add units and labels; trimesh rounds colours to 8 bits, glTF does not."""
        tree["asset"]["generator"] = "amcnet"
        tree["asset"]["extras"] = _UNITS
        for node in tree["nodes"]:
            if node.get("name") in labels:
                node["extras"] = {"label": labels[node["name"]]}
        for material in tree["materials"]:
            factor = [round(_linear(c / 255), 6) for c in colors[material["name"]]]
            material["pbrMetallicRoughness"]["baseColorFactor"] = [*factor, 1.0]

    content: bytes = export_glb(
        _scene(surfaces), include_normals=False, tree_postprocessor=complete
    )
    return content


def _mesh(surface: Surface) -> "Trimesh":
    from trimesh import Trimesh

    return Trimesh(surface.points_mm, surface.triangles, process=False)


def _scene(surfaces: Sequence[Surface]) -> "Scene":
    from trimesh import Scene
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    scene = Scene()
    for one in surfaces:
        mesh, name = _mesh(one), one.structure.name
        material = PBRMaterial(
            name=name,
            baseColorFactor=[*one.structure.color_rgb, 255],
            metallicFactor=0.0,
            roughnessFactor=0.8,
        )
        mesh.visual = TextureVisuals(material=material)
        scene.add_geometry(mesh, node_name=name, geom_name=name)
    return scene


def _linear(channel: float) -> float:
    """Convert a channel of sRGB to linear light, the unit of glTF's colour factors."""
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def vtp_bytes(surface: Surface) -> bytes:
    """Return a surface as VTK XML polygons; ``NAME`` and ``COLOR`` (RGB, 0 to 255) are fields.

    Example:
        >>> from amcnet.anatomy import Structure
        >>> corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
        >>> triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
        >>> surface = Surface(Structure(1, "tetrahedron"), corners, triangles)
        >>> b'NumberOfPoints="4"' in vtp_bytes(surface)
        True
    """
    count = len(surface.triangles)
    offsets = np.arange(3, 3 * count + 1, 3, dtype="<i8")
    color = np.array([surface.structure.color_rgb], np.uint8)
    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="PolyData" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
        "<PolyData>",
        "<FieldData>",
        _text_array("SPACE", "LPS"),
        _text_array("NAME", surface.structure.name),
        _array("COLOR", "UInt8", color, 'NumberOfTuples="1"'),
        "</FieldData>",
        f'<Piece NumberOfPoints="{len(surface.points_mm)}" NumberOfVerts="0" NumberOfLines="0" '
        f'NumberOfStrips="0" NumberOfPolys="{count}">',
        "<Points>",
        _array("Points", "Float64", surface.points_mm.astype("<f8")),
        "</Points>",
        "<Polys>",
        _array("connectivity", "Int64", surface.triangles.reshape(-1, 1).astype("<i8")),
        _array("offsets", "Int64", offsets[:, None]),
        "</Polys>",
        "</Piece>",
        "</PolyData>",
        "</VTKFile>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _array(name: str, kind: str, values: NDArray[Any], more: str = "") -> str:
    block = values.tobytes()
    text = base64.b64encode(struct.pack("<Q", len(block)) + block).decode("ascii")
    head = f'type="{kind}" Name={quoteattr(name)} NumberOfComponents="{values.shape[1]}"'
    return f'<DataArray {head} {more} format="binary">\n{text}\n</DataArray>'


def _text_array(name: str, text: str) -> str:
    codes = " ".join(str(byte) for byte in text.encode("utf-8") + b"\0")
    return (
        f'<Array type="String" Name={quoteattr(name)} NumberOfTuples="1" format="ascii">\n'
        f"{codes}\n</Array>"
    )
