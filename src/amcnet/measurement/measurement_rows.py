"""Measurements as flat rows."""

from amcnet.measurement.structures import Measurement

Value = str | int | float | bool | None
MeasurementRow = dict[str, Value]

_AXES = ("scan", "lateral", "depth")


def row_of(measurement: Measurement) -> MeasurementRow:
    """Return a measurement as a flat dictionary, units in the keys; None for missing values.

    Example:
        >>> row_of(Measurement(1, "block", present=False, voxels=0))["length_mm"] is None
        True
    """
    row: MeasurementRow = {
        "label": measurement.label,
        "name": measurement.name,
        "present": measurement.present,
        "voxels": measurement.voxels,
        "volume_mm3": measurement.volume_mm3,
        "length_mm": measurement.length_mm,
        "width_mm": measurement.width_mm,
        "thickness_mm": measurement.thickness_mm,
        "surface_area_mm2": measurement.surface_area_mm2,
        "confidence": measurement.confidence,
    }
    centroid = measurement.centroid_mm or (None, None, None)
    row |= {f"centroid_{axis}_mm": at for axis, at in zip(_AXES, centroid, strict=True)}
    if (end := measurement.growth_end) is not None:
        row |= {
            "bone": end.bone,
            "epiphysis_width_mm": end.epiphysis_width_mm,
            "shaft_end_width_mm": end.shaft_end_width_mm,
            "epiphysis_to_shaft_width_ratio": end.width_ratio,
        }
    return row
