"""Where amcnet is installed from: a wheel or a folder that the user has, never a name on an index.

The name ``amcnet`` is not ours on the Python Package Index: whoever registered it there could run
what they like on every computer that installs it by name.
"""

import hashlib
import re
from pathlib import Path

_HASH = re.compile(r"#sha256=([0-9a-fA-F]{64})$")
EXPECTED = "expected the path of amcnet's wheel (.whl) or of the folder with its source"


def check_source(text: str) -> tuple[Path, str]:
    """Return the path that a user typed, and the SHA-256 that it must have, empty for none.

    A hash may follow the path as ``#sha256=...``; otherwise that of a file ``NAME.whl.sha256``
    beside the wheel counts, as ``sha256sum`` writes it.

    Raises:
        ValueError: If it is neither a wheel of amcnet nor a folder with a Python project.
    """
    match = _HASH.search(text)
    path = Path(text[: match.start()] if match else text)
    expected = match[1].lower() if match else ""
    if not text:
        raise ValueError(f"nothing is chosen, {EXPECTED}")
    if path.is_dir():
        if expected:
            raise ValueError(f"{path}: is a folder, expected a wheel where a hash is given")
        if not (path / "pyproject.toml").is_file():
            raise ValueError(f"{path}: holds no pyproject.toml, {EXPECTED}")
        return path.resolve(), ""
    if not path.is_file():
        raise ValueError(
            f"{text}: is no file or folder, {EXPECTED}: amcnet is not published on an index yet"
        )
    if not re.fullmatch(r"amcnet-.+\.whl", path.name):
        raise ValueError(f"{path}: is no wheel of amcnet, {EXPECTED}")
    return path.resolve(), expected or _hash_beside(path)


def copy_checked(wheel: Path, expected: str, folder: Path) -> Path:
    """Copy a wheel and compare the copy with its hash, so that what is checked is installed.

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
        raise ValueError(f"{beside}: begins with no SHA-256, expected 64 hexadecimal digits")
    return match[0].lower()
