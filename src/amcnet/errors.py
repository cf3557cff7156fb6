"""The package's exceptions: each carries one sentence meant for the person who reads it.

The sentence names the file or key, what was found and what was expected. The command line
prints it as it is, on one line, and exits with status 2.
"""


class AmcnetError(Exception):
    """Base of every error that this package raises on purpose."""


class InputError(AmcnetError):
    """An input file or array cannot be used."""


class OutputError(AmcnetError):
    """An output cannot be written where it was asked for."""


class ConfigError(AmcnetError):
    """A configuration value is not allowed."""


class ModelError(AmcnetError):
    """A model bundle is missing, damaged or does not fit what was asked of it."""


class NotEnoughMemoryError(AmcnetError):
    """What was asked for takes more memory than there is."""


class TrainingError(AmcnetError):
    """A training run cannot go on."""


class MissingExtraError(AmcnetError, ImportError):
    """Something was called that needs an optional part of the installation."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the optional part '{extra}': pip install 'amcnet[{extra}]'")
