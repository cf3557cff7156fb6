import socket
from collections.abc import Iterator

import pytest

from amcnet.errors import ConfigError
from amcnet.viewer import PageServer, Resource

PAGE, SECRET = b"<p>page</p>", "/etc/passwd"


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    resources = {"": Resource("text/html", PAGE), "a.js": Resource("text/javascript", b"1")}
    with PageServer(resources) as running:
        yield running


def ask(server: PageServer, method: str, path: str, host: str | None = None) -> tuple[int, bytes]:
    """Send a request as it is, which a client's library would tidy up first."""
    host = f"127.0.0.1:{server.port}" if host is None else host
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return int(answer.split()[1]), answer


def root(server: PageServer) -> str:
    return "/" + server.address.split("/", 3)[3]


def test_what_was_named_is_served(server: PageServer) -> None:
    status, answer = ask(server, "GET", root(server))
    assert status == 200
    assert answer.endswith(b"\r\n\r\n" + PAGE)
    assert b"content-security-policy: default-src 'none'" in answer.lower()
    assert ask(server, "GET", root(server) + "a.js", f"localhost:{server.port}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/a.js",
        "{root}b.js",
        "{root}../a.js",
        "{root}./a.js",
        "{root}/a.js",
        "{root}a.js?x=1",
        "{root}%61.js",
        "{root}..%2f..%2fetc%2fpasswd",
        "{root}../../../../etc/passwd",
        "{root}..\\..\\etc\\passwd",
        "{root}//etc/passwd",
        SECRET,
        "file:///etc/passwd",
        "http://127.0.0.1{root}a.js",
        "{root}a.js%00",
        "{upper}a.js",
    ],
)
def test_every_other_path_is_not_found(server: PageServer, path: str) -> None:
    asked = path.format(root=root(server), upper=root(server).swapcase())
    status, answer = ask(server, "GET", asked)
    assert status == 404
    assert answer.endswith(b"\r\n\r\n")  # says nothing


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(server: PageServer, method: str) -> None:
    status, answer = ask(server, method, root(server))
    assert status == 405
    assert PAGE not in answer


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "127.0.0.1:1", "", "localhost"])
def test_other_hosts_are_refused(server: PageServer, host: str) -> None:
    status, answer = ask(server, "GET", root(server), host)
    assert status == 403
    assert PAGE not in answer


def test_each_server_has_its_own_secret_and_only_loopback(server: PageServer) -> None:
    with PageServer({}) as other:
        assert root(other) != root(server)
        assert len(root(other)) > 20
        assert other.address.startswith(f"http://127.0.0.1:{other.port}/")


def test_a_port_that_is_taken_is_one_sentence(server: PageServer) -> None:
    with pytest.raises(ConfigError, match=rf"port {server.port}: .*expected a free port"):
        PageServer({}, server.port)


def test_closing_gives_the_port_back() -> None:
    with PageServer({}) as first:
        port = first.port
    with PageServer({}, port) as second:
        assert second.port == port
