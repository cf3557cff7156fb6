"""A connection to a service: requests, uploads and downloads, with the standard library alone."""

import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from amcnet.errors import AmcnetError, ConfigError
from amcnet.io.verified_files import verified_file
from amcnet.service.protocol import (
    PROTOCOL,
    SHA256_HEADER,
    VERSION_HEADER,
    mismatch,
    own_headers,
)
from amcnet.version import __version__

_SECONDS = 90  # a running service sends something more often
_CHUNK_BYTES = 1 << 20
_MOST_JSON = 1 << 26
_PATIENCE_SECONDS = 300.0  # for a server that is started again meanwhile
_LONGEST_PAUSE_SECONDS = 15.0


class ServerError(AmcnetError):
    """A service refused a request."""


class UnreachableError(AmcnetError):
    """A service cannot be reached, perhaps because it is being restarted."""


@dataclass(frozen=True)
class ServerConnection:
    """A service at an address.

    Attributes:
        url: Its address; a path in front of its own addresses is kept.
        token: The user's token, if it needs one.

    Example:
        >>> ServerConnection("host:8042").describe()
        Traceback (most recent call last):
        ...
        amcnet.errors.ConfigError: --server: found 'host:8042', expected http://HOST:PORT or \
https://HOST
    """

    url: str
    token: str | None = None

    def describe(self) -> dict[str, Any]:
        """Return what the service says about itself.

        Raises:
            ServerError: If its protocol differs, or the token is not accepted.
            UnreachableError: If it does not answer.
        """
        found = self.get("/")
        if found.get("service") != "amcnet":
            raise ServerError(f"{self.url}: is not an amcnet serve")
        if found["protocol"] != PROTOCOL:
            server = str(found["protocol"]), str(found["version"])
            raise ServerError(f"{self.url}: {mismatch(server, (str(PROTOCOL), __version__))}")
        if "capabilities" not in found:
            token = "none" if self.token is None else "one that it does not accept"
            raise ServerError(f"{self.url}: needs a token, found {token}, expected --token-file")
        return found

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object at an address.

        Raises:
            ServerError: If the service refuses.
            UnreachableError: If it does not answer.
        """
        return self._answer("GET", path)

    def post(self, path: str) -> dict[str, Any]:
        """Send a request without content and return the answer.

        Raises:
            ServerError: If the service refuses.
            UnreachableError: If it does not answer.
        """
        return self._answer("POST", path)

    def upload(
        self, path: str, file: Path, sha256: str, fields: Mapping[str, str]
    ) -> dict[str, Any]:
        """Submit a file, such as a volume, and return the answer, such as its job.

        Raises:
            ServerError: If the service refuses it.
            UnreachableError: If it does not answer.
        """
        headers = {
            SHA256_HEADER: sha256,
            "Content-Length": str(file.stat().st_size),
            "Content-Type": "application/octet-stream",
        }
        with file.open("rb") as body:
            return self._answer("POST", f"{path}?{urlencode(fields)}", body, headers)

    def events(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a job until it ends or the connection breaks.

        Raises:
            ServerError: If the service refuses.
            UnreachableError: If it stops answering.
        """
        with self._request("GET", f"/jobs/{job_id}/events") as answer:
            try:
                for line in answer:
                    if line.startswith(b"data: "):
                        yield _json(self.url, line[len(b"data: ") :])
            except (OSError, http.client.HTTPException) as error:
                raise self._unreachable(error) from error

    def download(self, path: str, target: Path) -> None:
        """Download an address to a file.

        Raises:
            ServerError: If the service refuses.
            UnreachableError: If it does not answer, or the file is incomplete.
            OSError: If the file cannot be written completely.
        """
        with self._request("GET", path) as answer, verified_file(target) as file:
            expected = answer.getheader("Content-Length")
            received = 0
            while chunk := self._read(answer):
                received += file.write(chunk)
        if expected is None or received != int(expected):
            raise UnreachableError(
                f"{self.url}: sent {received} bytes of a file of {expected} and then stopped"
            )

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        try:
            return answer.read(_CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error

    def _answer(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401  whatever http.client takes
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        with self._request(method, path, body, headers) as answer:
            return _json(self.url, answer.read(_MOST_JSON))

    def _request(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401  whatever http.client takes
        headers: Mapping[str, str] | None = None,
    ) -> "_Answer":
        connection, prefix = _connect(self.url)
        sent = own_headers() | dict(headers or {})
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        try:
            try:
                connection.request(method, prefix + path, body, sent)
            except (BrokenPipeError, ConnectionResetError):
                if body is None:
                    raise  # else the service has answered before it read all, and explains why
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error
        if answer.status >= http.client.BAD_REQUEST:
            text = self._refusal(answer)
            connection.close()
            if answer.status in _TEMPORARY and VERSION_HEADER not in answer.headers:
                raise UnreachableError(text)
            raise ServerError(text)
        return _Answer(connection, answer)

    def _refusal(self, answer: http.client.HTTPResponse) -> str:
        """Return why a request was refused; a proxy in front of the service has its own format."""
        try:
            error = json.loads(answer.read(_MOST_JSON))["error"]
            return f"{self.url}: {error}"
        except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
            return (
                f"{self.url}: answered {answer.status} {answer.reason}, which is not an answer of "
                "amcnet serve: does it run behind the server at this address?"
            )

    def _unreachable(self, error: Exception) -> UnreachableError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return UnreachableError(f"{self.url}: cannot be reached ({reason})")


_TEMPORARY = (502, 503, 504)


class _Answer:
    """An answer whose connection is closed at the end of the block."""

    def __init__(
        self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse
    ) -> None:
        self._connection, self._answer = connection, answer

    def __enter__(self) -> http.client.HTTPResponse:
        return self._answer

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _connect(url: str) -> tuple[http.client.HTTPConnection, str]:
    """Return a connection to an address, and the path in front of the service's own."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"--server: found '{url}', expected http://HOST:PORT or https://HOST")
    prefix = parts.path.rstrip("/")
    if parts.scheme == "https":
        context = ssl.create_default_context()
        secure = http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
        return secure, prefix
    return http.client.HTTPConnection(host, port, timeout=_SECONDS), prefix


def _json(url: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServerError(f"{url}: is not an amcnet serve")
    return found


def read_token(path: Path) -> str:
    """Return the token of a file: the last word of the first line that is not a comment.

    Raises:
        ConfigError: If there is none.

    >>> _ = Path("token").write_text("# of anna\\n0123456789abcdef")
    >>> read_token(Path("token"))
    '0123456789abcdef'
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError(f"{path}: the token cannot be read ({reason})") from error
    words = [words for line in lines if (words := line.partition("#")[0].split())]
    if not words:
        raise ConfigError(f"{path}: found no token, expected one")
    return words[0][-1]


def patient(step: Any) -> Any:  # noqa: ANN401  whatever the step returns
    """Run a step and return its result; if the server is unreachable, retry for some minutes.

    Raises:
        UnreachableError: If it remains unreachable.

    >>> patient(lambda: "answered")
    'answered'
    """
    pause, deadline = 1.0, time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return step()
        except UnreachableError:
            if time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
