"""What 3D Slicer's own libraries see in a .seg.nrrd that was written here.

Needs the optional part ``interop``.
"""

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.io import Geometry, labels_on_grid, read_labels, read_segments, write_labels

pytest.importorskip("slicer_core")
import slicer

DIRECTION = (0.0, -0.6, 0.8, 1.0, 0.0, 0.0, 0.0, 0.8, 0.6)  # oblique
SIZE = (20, 24, 28)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file with a block of every structure, its labels and its grid."""
    grid = Geometry.from_grid(SIZE, (0.3, 0.5, 0.8), (11.0, -22.0, 33.0), DIRECTION)
    stored = np.zeros(grid.stored_shape, np.uint8)
    for structure in hand_label_table():
        row, column = divmod(structure.value - 1, 8)
        stored[5 * row + 1 : 5 * row + 4, 3 * column : 3 * column + 2, 2 : 3 + row] = (
            structure.value
        )
    path = tmp_path_factory.mktemp("slicer") / "hand.seg.nrrd"
    write_labels(path, grid.to_canonical(stored), grid, hand_label_table())
    return path, stored, grid


def read(path):
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return scene, node


def test_names_colours_and_terminology(written):
    from vtkmodules.vtkCommonCore import reference

    scene, node = read(written[0])
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 38
    assert segmentation.GetNumberOfLayers() == 1
    for index, structure in enumerate(hand_label_table()):
        segment = segmentation.GetNthSegment(index)
        assert segment.GetName() == structure.name
        assert segment.GetLabelValue() == structure.value
        assert np.rint(np.array(segment.GetColor()) * 255).tolist() == list(structure.color_rgb)
        terminology = reference("")
        assert segment.GetTag("TerminologyEntry", terminology)
        assert structure.codes["FMA"] in str(terminology)
    del scene


def test_voxels_of_every_segment(written):
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    path, stored, grid = written
    scene, node = read(path)
    for index, structure in enumerate(hand_label_table()):
        identifier = node.GetSegmentation().GetNthSegmentID(index)
        image = slicer.vtkOrientedImageData()
        assert node.GetBinaryLabelmapRepresentation(identifier, image)
        x0, x1, y0, y1, z0, z1 = image.GetExtent()
        voxels = vtk_to_numpy(image.GetPointData().GetScalars())
        voxels = voxels.reshape(z1 - z0 + 1, y1 - y0 + 1, x1 - x0 + 1)
        whole = np.zeros(grid.stored_shape, bool)
        whole[z0 : z1 + 1, y0 : y1 + 1, x0 : x1 + 1] = voxels != 0
        assert np.array_equal(whole, stored == structure.value), structure.name
    matrix = vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    found = np.array([[matrix.GetElement(i, j) for j in range(4)] for i in range(4)])
    expected = np.eye(4)
    expected[:3, :3] = np.array(DIRECTION).reshape(3, 3) * grid.spacing_mm
    expected[:3, 3] = grid.origin_mm
    assert found == pytest.approx(np.diag([-1, -1, 1, 1]) @ expected)  # LPS to RAS
    del scene


def test_what_3d_slicer_saves_reads_the_same(written, tmp_path):
    path, stored, grid = written
    scene, node = read(path)
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(tmp_path / "saved.seg.nrrd"))
    assert storage.WriteData(node)
    saved = read_labels(tmp_path / "saved.seg.nrrd", hand_label_table())
    assert np.array_equal(grid.from_canonical(labels_on_grid(saved, grid)), stored)  # cropped
    names = [segment.name for segment in read_segments(tmp_path / "saved.seg.nrrd")]
    assert names == [structure.name for structure in hand_label_table()]
