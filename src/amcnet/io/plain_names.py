"""Normalise names of structures and segments for output and comparison."""


def printable_name(name: str) -> str:
    """Return a name on one line: single spaces, no control characters.

    Example:
        >>> printable_name("left\\nblock \\x1b[31m")
        'left block [31m'
    """
    return "".join(c for c in " ".join(name.split()) if c.isprintable())


def plain_name(name: str) -> str:
    """Return a name normalised for comparison: printable, lower case, single spaces."""
    return printable_name(name).casefold()
