"""Turn decoded frames into intensities: palettes, colours, inverted values, masked borders."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError, one_line
from amcnet.io.colour import coloured_pixels, luma
from amcnet.io.dicom.headers import value_of, whole_number
from amcnet.io.dicom.locations import Location
from amcnet.io.dicom.ultrasound_regions import outside_mask, regions_of

_LOSSY = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81, 91))

_log = logging.getLogger(__name__)


@dataclass
class Changes:
    """Numbers of pixels that were changed by the conversion to intensities.

    Attributes:
        coloured: Pixels that had colour.
        inside: Number of coloured pixels within the ultrasound region.
        masked: Pixels that were not 0 and lie outside the ultrasound region or are padding.
        has_padding: Whether any of them have the PixelPaddingValue.
        ignored: Why the ultrasound regions of an image were ignored; empty if none were.
    """

    coloured: int = 0
    inside: int = 0
    masked: int = 0
    has_padding: bool = False
    ignored: str = ""

    def report(self, name: str) -> None:
        """Report the changes in one line of the log."""
        texts = []
        if self.coloured:
            texts.append(
                f"{self.coloured} pixels had colour ({self.inside} within the picture), their "
                "luma is used (refuse colours with --colour refuse)"
            )
        if self.masked:
            which = " or with the PixelPaddingValue" if self.has_padding else ""
            texts.append(f"{self.masked} pixels outside the ultrasound region{which} were set to 0")
        if self.ignored:
            texts.append(f"{self.ignored}; the ultrasound regions are ignored")
        if texts:
            _log.warning("%s: %s", one_line(name), "; ".join(texts))

    def outside(
        self,
        header: Any,  # noqa: ANN401
        location: Location,
        spacing_is_given: bool,
    ) -> NDArray[np.bool_] | None:
        """Return which pixels of an image lie outside its ultrasound regions.

        Args:
            header: Header of the image.
            location: Name of the image in error messages.
            spacing_is_given: Whether the user stated the voxel size; regions that contradict the
                image are then ignored, which is reported.

        Returns:
            The pixels, (row, column); None for an image without regions.

        Raises:
            InputError: If the regions contradict the image.
        """
        try:
            regions = regions_of(header, f"{location}")
        except InputError as error:
            if not spacing_is_given:
                raise
            self.ignored = self.ignored or str(error)
            return None
        shape = (whole_number(header, "Rows"), whole_number(header, "Columns"))
        return outside_mask(regions, shape)

    def hidden(
        self,
        frame: NDArray[Any],
        header: Any,  # noqa: ANN401
        outside: NDArray[np.bool_] | None,
    ) -> NDArray[np.bool_] | None:
        """Return which pixels of a decoded frame are padding or lie outside the regions.

        Args:
            frame: The frame as stored.
            header: Header of the image.
            outside: Which pixels lie outside the ultrasound regions; None if there are none.
        """
        value = value_of(header, "PixelPaddingValue")
        if value is None or frame.ndim != 2:
            return outside
        limit = value_of(header, "PixelPaddingRangeLimit")
        low, high = sorted((int(value), int(value if limit is None else limit)))
        padding = (frame >= low) & (frame <= high)
        if not padding.any():
            return outside
        self.has_padding = True
        return padding if outside is None else padding | outside

    def count(self, tint: NDArray[np.bool_], outside: NDArray[np.bool_] | None) -> None:
        """Count the coloured pixels of a frame.

        Args:
            tint: Which pixels have colour.
            outside: Which pixels lie outside the ultrasound regions; None if there are none.
        """
        self.coloured += int(np.count_nonzero(tint))
        inside = tint if outside is None else tint & ~outside
        self.inside += int(np.count_nonzero(inside))


def _channels(pydicom: Any, frame: NDArray[Any], header: Any) -> NDArray[Any]:  # noqa: ANN401
    """Return a frame with its palette applied."""
    if value_of(header, "PhotometricInterpretation") != "PALETTE COLOR":
        return frame
    coloured: NDArray[Any] = pydicom.pixels.apply_color_lut(frame, header)
    return coloured


def tint_of(pydicom: Any, frame: NDArray[Any], header: Any) -> NDArray[np.bool_] | None:  # noqa: ANN401
    """Return which pixels of a frame have colour; None for a frame without colour channels."""
    channels = _channels(pydicom, frame, header)
    if channels.ndim != 3:
        return None
    lossy = header.file_meta.TransferSyntaxUID in _LOSSY
    return coloured_pixels(channels, lossy or value_of(header, "LossyImageCompression") == "01")


def intensities_of(pydicom: Any, frame: NDArray[Any], header: Any) -> NDArray[Any]:  # noqa: ANN401
    """Return a frame as intensities, where greater values are brighter."""
    kind = value_of(header, "PhotometricInterpretation")
    frame = _channels(pydicom, frame, header)
    if frame.ndim == 3:
        frame = luma(frame)
    if kind != "MONOCHROME1" or frame.dtype.kind == "f":
        return -frame if kind == "MONOCHROME1" else frame
    bits = whole_number(header, "BitsStored", 8 * frame.dtype.itemsize)
    top = -1 if frame.dtype.kind == "i" else (1 << bits) - 1
    inverted: NDArray[Any] = frame.dtype.type(top) - frame
    return inverted
