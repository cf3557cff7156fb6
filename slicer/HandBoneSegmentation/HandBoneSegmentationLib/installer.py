"""Where the package amcnet is, and how it gets there without touching Slicer's own packages."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from .parameters import MODULE, Memory
from .runner import Command, Runner, do_nothing

PROTOCOL = 1
"""The version of the progress lines that this module reads."""

DEFAULT_SOURCE = "amcnet"
_LEAST_PYTHON = (3, 11)
# The folder goes first: what Slicer has of the same name is left alone and not used.
_PATH = "import sys\nif {folder!r}: sys.path.insert(0, {folder!r})\n"
_CALL = _PATH + "sys.argv[0] = 'amcnet'\nfrom amcnet.cli.main import main\nmain()\n"
_DESCRIBE = (
    _PATH
    + """
import importlib.util, json, pathlib
import amcnet
from amcnet.bundle import list_models
from amcnet.io import IMAGE_EXTENSIONS, LABEL_EXTENSIONS
try:
    from amcnet.workflows.segment.events import PROTOCOL
except ImportError:
    PROTOCOL = 0
here = pathlib.Path(amcnet.__file__).parent
print(json.dumps({{
    "version": amcnet.__version__,
    "protocol": PROTOCOL,
    "models": [model.name for model in list_models() if here not in model.folder.parents],
    "reads": list(IMAGE_EXTENSIONS),
    "writes": list(LABEL_EXTENSIONS),
    "torch": importlib.util.find_spec("torch") is not None,
}}))
"""
)


@dataclass(frozen=True)
class Environment:
    """A Python that has the package.

    Attributes:
        python: Its executable.
        folder: Folder that the package was installed into; empty where it is among the packages
            of that Python.
    """

    python: str
    folder: str = ""

    @property
    def exists(self) -> bool:
        """Whether there is anything to run."""
        return Path(self.python).is_file() and (not self.folder or Path(self.folder).is_dir())

    def command(self, *arguments: str) -> Command:
        """Return how ``amcnet`` is called with some arguments."""
        return self._run(_CALL, *arguments)

    def describe(self) -> Command:
        """Return the command that tells of the package in a line of JSON."""
        return self._run(_DESCRIBE)

    def _run(self, code: str, *arguments: str) -> Command:
        code = code.format(folder=self.folder)
        return Command(self.python, ["-c", code, *arguments], child_variables())


@dataclass(frozen=True)
class Package:
    """What an environment holds.

    Attributes:
        version: Version of amcnet.
        models: Names of the models that were installed beside the one that comes with it.
        reads: Extensions of volumes.
        writes: Extensions of labels.
        has_torch: Whether PyTorch is there.
    """

    version: str
    models: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    has_torch: bool


def child_variables() -> dict[str, str]:
    """Return the environment variables from before Slicer's launcher changed them."""
    variables = dict(slicer.util.startupEnvironment())
    variables |= {"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}
    return variables


def slicer_python() -> str:
    """Return the executable of Slicer's own Python."""
    return shutil.which("PythonSlicer") or sys.executable


class Installer:
    """Finds the environment, looks into it, and makes it.

    Args:
        memory: Where the user's own Python is remembered.
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
        """The Python that the user chose, empty for the installed one."""
        return self._memory.get("python")

    @own_python.setter
    def own_python(self, path: str) -> None:
        self._memory.set("python", path)
        self.package = None

    @property
    def environment(self) -> Environment:
        """Where the package is, or would be."""
        if self.own_python:
            return Environment(self.own_python)
        return Environment(slicer_python(), str(self.folder))

    @property
    def is_busy(self) -> bool:
        """Whether it looks or installs now."""
        return self._runner.is_running

    def look(self, on_end: Callable[[], None]) -> None:
        """Look into the environment; ``package`` or ``problem`` holds what was found."""
        self.package, self.problem = None, ""
        environment = self.environment
        if not environment.exists:
            self.problem = (
                f"{self.own_python}: is no Python" if self.own_python else "not installed yet"
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
                f"lines, expected {PROTOCOL}: install it anew, or update this extension"
            )
        else:
            self.package = Package(
                found["version"],
                tuple(found["models"]),
                tuple(found["reads"]),
                tuple(found["writes"]),
                found["torch"],
            )

    def install(
        self,
        source: str,
        on_end: Callable[[], None],
        on_line: Callable[[str], None] = do_nothing,
    ) -> None:
        """Install the package into the folder of this module, and look into it.

        Slicer's own packages stay as they are: ``pip --target`` writes into that folder alone. An
        older installation is replaced only when the new one is complete.

        Args:
            source: ``amcnet`` or a requirement of it, a wheel, or a folder with its source.
            on_end: Called at the end; ``problem`` says what went wrong.
            on_line: Called with every line of pip.
        """
        self.package, self.problem = None, ""
        if sys.version_info < _LEAST_PYTHON:
            found, least = sys.version.split()[0], ".".join(map(str, _LEAST_PYTHON))
            self.problem = f"Slicer's Python is {found}, expected at least {least}"
            on_end()
            return
        self.own_python = ""
        new = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.parent.mkdir(parents=True, exist_ok=True)

        def end(status: int) -> None:
            if status == 0:
                shutil.rmtree(self.folder, ignore_errors=True)
                new.replace(self.folder)
                self.look(on_end)
                return
            shutil.rmtree(new, ignore_errors=True)
            last = next((line for line in reversed(self._runner.log) if line.strip()), "")
            self.problem = f"pip could not install {source}: {last or f'exit status {status}'}"
            on_end()

        self._runner.start(self._pip(source, new), end, on_line, on_line)

    def _pip(self, source: str, folder: Path) -> Command:
        arguments = ["-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        arguments += ["--no-warn-script-location", "--target", str(folder), source]
        return Command(slicer_python(), arguments, child_variables())

    def cancel(self) -> None:
        """Stop whatever is going on and remove what is half installed."""
        self._runner.cancel()
        new = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)

    @property
    def log(self) -> list[str]:
        """The last lines of the log."""
        return list(self._runner.log)


def size_on_disk(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(
        os.path.getsize(os.path.join(parent, name))  # noqa: PTH118, PTH202  thousands of files
        for parent, _, names in os.walk(folder)
        for name in names
    )
