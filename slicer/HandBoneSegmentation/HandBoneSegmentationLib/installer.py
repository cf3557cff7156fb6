"""Find or install the package amcnet without touching 3D Slicer's own packages."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from .package_source import Purpose, check_source, copy_checked, pip_calls
from .parameters import MODULE, Memory
from .runner import Command, Runner, do_nothing

PROTOCOL = 1
"""Version of the progress lines that this module reads."""

_LEAST_PYTHON = (3, 11)
_PACKAGES = "packages"
_GUARDED_RUN = str(Path(__file__).with_name("guarded_run.py"))


@dataclass(frozen=True)
class Environment:
    """A Python that has the package.

    Attributes:
        python: Its executable.
        folder: Folder in which the package was installed; empty if it is among the packages of that
            Python.
    """

    python: str
    folder: str = ""

    @property
    def exists(self) -> bool:
        """Whether its Python and folder exist."""
        return Path(self.python).is_file() and (not self.folder or Path(self.folder).is_dir())

    def command(self, *arguments: str) -> Command:
        """Return the command that runs ``amcnet`` with arguments."""
        return guarded_command(self.python, "amcnet", self.folder, *arguments)

    def describe(self) -> Command:
        """Return the command that prints a description of the package as a line of JSON."""
        return guarded_command(self.python, "describe", self.folder)


@dataclass(frozen=True)
class Package:
    """The package in an environment.

    Attributes:
        version: Version of amcnet.
        models: Names of the installed models, without the bundled one.
        reads: Extensions of volumes.
        writes: Extensions of labels.
        has_torch: Whether PyTorch is installed.
        has_engine: Whether anything is installed that can segment on this computer.
    """

    version: str
    models: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    has_torch: bool
    has_engine: bool


def guarded_command(python: str, mode: str, folder: str, *arguments: str) -> Command:
    """Return a call of ``guarded_run.py`` that loads nothing from the current folder.

    Without these flags Python searches the current folder and those of ``PYTHONPATH`` for modules
    before its own library.
    """
    flags = ["-I", "-X", "utf8"]
    variables = dict(slicer.util.startupEnvironment())
    if python == slicer_python() and "PYTHONHOME" in os.environ:
        # 3D Slicer's launcher sets PYTHONHOME to the folder of Python's library; -I ignores it.
        flags = ["-P", "-s", "-X", "utf8"]
        variables = {name: text for name, text in variables.items() if name[:6] != "PYTHON"}
    return Command(python, [*flags, _GUARDED_RUN, mode, folder, *arguments], variables)


def slicer_python() -> str:
    """Return the executable of Slicer's own Python."""
    return shutil.which("PythonSlicer") or sys.executable


class Installer:
    """Find, inspect and install the environment of the package.

    Args:
        memory: Stores the user's own Python.
        home: Folder of this application's settings.
    """

    def __init__(self, memory: Memory, home: Path) -> None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        self.folder = home / MODULE / f"amcnet-py{version}"
        self.package: Package | None = None
        self.problem = ""
        self._memory = memory
        self._runner = Runner()

    @property
    def own_python(self) -> str:
        """The Python that the user selected; empty for the installed environment."""
        return self._memory.get("python")

    @own_python.setter
    def own_python(self, path: str) -> None:
        self._memory.set("python", path)
        self.package = None

    @property
    def environment(self) -> Environment:
        """The environment, which may not exist yet."""
        if self.own_python:
            return Environment(self.own_python)
        return Environment(slicer_python(), str(self.folder))

    @property
    def is_busy(self) -> bool:
        """Whether an inspection or installation is running."""
        return self._runner.is_running

    def look(self, on_end: Callable[[], None]) -> None:
        """Inspect the environment; afterwards ``package`` or ``problem`` is set."""
        self.package, self.problem = None, ""
        environment = self.environment
        if not environment.exists:
            self.problem = (
                f"{self.own_python}: is not a Python" if self.own_python else "not installed yet"
            )
            on_end()
            return
        lines: list[str] = []

        def end(status: int) -> None:
            self._understand(status, lines)
            on_end()

        self._runner.start(environment.describe(), end, lines.append)

    def _understand(self, status: int, lines: list[str]) -> None:
        found: dict[str, Any] = {}
        if status == 0 and lines:
            found = json.loads(lines[-1])
        if not found:
            last = self._runner.log[-1] if self._runner.log else f"exit status {status}"
            self.problem = f"amcnet cannot be used there: {last}"
        elif found["protocol"] != PROTOCOL:
            self.problem = (
                f"amcnet {found['version']} speaks version {found['protocol']} of the progress "
                f"lines, expected {PROTOCOL}: install another version, or update this extension"
            )
        else:
            self.package = Package(
                found["version"],
                tuple(found["models"]),
                tuple(found["reads"]),
                tuple(found["writes"]),
                found["torch"],
                found["torch"] or found["openvino"],
            )

    def install(
        self,
        source: str,
        on_end: Callable[[], None],
        on_line: Callable[[str], None] = do_nothing,
        purpose: Purpose = Purpose.SEGMENT,
    ) -> None:
        """Install the package into the folder of this module, and inspect it.

        3D Slicer's own packages stay unchanged: ``pip --target`` writes only into that folder. An
        older installation is replaced only when the new one is complete. pip asks its index for the
        packages that amcnet needs, never for amcnet itself.

        Args:
            source: A wheel or a folder with the source, see :func:`check_source`.
            on_end: Called at the end; ``problem`` holds the reason of a failure.
            on_line: Called with every line of pip's output.
            purpose: What it is installed for, which decides what else is installed.
        """
        self.package, self.problem = None, ""
        if sys.version_info < _LEAST_PYTHON:
            found, least = sys.version.split()[0], ".".join(map(str, _LEAST_PYTHON))
            self.problem = f"Slicer's Python is {found}, expected at least {least}"
            on_end()
            return
        new = self._new_folder
        shutil.rmtree(new, ignore_errors=True)
        try:
            path, expected = check_source(source)
            new.mkdir(mode=0o700, parents=True)
            if path.is_file():
                path = copy_checked(path, expected, new)
            calls = pip_calls(path, new / _PACKAGES, purpose)
        except (OSError, ValueError) as error:
            shutil.rmtree(new, ignore_errors=True)
            self.problem = str(error)
            on_end()
            return
        self.own_python = ""

        def end(status: int) -> None:
            if status == 0 and calls:
                start_next()
                return
            if status == 0:
                shutil.rmtree(self.folder, ignore_errors=True)
                (new / _PACKAGES).replace(self.folder)
                shutil.rmtree(new, ignore_errors=True)
                self.look(on_end)
                return
            shutil.rmtree(new, ignore_errors=True)
            last = next((line for line in reversed(self._runner.log) if line.strip()), "")
            self.problem = f"pip could not install {source}: {last or f'exit status {status}'}"
            on_end()

        def start_next() -> None:
            command = guarded_command(slicer_python(), "pip", "", *calls.pop(0))
            self._runner.start(command, end, on_line, on_line)

        start_next()

    def install_model(self, archive: str, on_end: Callable[[str], None]) -> None:
        """Install a model from a .zip made by ``amcnet models pack``.

        Args:
            archive: Path of the .zip.
            on_end: Called with the name of the installed model; empty on failure, with the reason
                in ``problem``.
        """
        self.problem = ""
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(archive).stem).strip("-") or "own"
        arguments = ["models", "install", archive, "--name", name, "--overwrite"]

        def end(status: int) -> None:
            if status == 0:
                self.look(lambda: on_end(name))
                return
            last = self._runner.log[-1] if self._runner.log else f"exit status {status}"
            self.problem = last.removeprefix("amcnet: ")
            on_end("")

        self._runner.start(self.environment.command(*arguments), end)

    def cancel(self) -> None:
        """Stop an inspection or installation and remove unfinished files."""
        self._runner.cancel()
        shutil.rmtree(self._new_folder, ignore_errors=True)

    @property
    def _new_folder(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.new")

    @property
    def log(self) -> list[str]:
        """The last lines of the log."""
        return list(self._runner.log)


def size_on_disk(folder: Path) -> int:
    """Return the total size of all files in a folder, in bytes."""
    return sum(
        os.path.getsize(os.path.join(parent, name))  # noqa: PTH118, PTH202  thousands of files
        for parent, _, names in os.walk(folder)
        for name in names
    )
