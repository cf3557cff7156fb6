"""The version of the service's protocol, and the message for versions that differ."""

from amcnet.version import __version__

PROTOCOL = 1
"""Version of the HTTP interface; it is raised whenever older clients would fail."""

PROTOCOL_HEADER = "Amcnet-Protocol"
"""Header in which each side states its protocol version."""

VERSION_HEADER = "Amcnet-Version"
"""Header in which each side states its version of amcnet."""

SHA256_HEADER = "Amcnet-Sha256"
"""Header of an upload with the SHA-256 of its content, so that a damaged one is noticed."""

DATA_SET_FOLDERS = ("imagesTr", "labelsTr")
"""Folders of a data set that is sent for training."""


def own_headers() -> dict[str, str]:
    """Return the headers that state the versions of this side.

    Example:
        >>> own_headers()[PROTOCOL_HEADER]
        '1'
    """
    return {PROTOCOL_HEADER: str(PROTOCOL), VERSION_HEADER: __version__}


def mismatch(server: tuple[str, str], client: tuple[str, str]) -> str:
    """Return the message for a client and a server with different protocol versions.

    Args:
        server: Protocol and version of amcnet of the server.
        client: The same of the client.

    >>> mismatch(("1", "0.1.0"), ("2", "0.3.0"))[:68]
    'the server speaks protocol 1 (amcnet 0.1.0), the client protocol 2 ('
    """
    return (
        f"the server speaks protocol {server[0]} (amcnet {server[1]}), the client protocol "
        f"{client[0]} (amcnet {client[1]}): install the same version of amcnet on both"
    )
