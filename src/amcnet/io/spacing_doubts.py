"""Detect implausible voxel sizes before any work starts."""

from amcnet.io.geometry import Geometry, Triple

_LEAST_EXTENT_MM, _MOST_EXTENT_MM = 25.0, 600.0
_REMEDY = "pass the voxel size in mm with --spacing SCAN,LATERAL,DEPTH (spacing_mm in Python)"


def doubtful_spacing(geometry: Geometry, may_be_cropped: bool = False) -> str | None:
    """Return why the voxel size of a scan is doubtful; None if it is plausible.

    Converters that lose the voxel size write 1 x 1 x 1 mm, and a size in another unit gives an
    extent that no scanned body part has: a longest side below 25 mm or above 600 mm.

    Args:
        geometry: The grid of the scan, or of its labels.
        may_be_cropped: Whether it may be a cropped part of a scan, which has no minimum size.

    Returns:
        One sentence with the voxel size, the extent and the remedy, without a path.

    Example:
        >>> doubtful_spacing(Geometry.canonical((609, 1023, 512), (0.279, 0.130, 0.088))) is None
        True
        >>> doubtful_spacing(Geometry.canonical((609, 1023, 512), (1, 1, 1)))[:54]
        'the voxel size is 1 x 1 x 1 mm, as if none were stated'
    """
    spacing = geometry.canonical_spacing_mm
    extent = tuple(
        size * step for size, step in zip(geometry.canonical_shape, spacing, strict=True)
    )
    sizes = f"the volume measures {_text((extent[0], extent[1], extent[2]))} mm"
    if spacing == (1.0, 1.0, 1.0):
        return f"the voxel size is 1 x 1 x 1 mm, as if none were stated, and {sizes}: {_REMEDY}"
    if max(extent) > _MOST_EXTENT_MM:
        unit = "um" if max(extent) > 100 * _MOST_EXTENT_MM else "another unit than mm"
        return f"{sizes} with voxels of {_text(spacing)} mm, as if they were in {unit}: {_REMEDY}"
    if max(extent) < _LEAST_EXTENT_MM and not may_be_cropped:
        unit = "cm" if max(extent) > 1 else "m"
        return f"{sizes} with voxels of {_text(spacing)} mm, as if they were in {unit}: {_REMEDY}"
    return None


def _text(values: Triple) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
