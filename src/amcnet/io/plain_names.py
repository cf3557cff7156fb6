"""Normalise names of structures, segments and files for output and comparison."""

import unicodedata


def printable_name(name: str) -> str:
    """Return a name on one line: single spaces, no control characters.

    Example:
        >>> printable_name("left\\nblock \\x1b[31m")
        'left block [31m'
    """
    return "".join(c for c in " ".join(name.split()) if c.isprintable())


def plain_name(name: str) -> str:
    """Return a name normalised for comparison: printable, lower case, single spaces, composed."""
    return comparable_text(printable_name(name))


def composed_text(text: str) -> str:
    """Return a text that stores each accented letter as one character (NFC)."""
    return unicodedata.normalize("NFC", text)


def comparable_text(text: str) -> str:
    """Return a text that ignores letter case and how accents are stored.

    macOS decomposes letters with accents (NFD: ``u`` and a combining diaeresis), other systems
    store one character (NFC).

    Example:
        >>> comparable_text("FRA\N{COMBINING DIAERESIS}ULEIN") == comparable_text("fräulein")
        True
    """
    return composed_text(text.casefold())
