"""Units of length in headers, converted to millimetres."""

_MILLIMETRES = {
    1.0: ("", "???", "?", "mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    10.0: ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    1000.0: ("m", "meter", "meters", "metre", "metres"),
    1e-3: ("um", "\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "micron", "microns",
           "micrometer", "micrometers", "micrometre", "micrometres"),
    1e-6: ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
}  # fmt: skip
_FACTORS = {name: factor for factor, names in _MILLIMETRES.items() for name in names}


def millimetres_of(unit: str) -> float | None:
    """Return the length of a unit in millimetres; None for unknown words.

    Headers without a unit mean millimetres, as their format specifies.

    Example:
        >>> millimetres_of("cm"), millimetres_of(""), millimetres_of("px")
        (10.0, 1.0, None)
    """
    return _FACTORS.get(unit.strip().lower())
