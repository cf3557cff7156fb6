"""Make the headers that highdicom needs to write a segmentation of the source images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import OutputError
from amcnet.io.dicom.headers import value_of
from amcnet.io.dicom.source import DicomSource
from amcnet.io.geometry import Geometry

_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID",
    "StudyDate", "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
_MUST_BE_THERE = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")


def make_source_headers(hd: Any, source: DicomSource, geometry: Geometry) -> list[Any]:  # noqa: ANN401
    """Return a header for each image, in the order of the stored slices.

    A multi-frame image has one header, whose frames are in the order of :func:`frame_order`.
    Positions are written to the sequences of the patient's frame of reference, the only ones that
    highdicom and segmentations support.

    Raises:
        OutputError: If the images lack a mandatory attribute. The text has no path.
    """
    first = _complete(hd, source)
    positions = slice_positions(geometry)
    if source.frames[0].frame_number is not None:
        return [_multi_frame(hd, first, source, geometry, positions)]
    row_mm, column_mm = geometry.spacing_mm[1], geometry.spacing_mm[0]
    images = []
    for reference, position in zip(source.frames, positions, strict=True):
        changes = {
            "SOPClassUID": reference.sop_class_uid,
            "SOPInstanceUID": reference.sop_instance_uid,
            "ImagePositionPatient": [_decimal(value) for value in position],
            "ImageOrientationPatient": _orientation(geometry),
            "PixelSpacing": [_decimal(row_mm), _decimal(column_mm)],
            "SliceThickness": _decimal(geometry.spacing_mm[2]),
            "SpacingBetweenSlices": _decimal(geometry.spacing_mm[2]),
        }
        images.append(_changed(first, changes))
    return images


def frame_order(source: DicomSource) -> NDArray[np.intp]:
    """Return the slice index of each image, or of each frame of a multi-frame image."""
    numbers = [reference.frame_number for reference in source.frames]
    if numbers[0] is None:
        return np.arange(len(numbers))
    return np.argsort(np.array(numbers, dtype=np.intp))


def slice_positions(geometry: Geometry) -> NDArray[np.float64]:
    """Return the position of the first voxel of every stored slice, (slice, 3), in mm."""
    normal = np.array(geometry.direction).reshape(3, 3)[:, 2]
    steps = np.arange(geometry.size[2])[:, None] * geometry.spacing_mm[2]
    positions: NDArray[np.float64] = np.array(geometry.origin_mm) + steps * normal
    return positions


def _complete(hd: Any, source: DicomSource) -> Any:  # noqa: ANN401
    """Return the header with absent attributes added as empty, and invalid values removed."""
    for keyword in _MUST_BE_THERE:
        if not value_of(source.header, keyword):
            raise OutputError(f"the images have no {keyword}, which is mandatory in DICOM images")
    absent = dict.fromkeys(_MAY_BE_EMPTY, "") | {"Modality": "OT"}
    changes = {
        key: value
        for key, value in absent.items()
        if key not in source.header or _is_odd(key, value_of(source.header, key))
    }
    changes["FrameOfReferenceUID"] = source.frame_of_reference_uid or str(hd.UID())
    return _changed(source.header, changes)


def _is_odd(keyword: str, value: Any) -> bool:  # noqa: ANN401
    """Return whether highdicom would refuse a value that some devices nevertheless write."""
    from pydicom.valuerep import DA, TM

    kinds: dict[str, Any] = {"PatientBirthDate": DA, "StudyDate": DA, "StudyTime": TM}
    if keyword == "PatientSex":
        return value not in (None, "M", "F", "O")
    try:
        kinds.get(keyword, str)(value or "")
    except ValueError:
        return True
    return False


def _multi_frame(
    hd: Any,  # noqa: ANN401
    image: Any,  # noqa: ANN401
    source: DicomSource,
    geometry: Geometry,
    positions: NDArray[np.float64],
) -> Any:  # noqa: ANN401
    shared, frames = type(image)(), []
    shared.PlaneOrientationSequence = hd.PlaneOrientationSequence("PATIENT", _orientation(geometry))
    shared.PixelMeasuresSequence = hd.PixelMeasuresSequence(
        pixel_spacing=[_decimal(geometry.spacing_mm[1]), _decimal(geometry.spacing_mm[0])],
        slice_thickness=_decimal(geometry.spacing_mm[2]),
        spacing_between_slices=_decimal(geometry.spacing_mm[2]),
    )
    for index in frame_order(source):
        frame = type(image)()
        frame.PlanePositionSequence = hd.PlanePositionSequence(
            "PATIENT", [_decimal(value) for value in positions[index]]
        )
        frames.append(frame)
    changes = {
        "NumberOfFrames": len(frames),
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": frames,
    }
    return _changed(image, changes)


def _orientation(geometry: Geometry) -> list[float]:
    columns = np.array(geometry.direction).reshape(3, 3).T
    return [_decimal(value) for value in (*columns[0], *columns[1])]


def _decimal(value: float) -> float:
    """Round to the 16 characters that DICOM allows for a number."""
    from pydicom.valuerep import format_number_as_ds

    return float(format_number_as_ds(float(value)))


def _changed(header: Any, changes: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return a copy of a dataset with some elements changed."""
    image = type(header)(dict(header.items()))
    for keyword, value in changes.items():
        if keyword in image:  # a change in place would affect the original
            del image[keyword]
        setattr(image, keyword, value)
    return image
