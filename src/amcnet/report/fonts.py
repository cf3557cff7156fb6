"""Fonts for texts in any language: Matplotlib's own font has no Chinese characters, for example."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from amcnet.errors import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_NO_REAL_FONT = "Last Resort"  # comes with Matplotlib; draws boxes for all characters

_log = logging.getLogger(__name__)


@contextmanager
def fonts_for(figure: "Figure", name: str) -> Iterator[None]:
    """Save a figure within this context to draw all its texts with installed fonts.

    Characters that no installed font has are drawn as boxes and reported in the log.

    Args:
        figure: The figure; its texts get additional fonts.
        name: Name of the picture in the log.
    """
    missing = add_fonts(figure)
    if missing:
        _log.warning(
            "%s: no installed font has the characters %s, which are drawn as boxes",
            one_line(name),
            one_line(" ".join(missing)),
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def add_fonts(figure: "Figure") -> str:
    """Add fonts to the texts of a figure that contain characters their own font does not have.

    Returns:
        The characters that no installed font has.

    Example:
        >>> from matplotlib.figure import Figure
        >>> figure = Figure()
        >>> _ = figure.text(0, 0, "Wirbelkörper")
        >>> add_fonts(figure)
        ''
    """
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    texts = _texts_beyond_ascii(figure)
    own = get_font(findfont(FontProperties()))
    missing = {
        character
        for text in texts
        for character in text.get_text()
        if character.isprintable() and not own.get_char_index(ord(character))
    }
    families: list[str] = []
    for entry in sorted(fontManager.ttflist, key=lambda entry: entry.name):
        if not missing:
            break
        if entry.style != "normal" or entry.name.startswith(_NO_REAL_FONT):
            continue
        font = get_font(entry.fname)
        found = {character for character in missing if font.get_char_index(ord(character))}
        if found:
            families.append(entry.name)
            missing -= found
    if families:
        for text in texts:
            text.set_fontfamily([*text.get_fontfamily(), *families])
    return "".join(sorted(missing))


def _texts_beyond_ascii(figure: "Figure") -> list["Text"]:
    from matplotlib.text import Text

    for axes in figure.axes:  # sets the texts of the ticks
        axes.get_xticklabels()
        axes.get_yticklabels()
    texts: list[Text] = figure.findobj(Text)
    return [text for text in texts if not text.get_text().isascii()]
