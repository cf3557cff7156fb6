"""The source for installing amcnet: a wheel or a folder of the user, never a name on an index.

The name ``amcnet`` on the Python Package Index does not belong to this project: whoever registered
it there could run arbitrary code on every computer that installs it by name.
"""

import hashlib
import re
import zipfile
from enum import Enum
from pathlib import Path

_CLIENT_NEEDS = "amcnet/service/client/requirements.txt"
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+(>=[0-9.]+)?")
_HASH = re.compile(r"#sha256=([0-9a-fA-F]{64})$")
EXPECTED = "expected the path of amcnet's wheel (.whl) or of the folder with its source"


class Purpose(Enum):
    """What the package is installed for."""

    SEGMENT = "segment"
    """Segmenting on this computer."""

    TRAIN = "train"
    """Training too, which needs PyTorch."""

    SERVER = "server"
    """Segmenting on a server alone, which needs neither OpenVINO nor PyTorch."""


def pip_calls(path: Path, target: Path, purpose: Purpose) -> list[list[str]]:
    """Return the calls of pip that install the package into a folder, one after the other.

    Args:
        path: A wheel of amcnet, or the folder with its source.
        target: The folder.
        purpose: What it is installed for.

    Raises:
        ValueError: If a version of amcnet that has no client is to be installed for a server.
    """
    call = ["install", "--no-input", "--disable-pip-version-check", "--no-warn-script-location"]
    call += ["--target", str(target)]
    if purpose is Purpose.SERVER:
        return [[*call, *client_requirements(path)], [*call, "--no-deps", str(path)]]
    # With DICOM: Slicer shows it, so results should be written as DICOM too.
    extras = "dicom,train" if purpose is Purpose.TRAIN else "dicom"
    return [[*call, f"{path}[{extras}]"]]


def client_requirements(path: Path) -> list[str]:
    """Return the packages that amcnet needs where a server does the work.

    Args:
        path: A wheel of amcnet, or the folder with its source.

    Raises:
        ValueError: If it has no list of them, or the list holds anything else.
    """
    try:
        if path.is_dir():
            text = (path / "src" / _CLIENT_NEEDS).read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(path) as wheel:
                text = wheel.read(_CLIENT_NEEDS).decode()
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: has no {_CLIENT_NEEDS}, expected an amcnet with a client for servers"
        ) from error
    found = [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]
    for line in found:
        if not _REQUIREMENT.fullmatch(line):
            raise ValueError(f"{path}: {_CLIENT_NEEDS}: found '{line}', expected NAME>=VERSION")
    return found


def check_source(text: str) -> tuple[Path, str]:
    """Return the path that a user typed, and the SHA-256 that it must have, empty for none.

    A hash may follow the path as ``#sha256=...``; otherwise a file ``NAME.whl.sha256`` next to the
    wheel is used, in the format of ``sha256sum``.

    Raises:
        ValueError: If it is neither a wheel of amcnet nor a folder with a Python project.
    """
    match = _HASH.search(text)
    path = Path(text[: match.start()] if match else text)
    expected = match[1].lower() if match else ""
    if not text:
        raise ValueError(f"nothing is selected, {EXPECTED}")
    if path.is_dir():
        if expected:
            raise ValueError(f"{path}: is a folder, expected a wheel because a hash is given")
        if not (path / "pyproject.toml").is_file():
            raise ValueError(f"{path}: holds no pyproject.toml, {EXPECTED}")
        return path.resolve(), ""
    if not path.is_file():
        raise ValueError(
            f"{text}: is not a file or folder, {EXPECTED}: amcnet is not published on an index yet"
        )
    if not re.fullmatch(r"amcnet-.+\.whl", path.name):
        raise ValueError(f"{path}: is not a wheel of amcnet, {EXPECTED}")
    return path.resolve(), expected or _hash_beside(path)


def copy_checked(wheel: Path, expected: str, folder: Path) -> Path:
    """Copy a wheel and compare the copy with its hash, so that the verified file is installed.

    Raises:
        ValueError: If the hash differs.
    """
    copy = folder / wheel.name
    content = wheel.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if expected and found != expected:
        raise ValueError(f"{wheel}: has SHA-256 {found}, expected {expected}")
    copy.write_bytes(content)
    return copy


def _hash_beside(wheel: Path) -> str:
    beside = wheel.with_name(f"{wheel.name}.sha256")
    if not beside.is_file():
        return ""
    match = re.match(r"[0-9a-fA-F]{64}\b", beside.read_text(encoding="utf-8", errors="replace"))
    if match is None:
        raise ValueError(f"{beside}: does not begin with a SHA-256, expected 64 hexadecimal digits")
    return match[0].lower()
