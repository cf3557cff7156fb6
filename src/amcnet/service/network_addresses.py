"""Addresses that the service listens on, accepts and sends to, as users write them."""

import ipaddress
import re
import socket
from dataclasses import dataclass

from amcnet.errors import ConfigError

_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")
_MOST_PORT = 65535


@dataclass(frozen=True)
class HttpAddress:
    """Where the service listens for HTTP.

    Attributes:
        host: An IP address or a name.
        port: 0 for any port that is free.

    Example:
        >>> HttpAddress("localhost", 8042).is_loopback
        True
    """

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only its own machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True)
class DicomNode:
    """A DICOM node on the network.

    Attributes:
        title: Its AE title.
        host: Its IP address or name.
        port: Its port; 0 if it is not needed.

    Example:
        >>> str(DicomNode("PACS", "10.0.0.2", 104))
        'PACS@10.0.0.2:104'
    """

    title: str
    host: str
    port: int = 0

    def __str__(self) -> str:
        """Return the node as it is written on the command line."""
        return f"{self.title}@{self.host}" + (f":{self.port}" if self.port else "")


def parse_http_address(text: str) -> HttpAddress:
    """Return an address that is given as ``HOST:PORT``.

    Raises:
        ConfigError: If it is malformed.

    >>> parse_http_address("127.0.0.1:8042").is_loopback
    True
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not _is_port(port, 0):
        raise ConfigError(f"--http: found '{text}', expected HOST:PORT such as 127.0.0.1:8042")
    return HttpAddress(host, int(port))


def parse_own_node(text: str) -> tuple[str, int]:
    """Return AE title and port of the service's own DICOM node, given as ``AET:PORT``.

    Raises:
        ConfigError: If it is malformed.

    >>> parse_own_node("AMCNET:11112")
    ('AMCNET', 11112)
    """
    title, _, port = text.rpartition(":")
    if not _is_title(title) or not _is_port(port, 0):
        raise ConfigError(f"--dicom: found '{text}', expected AET:PORT such as AMCNET:11112")
    return title, int(port)


def parse_peer(text: str) -> DicomNode:
    """Return a node that may send, given as ``AET@ADDRESS``; the address is resolved.

    Raises:
        ConfigError: If it is malformed.

    >>> str(parse_peer("SCANNER@127.0.0.1"))
    'SCANNER@127.0.0.1'
    """
    title, at, host = text.partition("@")
    if not at or not _is_title(title) or not host:
        raise ConfigError(f"--accept: found '{text}', expected AET@ADDRESS such as ECHO1@10.0.0.7")
    try:
        address = socket.gethostbyname(host)
    except OSError as error:
        raise ConfigError(f"--accept: '{host}' is not a known host") from error
    return DicomNode(title, address)


def parse_destination(text: str) -> DicomNode | str:
    """Return the destination of results: ``AET@HOST:PORT``, or the URL of a DICOMweb service.

    Raises:
        ConfigError: If it is neither.

    >>> parse_destination("http://127.0.0.1:8043/dicom-web/")
    'http://127.0.0.1:8043/dicom-web'
    """
    if text.startswith(("http://", "https://")):
        return text.rstrip("/")
    title, at, address = text.partition("@")
    host, _, port = address.rpartition(":")
    if not at or not _is_title(title) or not host or not _is_port(port, 1):
        raise ConfigError(
            f"--forward: found '{text}', expected AET@HOST:PORT or the URL of a DICOMweb service"
        )
    return DicomNode(title, host.removeprefix("[").removesuffix("]"), int(port))


def _is_port(text: str, least: int) -> bool:
    return text.isascii() and text.isdecimal() and least <= int(text) <= _MOST_PORT


def _is_title(text: str) -> bool:
    return bool(_AE_TITLE.fullmatch(text)) and bool(text.strip()) and text == text.strip()
