"""A web server for one page on this machine: what was named beforehand, and nothing else."""

import logging
import os
import secrets
import socketserver
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType

from amcnet.errors import ConfigError

_log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_SECONDS = 30  # that a connection may be silent
_TOKEN_BYTES = 16
# The page takes everything from this server and nothing from elsewhere. NiiVue holds the picture
# of its letters in itself, as data.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Resource:
    """What a name on the server stands for.

    Attributes:
        content_type: Its media type.
        body: What is sent.
    """

    content_type: str
    body: bytes


class PageServer:
    """Serves a fixed set of resources on this machine's loopback address until it is closed.

    The address holds a random word, so another program or page cannot guess it. Requests that
    name another host are refused, or a page elsewhere could reach this server under its own name.
    """

    def __init__(self, resources: Mapping[str, Resource], port: int = 0) -> None:
        """Start to serve in the background.

        Args:
            resources: Name -> what is sent for it; the name ``""`` is the page itself.
            port: The port, 0 for any that is free.

        Raises:
            ConfigError: If the port cannot be had.
        """
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        routes = {f"/{self._token}/{name}": resource for name, resource in resources.items()}
        try:
            self._server = _Server(routes, port)
        except (OSError, OverflowError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise ConfigError(f"port {port}: {reason}, expected a free port") from problem
        self._thread = Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{_HOST}:{self.port}/{self._token}/"

    def wait(self) -> None:
        """Wait until the server is closed, or for Ctrl-C."""
        while self._thread.is_alive():
            self._thread.join(0.5)  # without a time Ctrl-C would not end it on Windows

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> "PageServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    # Elsewhere the same option lets a second program take the port.
    allow_reuse_address = os.name == "posix"
    daemon_threads = True

    def __init__(self, routes: Mapping[str, Resource], port: int) -> None:
        self.routes = routes
        super().__init__((_HOST, port), _Handler)
        self.hosts = {f"{name}:{self.server_address[1]}" for name in (_HOST, "localhost")}

    def server_bind(self) -> None:
        """Bind without looking up this machine's name, which would ask the network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SECONDS
    server_version = "amcnet"
    sys_version = ""

    def do_GET(self) -> None:
        """Send what the path names; the path is compared as it came."""
        if self.headers.get_all("Host") != [self.headers.get("Host")] or (
            self.headers.get("Host") not in self.server.hosts
        ):
            self._answer(HTTPStatus.FORBIDDEN)
        elif (resource := self.server.routes.get(self.path)) is None:
            self._answer(HTTPStatus.NOT_FOUND)
        else:
            self._answer(HTTPStatus.OK, resource)

    def _refuse(self) -> None:
        self._answer(HTTPStatus.METHOD_NOT_ALLOWED)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = _refuse  # noqa: N815

    def _answer(self, status: HTTPStatus, resource: Resource | None = None) -> None:
        body = b"" if resource is None else resource.body
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        if resource is not None:
            self.send_header("Content-Type", resource.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            _log.debug("the browser went away")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Log nothing that a request says: its path holds the secret word."""
