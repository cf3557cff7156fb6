"""Surface files as other programs read them."""

import json
import struct

import numpy as np
import pytest

from amcnet.anatomy import Structure
from amcnet.mesh import Surface, glb_bytes, ply_bytes, stl_bytes, vtp_bytes

POINTS_MM = np.array([[10.0, -20, 30], [12, -20, 30], [10, -17, 30], [10, -20, 34]])
TRIANGLES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
NAME = 'first "metacarpal" <bone> é'
TETRAHEDRON = Surface(Structure(7, NAME, color_rgb=(255, 128, 0)), POINTS_MM, TRIANGLES)
OTHER = Surface(Structure(9, "other", color_rgb=(0, 10, 20)), POINTS_MM + 50, TRIANGLES)


def test_volume_of_a_tetrahedron():
    assert TETRAHEDRON.volume_mm3 == pytest.approx(2 * 3 * 4 / 6)


def test_stl_byte_by_byte(tmp_path):
    (tmp_path / "a.stl").write_bytes(stl_bytes(TETRAHEDRON))
    content = (tmp_path / "a.stl").read_bytes()
    assert len(content) == 80 + 4 + 4 * 50
    assert b"SPACE=LPS" in content[:80]
    assert not content.startswith(b"solid")
    assert struct.unpack_from("<I", content, 80) == (4,)
    values = struct.unpack_from("<12fH", content, 84)
    assert values[:3] == pytest.approx((0, 0, -1))  # outward: below the first triangle
    assert values[3:12] == pytest.approx(POINTS_MM[TRIANGLES[0]].ravel())
    assert values[12] == 0


def test_glb_byte_by_byte(tmp_path):
    (tmp_path / "a.glb").write_bytes(glb_bytes([TETRAHEDRON, OTHER]))
    content = (tmp_path / "a.glb").read_bytes()
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    text_bytes, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON"
    assert text_bytes % 4 == 0
    scene = json.loads(content[20 : 20 + text_bytes])
    binary_bytes, kind = struct.unpack_from("<I4s", content, 20 + text_bytes)
    assert kind == b"BIN\0"
    binary = content[28 + text_bytes :]
    assert len(binary) == binary_bytes == scene["buffers"][0]["byteLength"]
    assert [node["name"] for node in scene["nodes"]] == [NAME, "other"]
    for node, surface in zip(scene["nodes"], (TETRAHEDRON, OTHER), strict=True):
        primitive = scene["meshes"][node["mesh"]]["primitives"][0]
        points, corners = (
            scene["accessors"][primitive["attributes"]["POSITION"]],
            scene["accessors"][primitive["indices"]],
        )
        view = scene["bufferViews"][points["bufferView"]]
        found = np.frombuffer(binary, "<f4", 3 * points["count"], view["byteOffset"])
        assert found.reshape(-1, 3) == pytest.approx(surface.points_mm)
        assert points["min"] == surface.points_mm.min(axis=0).tolist()
        assert points["max"] == surface.points_mm.max(axis=0).tolist()
        view = scene["bufferViews"][corners["bufferView"]]
        found = np.frombuffer(binary, "<u4", corners["count"], view["byteOffset"])
        assert found.tolist() == TRIANGLES.ravel().tolist()
    red, green, blue, alpha = scene["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"]
    assert (red, blue, alpha) == (1, 0, 1)
    assert green == pytest.approx(0.21586, abs=1e-5)  # 128 of sRGB


def test_trimesh_reads_stl_and_glb(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    (tmp_path / "a.stl").write_bytes(stl_bytes(TETRAHEDRON))
    (tmp_path / "a.glb").write_bytes(glb_bytes([TETRAHEDRON, OTHER]))
    mesh = trimesh.load_mesh(tmp_path / "a.stl")
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4)
    scene = trimesh.load_scene(tmp_path / "a.glb")
    assert set(scene.graph.nodes_geometry) == {NAME, "other"}
    for surface in (TETRAHEDRON, OTHER):
        mesh = scene.geometry[surface.structure.name]
        assert mesh.is_watertight
        assert mesh.volume == pytest.approx(4, rel=1e-5)
        assert mesh.bounds == pytest.approx(
            np.array([surface.points_mm.min(axis=0), surface.points_mm.max(axis=0)])
        )
    assert scene.geometry[NAME].visual.material.main_color.tolist() == [255, 55, 0, 255]  # linear


def test_vtk_reads_ply(tmp_path):
    pytest.importorskip("vtkmodules")
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOPLY import vtkPLYReader

    reader = vtkPLYReader()
    (tmp_path / "a.ply").write_bytes(ply_bytes(TETRAHEDRON))
    reader.SetFileName(str(tmp_path / "a.ply"))
    reader.Update()
    mesh = reader.GetOutput()
    assert vtk_to_numpy(mesh.GetPoints().GetData()) == pytest.approx(POINTS_MM)
    polygons = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    assert np.array_equal(polygons, TRIANGLES)
    assert b"SPACE=LPS" in ply_bytes(TETRAHEDRON)[:300]


def test_vtk_reads_vtp(tmp_path):
    pytest.importorskip("vtkmodules")
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    (tmp_path / "a.vtp").write_bytes(vtp_bytes(TETRAHEDRON))
    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(tmp_path / "a.vtp"))
    reader.Update()
    mesh = reader.GetOutput()
    assert np.array_equal(vtk_to_numpy(mesh.GetPoints().GetData()), POINTS_MM)
    polygons = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    assert np.array_equal(polygons, TRIANGLES)
    fields = mesh.GetFieldData()
    assert fields.GetAbstractArray("SPACE").GetValue(0) == "LPS"
    assert fields.GetAbstractArray("NAME").GetValue(0) == NAME
    assert vtk_to_numpy(fields.GetArray("COLOR")).tolist() == [[255, 128, 0]]


@pytest.mark.parametrize("name", ["a.stl", "a.ply", "a.vtp"])
def test_3d_slicer_puts_surfaces_where_they_belong(tmp_path, name):
    slicer = pytest.importorskip("slicer")
    from vtkmodules.util.numpy_support import vtk_to_numpy

    writer = {"stl": stl_bytes, "ply": ply_bytes, "vtp": vtp_bytes}[name[2:]]
    (tmp_path / name).write_bytes(writer(TETRAHEDRON))
    node, storage = slicer.vtkMRMLModelNode(), slicer.vtkMRMLModelStorageNode()
    storage.SetFileName(str(tmp_path / name))
    storage.SetCoordinateSystem(0)  # RAS, if the file said nothing
    assert storage.ReadData(node)
    points = vtk_to_numpy(node.GetPolyData().GetPoints().GetData())
    expected = POINTS_MM * (-1, -1, 1)  # 3D Slicer's own coordinates are RAS
    assert sorted(map(tuple, points.tolist())) == sorted(map(tuple, expected.tolist()))
