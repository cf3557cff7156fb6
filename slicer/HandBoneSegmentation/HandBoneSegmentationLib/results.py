"""Results as nodes: segments, their display, and the table of sizes and verdicts."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from .surfaces import make_surfaces

GROUP_TAG, KIND_TAG = "HandBoneSegmentation.Group", "HandBoneSegmentation.Kind"
_LABELMAP, _SURFACE = "Binary labelmap", "Closed surface"
_NIFTI_TYPES = {2: np.uint8, 512: np.uint16}
_COLUMNS = {
    "volume_mm3": "Volume (mm3)",
    "length_mm": "Length (mm)",
    "width_mm": "Width (mm)",
    "thickness_mm": "Thickness (mm)",
    "surface_area_mm2": "Surface (mm2)",
    "confidence": "Confidence",
    "predicted_dice": "Predicted Dice",
}
Result = dict[str, Any]


def read_labels(path: Path) -> np.ndarray:
    """Return the labels (z, y, x) of an uncompressed ``.nii`` from amcnet, memory-mapped."""
    with path.open("rb") as file:
        header = file.read(352)
    size = struct.unpack_from("<8h", header, 40)[1:4]
    (kind,) = struct.unpack_from("<h", header, 70)
    (offset,) = struct.unpack_from("<f", header, 108)
    if kind not in _NIFTI_TYPES:
        raise ValueError(f"{path}: has voxels of type {kind}, expected 2 or 512")
    return np.memmap(path, _NIFTI_TYPES[kind], "r", int(offset), size[::-1])


def ijk_to_ras(geometry: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return the IJK-to-RAS ``vtkMatrix4x4`` of a grid that amcnet describes in LPS."""
    matrix = vtk.vtkMatrix4x4()
    for row, sign in enumerate((-1, -1, 1)):
        for column, spacing_mm in enumerate(geometry["spacing_mm"]):
            cosine = geometry["direction"][3 * row + column]
            matrix.SetElement(row, column, sign * cosine * spacing_mm)
        matrix.SetElement(row, 3, sign * geometry["origin_mm"][row])
    return matrix


def fill_segmentation(node: Any, labels: np.ndarray, result: Result) -> None:  # noqa: ANN401
    """Replace the segments of a segmentation node by those of a result.

    They share one labelmap on the grid of the volume, cropped to the labelled voxels.

    Args:
        node: A ``vtkMRMLSegmentationNode`` of a scene.
        labels: Labels (z, y, x).
        result: The event ``result`` of ``amcnet segment --progress json``.
    """
    matrix = ijk_to_ras(result["geometry"])
    first, cut = _cut_out(labels)
    image = _oriented_image(first, cut, matrix)
    surfaces = make_surfaces(cut, first, matrix)
    was_modifying = node.StartModify()
    segmentation = slicer.vtkSegmentation()
    segmentation.SetSourceRepresentationName(_LABELMAP)
    for structure in result["structures"]:
        segment = slicer.vtkSegment()
        segment.SetName(structure["name"])
        segment.SetColor([channel / 255 for channel in structure["color_rgb"]])
        segment.SetLabelValue(structure["label"])
        segment.SetTag("TerminologyEntry", terminology_entry(structure["terminology"]))
        segment.SetTag(GROUP_TAG, structure["group"])
        segment.SetTag(KIND_TAG, structure["kind"])
        segment.AddRepresentation(_LABELMAP, image)
        surface = surfaces.get(structure["label"]) or vtk.vtkPolyData()
        segment.AddRepresentation(_SURFACE, surface)
        segmentation.AddSegment(segment, f"Segment_{structure['label']}")
    old = node.GetSegmentation()
    # Removing a segment of a shared labelmap makes 3D Slicer process the whole labelmap.
    for index in range(old.GetNumberOfSegments()):
        old.GetNthSegment(index).RemoveAllRepresentations()
    node.SetAndObserveSegmentation(segmentation)
    node.EndModify(was_modifying)
    _show(node)


def _cut_out(labels: np.ndarray) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return the labels cropped to the labelled voxels, and the (x, y, z) of the first voxel."""
    seen = np.bitwise_or.reduce(labels, axis=0)
    along = [np.array([plane.any() for plane in labels]), seen.any(axis=1), seen.any(axis=0)]
    found = [np.flatnonzero(axis) for axis in along]
    if not found[0].size:
        return (0, 0, 0), np.zeros((1, 1, 1), labels.dtype)
    low, high = [int(axis[0]) for axis in found], [int(axis[-1]) + 1 for axis in found]
    cut = labels[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    return (low[2], low[1], low[0]), np.ascontiguousarray(cut)


def _oriented_image(first: Sequence[int], labels: np.ndarray, matrix: Any) -> Any:  # noqa: ANN401
    image = slicer.vtkOrientedImageData()
    sizes = labels.shape[::-1]
    image.SetExtent([end for low, size in zip(first, sizes) for end in (low, low + size - 1)])  # noqa: B905
    image.GetPointData().SetScalars(numpy_to_vtk(labels.ravel(), deep=True))
    image.SetImageToWorldMatrix(matrix)
    return image


def terminology_entry(terminology: dict[str, Any]) -> str:
    """Return a terminology in the text form that segments store."""
    category, kind = ("^".join(terminology[name]) for name in ("category", "type"))
    no_modifier, no_region = "^^", "~^^~^^"
    return "~".join([terminology["contextName"], category, kind, no_modifier, no_region])


def _show(node: Any) -> None:  # noqa: ANN401
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetPreferredDisplayRepresentationName3D(_SURFACE)
    display.SetPreferredDisplayRepresentationName2D(_LABELMAP)
    display.SetVisibility(True)
    display.SetVisibility3D(True)
    show_only(node, *(set(segment_tags(node, tag).values()) for tag in (GROUP_TAG, KIND_TAG)))


def segment_tags(node: Any, tag: str) -> dict[str, str]:  # noqa: ANN401
    """Return a tag of all segments of a node: ID -> text, in segment order."""
    segmentation = node.GetSegmentation()
    found = {}
    for index in range(segmentation.GetNumberOfSegments()):
        text = vtk.reference("")
        if segmentation.GetNthSegment(index).GetTag(tag, text):
            found[segmentation.GetNthSegmentID(index)] = str(text)
    return found


def show_only(node: Any, groups: set[str], kinds: set[str]) -> None:  # noqa: ANN401
    """Show the segments of some fingers and kinds, and hide the others."""
    display = node.GetDisplayNode()
    group_of, kind_of = segment_tags(node, GROUP_TAG), segment_tags(node, KIND_TAG)
    was_modifying = display.StartModify()
    for segment, kind in kind_of.items():
        display.SetSegmentVisibility(segment, group_of.get(segment) in groups and kind in kinds)
    display.EndModify(was_modifying)


def fill_table(node: Any, result: Result) -> None:  # noqa: ANN401
    """Write the sizes and verdicts of a result into a table node, one row for each structure."""
    rows = result["structures"]
    remarks = {row["label"]: "" for row in rows}
    for finding in result["findings"]:
        labels = finding["structures"]
        # An older server only knows the message about all of them.
        reasons = finding.get("reasons") or [finding["message"]] * len(labels)
        for label, reason in zip(labels, reasons, strict=True):
            remarks[label] += ("; " if remarks[label] else "") + reason
    was_modifying = node.StartModify()
    node.RemoveAllColumns()
    _add(node, vtk.vtkStringArray(), "Structure", [row["name"] for row in rows])
    _add(node, vtk.vtkStringArray(), "Verdict", [_verdict(row) for row in rows])
    for key, title in _COLUMNS.items():
        values = [row.get(key) for row in rows]  # an older server may omit some values
        numbers = [float("nan") if value is None else round(value, 3) for value in values]
        _add(node, vtk.vtkDoubleArray(), title, numbers)
    _add(node, vtk.vtkStringArray(), "Remarks", [remarks[row["label"]] for row in rows])
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    node.EndModify(was_modifying)


def _verdict(row: dict[str, Any]) -> str:
    return row["verdict"] if row["present"] else f"{row['verdict']}, absent"


def _add(node: Any, column: Any, title: str, values: list[Any]) -> None:  # noqa: ANN401
    column.SetName(title)
    for value in values:
        column.InsertNextValue(value)
    node.AddColumn(column)
    node.SetColumnTitle(title, title)


def jump_to(node: Any, name: str) -> bool:  # noqa: ANN401
    """Show the middle of a segment in all slice views; return whether it has voxels."""
    segmentation = node.GetSegmentation()
    segment = segmentation.GetSegmentIdBySegmentName(name)
    if not segment or not _has_voxels(segmentation.GetSegment(segment)):
        return False
    centre = node.GetSegmentCenterRAS(segment)
    scene = node.GetScene()
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")):
        view = scene.GetNthNodeByClass(index, "vtkMRMLSliceNode")
        view.JumpSliceByCentering(*centre)
    return True


def _has_voxels(segment: Any) -> bool:  # noqa: ANN401
    surface = segment.GetRepresentation(_SURFACE)
    if surface is not None:
        return surface.GetNumberOfPoints() > 0
    image = segment.GetRepresentation(
        _LABELMAP
    )  # 3D Slicer drops surfaces when segments are edited
    if image is None or image.GetNumberOfPoints() == 0:
        return False
    labels = vtk_to_numpy(image.GetPointData().GetScalars())
    return bool((labels == segment.GetLabelValue()).any())
