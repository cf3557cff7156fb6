"""The package's exceptions: each carries one sentence meant for the person who reads it.

The sentence names the file or key, what was found and what was expected. The command line
prints it as it is, on one line, and exits with status 2.
"""

import logging
import os
import unicodedata
from pathlib import Path

TRACEBACK_VARIABLE = "AMCNET_TRACEBACK"
"""Environment variable that shows the tracebacks of faults of the program itself."""

_log = logging.getLogger(__name__)
_MOST_CHARACTERS = 4000


class AmcnetError(Exception):
    """Base of every error that this package raises on purpose."""

    def __str__(self) -> str:
        """Return the sentence on one line, even if it quotes a damaged file or an odd file name."""
        return one_line(super().__str__())


class InputError(AmcnetError):
    """An input file or array cannot be used."""


class OutputError(AmcnetError):
    """An output cannot be written to the requested place."""


class ConfigError(AmcnetError):
    """A configuration value is not allowed."""


class ModelError(AmcnetError):
    """A model bundle is missing, damaged or does not fit the request."""


class NotEnoughMemoryError(AmcnetError):
    """The request needs more memory than is available."""


class TrainingError(AmcnetError):
    """A training run cannot be continued."""


class MissingExtraError(AmcnetError, ImportError):
    """Something was called that needs an optional part of the installation."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the optional part '{extra}': pip install 'amcnet[{extra}]'")


def one_line(text: str) -> str:
    """Return a text with line ends as spaces and control characters as escapes, not too long."""
    if len(text) > _MOST_CHARACTERS:
        half = _MOST_CHARACTERS // 2
        text = f"{text[:half]} ... {text[-half:]}"
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else _escaped(character)
        for character in text.replace("\r\n", " ").replace("\n", " ")
    )


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural.

    >>> count_text(1, "error"), count_text(2, "class"), count_text(3, "file")
    ('1 error', '2 classes', '3 files')
    """
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def printable_lines(text: str) -> str:
    """Return a text with control characters as escapes; line ends and tabs stay."""
    plain = text.replace("\n", "").replace("\t", "")
    if plain.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


class OneLineFormatter(logging.Formatter):
    """Formats a log record as one line without control characters, whatever it quotes."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, and below it the traceback where there is one."""
        text = super().format(record)
        return printable_lines(text) if record.exc_info else one_line(text)


def _escaped(character: str) -> str:
    is_space = unicodedata.category(character) == "Zs"
    return character if is_space else character.encode("unicode_escape").decode("ascii")


def in_words(problem: Exception, *files: Path) -> str:
    """Return what went wrong with one of many files as one sentence that names a file.

    What nobody foresaw is logged with its traceback where :data:`TRACEBACK_VARIABLE` is set.

    Args:
        problem: What was raised.
        files: The file being processed, and others that the sentence may name instead.
    """
    if isinstance(problem, AmcnetError):
        text = str(problem)
    elif isinstance(problem, MemoryError):
        text = "there is not enough memory for it"
    elif isinstance(problem, OSError):
        text = problem.strerror or str(problem)
    else:
        level = logging.ERROR if os.environ.get(TRACEBACK_VARIABLE) else logging.DEBUG
        _log.log(level, "%s: failed in a way that was not foreseen", files[0], exc_info=problem)
        last = (str(problem).strip().splitlines() or ["without a word"])[-1]
        text = f"{type(problem).__name__}: {last}"
    is_named = any(one_line(file.name) in text for file in files)
    return one_line(text if is_named else f"{files[0]}: {text}")
