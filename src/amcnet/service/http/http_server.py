"""The HTTP server of the service."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from amcnet.errors import ConfigError
from amcnet.service.network_addresses import HttpAddress
from amcnet.viewer.page_server import listening_socket
from amcnet.viewer.web_serving import UVICORN_SETTINGS

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

_MOST_AT_ONCE = 500
_SHUTDOWN_SECONDS = 2


def listen(address: HttpAddress) -> socket.socket:
    """Return a socket that listens on an address.

    Raises:
        ConfigError: If the address is taken or not allowed.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"--http: '{address.host}' is not an address of this machine") from error
    try:
        return listening_socket(found[0], found[4])
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(
            f"--http: {address.host}:{address.port}: {reason}, expected a free port"
        ) from error


def url_of(listening: socket.socket) -> str:
    """Return the address of a socket as a URL."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: "ASGIApp") -> "uvicorn.Server":
    """Return a server for an application; its ``run(sockets=...)`` ends on Ctrl-C or SIGTERM."""
    import uvicorn

    from amcnet.service.http.timed_protocol import TimedProtocol

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            """End in order on a signal; uvicorn itself would raise it again afterwards."""
            with _handled(self.handle_exit):
                yield

    config = uvicorn.Config(
        app,
        proxy_headers=False,
        limit_concurrency=_MOST_AT_ONCE,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        **UVICORN_SETTINGS | {"http": TimedProtocol},
    )
    return Server(config)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # Windows has the last, others the third
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
