"""Pixel spacing from all attributes that state it; they must agree."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.io.dicom.headers import numbers, value_of
from amcnet.io.dicom.ultrasound_regions import regions_of, spacing_of_regions

_TOLERANCE = 0.01  # relative


def pixel_spacings(headers: Sequence[Any], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the distance between rows and between columns of each image, (image, 2), in mm.

    Args:
        headers: One for each image.
        names: Name of each image in error messages.

    Raises:
        InputError: If an image states no spacing, or two different ones.
    """
    found = [stated_spacing(*pair) for pair in zip(headers, names, strict=True)]
    for spacing, header, name in zip(found, headers, names, strict=True):
        if spacing is None:
            imager = numbers(header, "ImagerPixelSpacing", 2)
            hint = "" if imager is None else f" (ImagerPixelSpacing {_text(imager)} is not a size)"
            raise InputError(
                f"{name}: has neither PixelSpacing{hint} nor an ultrasound region that states "
                "it, expected one of them, or the voxel size (--spacing SCAN,LATERAL,DEPTH)"
            )
    return np.array(found, dtype=np.float64)


def stated_spacing(header: Any, name: str) -> tuple[float, ...] | None:  # noqa: ANN401
    """Return the distance between rows and between columns that a header states, in mm, or None.

    Raises:
        InputError: If attributes contradict each other.
    """
    stated = numbers(header, "PixelSpacing", 2)
    imager = numbers(header, "ImagerPixelSpacing", 2)
    if stated is None or not np.isfinite(stated).all():
        return spacing_of_regions(regions_of(header, name), name)
    check_region_spacing(header, stated, name)
    if (
        value_of(header, "PixelSpacingCalibrationType") is None
    ):  # otherwise the message says why they differ
        _check_same(stated, imager, "ImagerPixelSpacing", name)
    return stated


def check_region_spacing(header: Any, stated: tuple[float, ...], name: str) -> None:  # noqa: ANN401
    """Check that the ultrasound regions of an image agree with its stated pixel spacing.

    Raises:
        InputError: If they do not.
    """
    region = spacing_of_regions(regions_of(header, name), name)
    _check_same(stated, region, "its ultrasound region", name)


def _check_same(
    stated: tuple[float, ...], other: tuple[float, ...] | None, what: str, name: str
) -> None:
    if other is not None and not np.allclose(stated, other, rtol=_TOLERANCE, atol=0):
        raise InputError(
            f"{name}: PixelSpacing is {_text(stated)} but {what} says {_text(other)} mm, "
            "expected the same (--spacing overrides both)"
        )


def _text(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.6g}" for value in values)
