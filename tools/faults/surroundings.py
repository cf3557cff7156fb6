"""Folders and port of an interrupted command, and what its companion knows of it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Surroundings:
    """The folders of a command, and a free port.

    Attributes:
        inputs: The folder of inputs.
        out: The folder that the command may write to.
        port: The port.
    """

    inputs: Path
    out: Path
    port: int

    def filled(self, text: str) -> str:
        """Return a text with the folders and the port in place of their names in braces."""
        for name, value in (("in", self.inputs), ("out", self.out), ("port", self.port)):
            text = text.replace(f"{{{name}}}", str(value))
        return text


@dataclass(frozen=True)
class Beside(Surroundings):
    """What a companion knows of the command that it runs beside.

    Attributes:
        process: The process ID of the command.
        said: The file of everything that it prints.
    """

    process: int
    said: Path
