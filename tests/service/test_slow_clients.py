"""Clients that begin a request and do not go on."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from amcnet.service.http import timed_protocol
from amcnet.service.http.http_server import listen, make_server
from amcnet.service.network_addresses import HttpAddress

SECONDS = 0.3
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """A server that answers with the body of each request."""

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    app = Starlette(routes=[Route("/", answer, methods=["POST"])])
    listening = listen(HttpAddress("127.0.0.1", 0))
    server = make_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def client(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(timed_protocol, "_REQUEST_SECONDS", SECONDS)
    with socket.create_connection(address, timeout=30) as connection:
        yield connection


def test_a_request_that_is_not_completed_is_ended(client: socket.socket) -> None:
    client.sendall(HEAD)
    assert client.recv(1) == b""


def test_a_connection_that_sends_nothing_is_ended(client: socket.socket) -> None:
    assert client.recv(1) == b""


def test_a_body_may_take_longer(client: socket.socket) -> None:
    client.sendall(HEAD + b"\r\nab")
    time.sleep(3 * SECONDS)
    client.sendall(b"cd")
    assert client.recv(1000).startswith(b"HTTP/1.1 200")


def test_the_second_request_of_a_connection_has_the_same_limit(client: socket.socket) -> None:
    client.sendall(HEAD + b"\r\nabcd")
    answer = client.recv(1000)
    assert answer.startswith(b"HTTP/1.1 200")
    client.sendall(HEAD)
    while answer:  # the first body may come in a piece of its own
        answer = client.recv(1000)
