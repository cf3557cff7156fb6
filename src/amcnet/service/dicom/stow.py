"""Storing by DICOMweb (STOW-RS, PS3.18 section 10.5), with the standard library alone."""

import base64
import http.client
import json
import secrets
import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

from amcnet.errors import OutputError

_SECONDS = 60
_FAILED, _FAILURE_REASON = "00081198", "00081197"
_MOST_ANSWER = 1 << 20


def store_by_web(url: str, path: Path) -> None:
    """Store a DICOM file in the studies of a DICOMweb service.

    Args:
        url: Root of the service, such as ``https://pacs.example/dicom-web``; it may hold
            ``user:password@``.
        path: The file.

    Raises:
        OutputError: If the service cannot be reached or refuses the file.
    """
    parts, boundary = urlsplit(url), secrets.token_hex(16)
    body = b"".join(
        [
            f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode(),
            path.read_bytes(),
            f"\r\n--{boundary}--\r\n".encode(),
        ]
    )
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": "application/dicom+json",
    }
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        connection.request("POST", f"{parts.path.rstrip('/')}/studies", body, headers)
        answer = connection.getresponse()
        _check_answer(answer.status, answer.reason, answer.read(_MOST_ANSWER))
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise OutputError(f"the DICOMweb service cannot be reached ({reason})") from error
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
    return http.client.HTTPConnection(host, port, timeout=_SECONDS)


def _check_answer(status: int, reason: str, body: bytes) -> None:
    """Check that the service accepted the file; a 202 may report failures.

    Raises:
        OutputError: If it did not accept the file.
    """
    if status not in (200, 202):
        raise OutputError(f"the DICOMweb service answered {status} {reason}, expected 200")
    try:
        failed = json.loads(body)[_FAILED]["Value"] if body.strip() else []
        codes = [hex(one[_FAILURE_REASON]["Value"][0]) for one in failed]
    except (ValueError, KeyError, TypeError, IndexError):
        codes = []
    if codes:
        raise OutputError(f"the DICOMweb service refused it (reason {', '.join(codes)})")
