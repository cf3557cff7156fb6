"""A local web server for one page with a fixed set of resources."""

import os
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

from amcnet.errors import ConfigError
from amcnet.parent_process import ParentProcess
from amcnet.short_repr import short_repr
from amcnet.viewer.session import COOKIE_NAME, Session
from amcnet.viewer.web_serving import (
    SAFE_HEADERS,
    UVICORN_SETTINGS,
    content_policy,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = "127.0.0.1"
_CHUNK_BYTES = 1 << 16  # a slow browser keeps one chunk in memory, not a volume
_WAITING_CONNECTIONS = 128
_POLL_SECONDS = 0.5
_HEADERS = {
    "Content-Security-Policy": content_policy(form_action="'none'"),
    **SAFE_HEADERS,
    "Cache-Control": "no-store",
}
_ENTRANCE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>amcnet view</title>'
    '<meta http-equiv="refresh" content="0; url={path}"><p><a href="{path}">Open the viewer</a>'
)
_USED = "This link was used before or never existed. Run amcnet view again for a new one.\n"
_UNKNOWN_BROWSER = "Only the browser that opened the link of amcnet view can see this page.\n"


@dataclass(frozen=True)
class Resource:
    """Content served under a name.

    Attributes:
        content_type: Media type.
        body: Content.

    Example:
        >>> Resource("text/plain", b"hello").body
        b'hello'
    """

    content_type: str
    body: bytes
    __repr__ = short_repr


class PageServer:
    """Serve a fixed set of resources on this machine's loopback address until closed.

    Only a browser that opens a link from :meth:`new_link` sees them, and each link works once.
    Requests for other host names are refused, which prevents DNS rebinding. Requests run in one
    background thread.

    Example:
        >>> with PageServer({"": Resource("text/html", b"<p>hello")}) as server:
        ...     server.new_link().startswith(f"http://127.0.0.1:{server.port}/open/")
        True
    """

    def __init__(self, resources: Mapping[str, Resource], port: int = 0) -> None:
        """Start serving in the background.

        Args:
            resources: Resources by name; ``""`` is the page itself.
            port: Port to listen on, 0 for any free port.

        Raises:
            ConfigError: If the port is taken or not allowed.
        """
        import uvicorn

        self._session = Session()
        self._socket = _listen(port)
        app = _PageApp(self._session, resources, self.port)
        config = uvicorn.Config(app, timeout_graceful_shutdown=1, **UVICORN_SETTINGS)
        self._server = uvicorn.Server(config)
        self._has_ended = Event()
        self._parent = ParentProcess()
        self._thread = Thread(target=self._serve, name="page server", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._has_ended.set()

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def page_address(self) -> str:
        """Address of the page, for browsers that have opened a link."""
        return f"http://{_HOST}:{self.port}{self._session.path}"

    def new_link(self) -> str:
        """Return a one-time link, which admits the first browser that opens it."""
        return f"http://{_HOST}:{self.port}{self._session.new_link()}"

    def wait(self) -> None:
        """Wait until the server is closed, the parent process ends, or Ctrl-C."""
        while not self._parent.has_ended() and not self._has_ended.wait(_POLL_SECONDS):
            pass

    def close(self) -> None:
        """Stop serving and release the port."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> "PageServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def listening_socket(family: int, address: Any) -> socket.socket:  # noqa: ANN401  by family
    """Return a socket that listens at an address.

    Raises:
        OSError: If the address is taken or not allowed.
        OverflowError: If the port is out of range.
    """
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # On Windows, this option would let a second program take over the port.
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_WAITING_CONNECTIONS)
    except (OSError, OverflowError):
        listening.close()
        raise
    return listening


def _listen(port: int) -> socket.socket:
    try:
        return listening_socket(socket.AF_INET, (_HOST, port))
    except (OSError, OverflowError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ConfigError(f"port {port}: {reason}, expected a free port") from problem


class _PageApp:
    """The ASGI application; it compares paths literally, so no path can leave the resources."""

    def __init__(self, session: Session, resources: Mapping[str, Resource], port: int) -> None:
        self._session = session
        self._resources = {session.path + name: one for name, one in resources.items()}
        self._hosts = {f"{name}:{port}" for name in (_HOST, "localhost")}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        from starlette.requests import Request

        request = Request(scope, receive)
        response: ASGIApp = self._answer(request)
        await response(scope, receive, send)

    def _answer(self, request: "Request") -> "Response":
        from starlette.responses import StreamingResponse

        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return _plain(HTTPStatus.FORBIDDEN)
        if request.method != "GET":
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET"})
        path = request.scope["raw_path"].decode("latin-1")
        if request.scope["query_string"]:
            return _plain(HTTPStatus.NOT_FOUND)
        if path.startswith("/open/"):
            return self._enter(path)
        if not path.startswith(self._session.path):
            return _plain(HTTPStatus.NOT_FOUND)
        if not self._session.admits(request.cookies.get(COOKIE_NAME)):
            return _plain(HTTPStatus.FORBIDDEN, _UNKNOWN_BROWSER)
        resource = self._resources.get(path)
        if resource is None:
            return _plain(HTTPStatus.NOT_FOUND)
        headers = _HEADERS | {"Content-Length": str(len(resource.body))}
        return StreamingResponse(
            _chunks(resource.body), headers=headers, media_type=resource.content_type
        )

    def _enter(self, link: str) -> "Response":
        from starlette.responses import HTMLResponse

        if not self._session.redeem(link):
            return _plain(HTTPStatus.FORBIDDEN, _USED)
        # A redirect would not work: browsers attribute it to the page that contains the link and
        # withhold a SameSite=Strict cookie.
        entrance = HTMLResponse(_ENTRANCE.format(path=self._session.path), headers=_HEADERS)
        entrance.set_cookie(
            COOKIE_NAME,
            self._session.cookie,
            path=self._session.path,
            httponly=True,
            samesite="strict",
        )
        return entrance


def _plain(
    status: HTTPStatus, text: str = "", headers: Mapping[str, str] | None = None
) -> "Response":
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(text, status, headers=_HEADERS | dict(headers or {}))


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(body), _CHUNK_BYTES):
        yield bytes(view[start : start + _CHUNK_BYTES])
