"""Check that a text was decoded by the character set that its file declares (PS3.3 C.12.1.1.2)."""

import codecs
import re
from collections.abc import Sequence
from typing import Any

from amcnet.errors import InputError
from amcnet.io.dicom.headers import value_of
from amcnet.io.dicom.quiet_libraries import quiet_pydicom

_DEFAULT = ("", "ISO_IR 6", "ISO 2022 IR 6")  # ASCII
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def character_sets_of(header: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return the character sets that a file declares; none for the default, ASCII."""
    declared = value_of(header, "SpecificCharacterSet")
    names = [declared] if isinstance(declared, str) else list(declared or ())
    return tuple(name for name in map(str, names) if name not in _DEFAULT)


def checked_text(text: str, character_sets: Sequence[str], what: str) -> str:
    """Return a text as it was meant, or refuse it if pydicom had to guess.

    Without a declared character set only ASCII is allowed; UTF-8 is recognised all the same, as
    other bytes hardly ever form valid UTF-8.

    Args:
        text: The text as pydicom decoded it.
        character_sets: What :func:`character_sets_of` returned.
        what: Description of the text in error messages.

    Raises:
        InputError: If its bytes are not text in the declared character set, or the set is unknown.
            The text has no path.
    """
    if text.isascii():
        return text
    unknown = [name for name in character_sets if not _is_known(name)]
    if unknown:
        raise InputError(
            f"SpecificCharacterSet is '{unknown[0]}', expected a character set of DICOM, such as "
            "ISO_IR 192 for UTF-8"
        )
    if character_sets and _REPLACEMENT not in text:
        return text
    if not character_sets:
        try:
            return text.encode("latin-1").decode("utf-8")  # pydicom decodes by Latin-1
        except UnicodeError:
            pass
    declared = ", ".join(character_sets) or "ASCII, as no SpecificCharacterSet is stated"
    raise InputError(f"{what} is {text!a}, expected text in its character set ({declared})")


def _is_known(name: str) -> bool:
    with quiet_pydicom():
        from pydicom.charset import python_encoding
    if re.sub("^ISO.IR", "ISO_IR", name) in python_encoding:  # pydicom corrects this spelling
        return True
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return True
