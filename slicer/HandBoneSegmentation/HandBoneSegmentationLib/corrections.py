"""What a person has corrected in a segmentation, and what to correct next."""

import hashlib
from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from .results import Result

FOUND_TAG = "HandBoneSegmentation.AsFound"
"""Digest of a segment's voxels as found by amcnet."""

_LABELMAP = "Binary labelmap"
_LARGEST = 2**20  # voxels along an axis, on either side of the first


def remember_found(node: Any) -> None:  # noqa: ANN401
    """Store a digest of each segment in its tags, so that later corrections can be detected."""
    segmentation = node.GetSegmentation()
    for segment, digest in segment_digests(segmentation).items():
        segmentation.GetSegment(segment).SetTag(FOUND_TAG, digest)


def names_by_correction(node: Any) -> tuple[list[str], list[str]]:  # noqa: ANN401
    """Return the names of the segments that were changed since then, and of the unchanged ones.

    Segments that amcnet did not make count as changed.
    """
    segmentation = node.GetSegmentation()
    changed, unchanged = [], []
    for segment, digest in segment_digests(segmentation).items():
        found = vtk.reference("")
        one = segmentation.GetSegment(segment)
        is_known = one.GetTag(FOUND_TAG, found)
        (unchanged if is_known and str(found) == digest else changed).append(one.GetName())
    return changed, unchanged


def segment_digests(segmentation: Any) -> dict[str, str]:  # noqa: ANN401
    """Return a digest of the voxels of each segment: segment ID -> digest.

    It does not depend on how far the labelmap extends beyond the segment, which the Segment Editor
    changes, nor on which segments share a labelmap.
    """
    layers: list[tuple[Any, dict[int, bytes]]] = []
    digests = {}
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        image = segment.GetRepresentation(_LABELMAP)
        known = next((found for layer, found in layers if layer is image), None)
        if known is None:
            known = _places_by_value(image)
            layers.append((image, known))
        places = known.get(int(segment.GetLabelValue()), b"")
        digest = hashlib.blake2b(places, digest_size=16).hexdigest()
        digests[segmentation.GetNthSegmentID(index)] = digest
    return digests


def _places_by_value(image: Any) -> dict[int, bytes]:  # noqa: ANN401
    """Return the position of the voxels of each value in a labelmap."""
    if image is None or image.GetNumberOfPoints() == 0:
        return {}
    low_x, high_x, low_y, high_y, low_z, high_z = image.GetExtent()
    labels = vtk_to_numpy(image.GetPointData().GetScalars()).ravel()
    labelled = np.flatnonzero(labels)
    shape = (high_z - low_z + 1, high_y - low_y + 1, high_x - low_x + 1)
    place = np.zeros(len(labelled), np.int64)
    for along, low in zip(np.unravel_index(labelled, shape), (low_z, low_y, low_x)):  # noqa: B905
        place = place * (2 * _LARGEST) + along + low + _LARGEST
    values = labels[labelled]
    order = np.argsort(values, kind="stable")
    places, values = place[order], values[order]
    found, starts = np.unique(values, return_index=True)
    parts = np.split(places, starts[1:])
    return {int(value): part.tobytes() for value, part in zip(found, parts)}  # noqa: B905


def worth_correcting(result: Result, most: int = 5) -> list[str]:
    """Return the names of the structures to correct first: those most likely to be wrong.

    They are sorted by predicted Dice, or by confidence if the version of amcnet predicts none.
    Absent structures have neither: they come first if the check finds their absence suspicious.
    """
    rows = [row for row in result["structures"] if row["present"] or row["verdict"] != "ok"]

    def trust(row: dict[str, Any]) -> float:
        predicted = row.get("predicted_dice")
        value = row["confidence"] if predicted is None else predicted
        return -1.0 if value is None or not row["present"] else float(value)

    return [row["name"] for row in sorted(rows, key=trust)[:most]]
