"""Access control: checks host name, origin, protocol version and token before any route."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from amcnet.service.access_tokens import AccessTokens
from amcnet.service.http.browser_sessions import COOKIE_NAME, BrowserSessions
from amcnet.service.protocol import (
    PROTOCOL,
    PROTOCOL_HEADER,
    VERSION_HEADER,
    mismatch,
    own_headers,
)
from amcnet.version import __version__
from amcnet.viewer.web_serving import SAFE_HEADERS, content_policy

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BEARER = "bearer "
_HTTP_PORT = 80
_POLICY = content_policy(form_action="'self'")


class Gatekeeper:
    """An ASGI application in front of another one, which only receives permitted requests.

    Args:
        app: The application behind it.
        tokens: Who may use the service.
        sessions: Browsers that have shown a token.
        loopback_port: Port of a service that only its own machine may reach: requests must name
            that machine, so that a web page of another site cannot reach it under its own name.
    """

    def __init__(
        self,
        app: "ASGIApp",
        tokens: AccessTokens,
        sessions: BrowserSessions,
        loopback_port: int | None,
    ) -> None:
        self._app, self._tokens, self._sessions = app, tokens, sessions
        self._hosts: set[str] | None = None
        if loopback_port is not None:
            names = ("127.0.0.1", "localhost", "[::1]")
            self._hosts = {f"{name}:{loopback_port}" for name in names}
            if loopback_port == _HTTP_PORT:  # clients omit it
                self._hosts |= set(names)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on, or answer with the reason for refusing it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._problem(headers)
        if problem is not None:
            status, text = problem
            answer = JSONResponse({"error": text}, status, headers=own_headers() | SAFE_HEADERS)
            await answer(scope, receive, send)
            return
        scope.setdefault("state", {})["owner"] = self._owner(headers)

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in (own_headers() | SAFE_HEADERS).items():
                    answered[name] = value
                answered.setdefault("Content-Security-Policy", _POLICY)
                answered.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _problem(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self._hosts is not None and host.lower() not in self._hosts:
            return 403, "this server answers requests from its own machine only"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return 403, "requests from pages of other sites are refused"
        stated = headers.get(PROTOCOL_HEADER, str(PROTOCOL))
        if stated != str(PROTOCOL):
            client = stated, headers.get(VERSION_HEADER, "of an unknown version")
            return 400, mismatch((str(PROTOCOL), __version__), client)
        return None

    def _owner(self, headers: Mapping[str, str]) -> str | None:
        given = headers.get("authorization", "")
        if given.lower().startswith(_BEARER):
            return self._tokens.owner_of(given[len(_BEARER) :].strip())
        if not self._tokens.are_needed:
            return self._tokens.owner_of(None)
        return self._sessions.owner_of(_cookie(headers.get("cookie", "")))


def _cookie(header: str) -> str | None:
    try:
        morsel = SimpleCookie(header).get(COOKIE_NAME)
    except CookieError:
        return None
    return None if morsel is None else morsel.value
