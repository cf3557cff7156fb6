"""Users of the service: tokens from a file, compared in constant time."""

import hashlib
import hmac
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from amcnet.errors import ConfigError
from amcnet.service.queue.stored_job import StoredJob

LOCAL = "local"
"""Owner of the jobs of a service without tokens, which only its own machine can reach."""

OPERATOR = "operator"
"""Name of the token that sees the whole queue and the results of jobs that came by DICOM."""

DICOM_OWNER = "dicom:"
"""Begins the owner of a job that came by DICOM; the sender's AE title follows."""

_LEAST_CHARACTERS = 16
_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True)
class AccessTokens:
    """The tokens that a service accepts.

    Attributes:
        digests: SHA-256 of each token and the name of its user; empty if no token is needed.

    Example:
        >>> AccessTokens().owner_of(None)
        'local'
    """

    digests: tuple[tuple[bytes, str], ...] = ()

    @property
    def are_needed(self) -> bool:
        """Whether a request needs a token."""
        return bool(self.digests)

    def owner_of(self, token: str | None) -> str | None:
        """Return the user of a token; None if it is not accepted.

        The time it takes does not depend on how many characters of a guess are right.
        """
        if not self.digests:
            return LOCAL
        given = hashlib.sha256((token or "").encode()).digest()
        owners = [name for digest, name in self.digests if hmac.compare_digest(digest, given)]
        return owners[0] if owners else None


def read_tokens(path: Path) -> AccessTokens:
    """Read the tokens of a file with one ``NAME TOKEN`` per line; ``#`` begins a comment.

    Raises:
        ConfigError: If the file cannot be read, can be read by others, or has an unusable line.

    Example:
        >>> file = Path("tokens")
        >>> _ = file.write_text("anna 0123456789abcdef")
        >>> file.chmod(0o600)
        >>> read_tokens(file).owner_of("0123456789abcdef")
        'anna'
    """
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{path}: other users can read the tokens, expected mode 600")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError(f"{path}: the tokens cannot be read ({reason})") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not _NAME.fullmatch(words[0]):
            raise ConfigError(f"{path}: line {number}: expected 'NAME TOKEN'")
        name, token = words
        if len(token) < _LEAST_CHARACTERS:
            raise ConfigError(
                f"{path}: line {number}: found a token of {len(token)} characters, expected at "
                f"least {_LEAST_CHARACTERS}"
            )
        if name in found or token in found.values():
            raise ConfigError(f"{path}: line {number}: a name or token was found twice")
        found[name] = token
    if not found:
        raise ConfigError(f"{path}: found no token, expected a line 'NAME TOKEN'")
    digests = [(hashlib.sha256(token.encode()).digest(), name) for name, token in found.items()]
    return AccessTokens(tuple(digests))


def may_read(owner: str, job: StoredJob) -> bool:
    """Return whether somebody may read, follow and delete a job.

    Only its submitter may. Jobs that came by DICOM have no submitter with a token: the
    operator, or whoever reaches a service without tokens, may read them.

    Example:
        >>> from amcnet.service.queue.stored_job import State
        >>> job = StoredJob("a1", "anna", State.DONE, "scan.nrrd", {}, created=0.0, updated=0.0)
        >>> may_read("anna", job), may_read("ben", job)
        (True, False)
    """
    came_by_dicom = job.owner.startswith(DICOM_OWNER)
    return job.owner == owner or (came_by_dicom and owner in (LOCAL, OPERATOR))


def sees_all(owner: str) -> bool:
    """Return whether somebody sees the states of all jobs, without their names.

    >>> sees_all("operator"), sees_all("anna")
    (True, False)
    """
    return owner in (LOCAL, OPERATOR)
