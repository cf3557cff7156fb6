"""Check, by numbers in the headers, that a series of single-frame images is complete."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError, count_text, one_line
from amcnet.io.dicom.headers import value_of, whole_number

_log = logging.getLogger(__name__)

_SHARED = ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID")


def check_one_source(headers: Sequence[Any], name: str) -> None:
    """Check that the images of a series have the same patient, study and frame of reference.

    Args:
        headers: One for each image.
        name: Name of the images in error messages.

    Raises:
        InputError: If they differ. The text omits the values, which may identify the patient.
    """
    for keyword in _SHARED:
        stated = {str(value_of(header, keyword) or "") for header in headers} - {""}
        if len(stated) > 1:
            raise InputError(
                f"{name}: its images have {len(stated)} different values of {keyword} though they "
                "share a SeriesInstanceUID, expected one"
            )


def check_acquisitions(headers: Sequence[Any], name: str) -> None:
    """Check that there are as many images as ImagesInAcquisition states.

    Args:
        headers: One for each image.
        name: Name of the images in error messages.

    Raises:
        InputError: If an acquisition has fewer images.
    """
    found = Counter(whole_number(header, "AcquisitionNumber") for header in headers)
    for header in headers:
        stated = whole_number(header, "ImagesInAcquisition")
        count = found[whole_number(header, "AcquisitionNumber")]
        if stated > count:
            raise InputError(
                f"{name}: holds {count_text(count, 'image')} but ImagesInAcquisition is "
                f"{stated}, expected all "
                "of them"
            )


def report_gaps(headers: Sequence[Any], name: str) -> None:
    """Report gaps in the InstanceNumbers in the log, although the positions are evenly spaced.

    Args:
        headers: One for each image.
        name: Name of the images in the log.
    """
    stated = [value_of(header, "InstanceNumber") for header in headers]
    numbers = sorted({whole_number(header, "InstanceNumber") for header in headers})
    if None in stated or len(numbers) < len(headers):
        return
    low, high = min(numbers[0], 1), numbers[-1]
    if high - low + 1 > len(numbers):
        _log.warning(
            "%s: holds %d images with InstanceNumber %d to %d, as if others were missing, but "
            "their positions are evenly spaced",
            one_line(name), len(numbers), numbers[0], high,
        )  # fmt: skip


def order_by_number(headers: Sequence[Any], name: str) -> NDArray[np.intp]:
    """Return the order of images by InstanceNumber, for images without positions.

    Args:
        headers: One for each image.
        name: Name of the images in error messages.

    Raises:
        InputError: If numbers are absent, repeated, or not consecutive.
    """
    if any(value_of(header, "InstanceNumber") is None for header in headers):
        raise InputError(
            f"{name}: some images have neither position nor number, expected one or the other"
        )
    values = np.array([whole_number(header, "InstanceNumber") for header in headers])
    order: NDArray[np.intp] = np.argsort(values, kind="stable")
    steps = np.diff(values[order])
    if (steps == 0).any():
        number = values[order][1:][steps == 0][0]
        raise InputError(f"{name}: several images have InstanceNumber {number}, expected one")
    if (steps > 1).any():
        at = int(np.argmax(steps > 1))
        raise InputError(
            f"{name}: images are missing, InstanceNumber goes from {values[order][at]} to "
            f"{values[order][at + 1]}, expected consecutive numbers"
        )
    return order
