"""Surface files: binary STL, binary glTF 2.0 (GLB) and VTK's XML polygons (VTP).

All hold LPS patient coordinates in mm. 3D Slicer reads the coordinate system from a note in the
file: ``SPACE=LPS`` in the header of an STL, a field ``SPACE`` in a VTP.
"""

import base64
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from amcnet.mesh.surfaces import Surface

_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_STL_HEADER_BYTES = 80
_FLOAT, _UNSIGNED_INT = 5126, 5125  # glTF's numbers for types of values
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963


def write_stl(path: Path, surface: Surface) -> None:
    """Write a surface as binary STL, which has no place for names and colours."""
    corners = surface.points_mm[surface.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    triangles = np.zeros(len(corners), _STL_TRIANGLE)
    triangles["normal"] = np.divide(normals, lengths, where=lengths > 0, out=normals)
    triangles["corners"] = corners
    # Readers take a header that begins with "solid" for text.
    header = b"amcnet; unit mm; SPACE=LPS".ljust(_STL_HEADER_BYTES)
    with path.open("wb") as stream:
        stream.write(header + struct.pack("<I", len(triangles)))
        stream.write(triangles.tobytes())


def write_glb(path: Path, surfaces: Sequence[Surface]) -> None:
    """Write surfaces as one binary glTF file: a node and a material with name and colour for each.

    glTF's own unit is the metre and its y axis points up. Here the numbers are mm and LPS, as in
    the other formats and as ``asset.extras`` says.
    """
    scene: dict[str, list[dict[str, Any]]] = {
        key: [] for key in ("nodes", "meshes", "materials", "accessors", "bufferViews")
    }
    parts: list[bytes] = []
    for index, surface in enumerate(surfaces):
        structure = surface.structure
        points = surface.points_mm.astype("<f4")
        blocks = (points.tobytes(), surface.triangles.astype("<u4").tobytes())
        for block, target in zip(blocks, (_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER), strict=True):
            view = {"buffer": 0, "byteOffset": sum(map(len, parts)), "byteLength": len(block)}
            scene["bufferViews"].append(view | {"target": target})
            parts.append(block)
        scene["accessors"] += _accessors(2 * index, points, surface.triangles.size)
        scene["materials"].append(_material(structure.name, structure.color_rgb))
        primitive = {
            "attributes": {"POSITION": 2 * index},
            "indices": 2 * index + 1,
            "material": index,
        }
        scene["meshes"].append({"name": structure.name, "primitives": [primitive]})
        extras = {"label": structure.value}
        scene["nodes"].append({"name": structure.name, "mesh": index, "extras": extras})
    document = {
        "asset": {"version": "2.0", "generator": "amcnet", "extras": _UNITS},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(surfaces)))}],
        "buffers": [{"byteLength": sum(map(len, parts))}],
        **scene,
    }
    text = json.dumps(document, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 4)
    binary = sum(map(len, parts))  # of float32 and uint32: always a multiple of four
    with path.open("wb") as stream:
        stream.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + binary))
        stream.write(struct.pack("<I4s", len(text), b"JSON") + text)
        stream.write(struct.pack("<I4s", binary, b"BIN\0"))
        stream.writelines(parts)


_UNITS = {"unit": "mm", "space": "LPS"}


def _accessors(view: int, points: NDArray[np.float32], indices: int) -> list[dict[str, Any]]:
    return [
        {
            "bufferView": view,
            "componentType": _FLOAT,
            "count": len(points),
            "type": "VEC3",
            "min": points.min(axis=0).tolist(),
            "max": points.max(axis=0).tolist(),
        },
        {
            "bufferView": view + 1,
            "componentType": _UNSIGNED_INT,
            "count": indices,
            "type": "SCALAR",
        },
    ]


def _material(name: str, color_rgb: tuple[int, int, int]) -> dict[str, Any]:
    factor = [round(_linear(channel / 255), 6) for channel in color_rgb]
    look = {"baseColorFactor": [*factor, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.8}
    return {"name": name, "pbrMetallicRoughness": look}


def _linear(channel: float) -> float:
    """Turn a channel of sRGB into light, which is what glTF's colour factors are."""
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def write_vtp(path: Path, surface: Surface) -> None:
    """Write a surface as VTK XML polygons; ``NAME`` and ``COLOR`` (RGB, 0 to 255) are fields."""
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
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


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
