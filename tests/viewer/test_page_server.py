import http.client
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from amcnet.errors import ConfigError
from amcnet.viewer import PageServer, Resource, redirect_file

PAGE, SECRET = b"<p>page</p>", "/etc/passwd"
LARGE = bytes(30_000_000)


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    resources = {
        "": Resource("text/html", PAGE),
        "a.js": Resource("text/javascript", b"1"),
        "volume.nii": Resource("application/octet-stream", LARGE),
    }
    with PageServer(resources) as running:
        yield running


def path_of(address: str) -> str:
    return "/" + address.split("/", 3)[3]


@pytest.fixture(scope="module")
def cookie(server: PageServer) -> str:
    return open_link(server, server.new_link())


def open_link(server: PageServer, link: str) -> str:
    """Open a link as a browser does and return the cookie that it sets."""
    status, answer = ask(server, "GET", path_of(link))
    assert status == 200
    assert f"url={path_of(server.page_address)}".encode() in answer
    (line,) = [one for one in answer.split(b"\r\n") if one.lower().startswith(b"set-cookie:")]
    name_and_value, *attributes = line.decode().split(": ", 1)[1].split("; ")
    assert {one.lower() for one in attributes} == {
        "httponly",
        "samesite=strict",
        f"path={path_of(server.page_address)}".lower(),
    }
    return name_and_value


def ask(
    server: PageServer, method: str, path: str, host: str | None = None, cookie: str = ""
) -> tuple[int, bytes]:
    """Send a request unchanged; a client library would tidy it up first."""
    host = f"127.0.0.1:{server.port}" if host is None else host
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"Cookie: {cookie}"] if cookie else []
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return int(answer.split()[1]), answer


def body_of(answer: bytes) -> bytes:
    return answer.split(b"\r\n\r\n", 1)[1]


def test_only_named_resources_are_served(server: PageServer, cookie: str) -> None:
    root = path_of(server.page_address)
    status, answer = ask(server, "GET", root, cookie=cookie)
    assert status == 200
    assert body_of(answer) == PAGE
    assert b"content-security-policy: default-src 'none'" in answer.lower()
    host = f"localhost:{server.port}"
    assert ask(server, "GET", root + "a.js", host, cookie)[0] == 200


def test_a_link_works_once(server: PageServer) -> None:
    link = server.new_link()
    first = open_link(server, link)
    status, answer = ask(server, "GET", path_of(link))
    assert status == 403
    assert b"set-cookie" not in answer.lower()
    assert b"used before" in answer
    other = server.new_link()
    assert other != link
    assert open_link(server, other) == first


@pytest.mark.parametrize("cookie", ["", "amcnet-view=", "amcnet-view=x", "other=1"])
def test_without_its_cookie_nothing_is_shown(server: PageServer, cookie: str) -> None:
    for name in ("", "a.js", "volume.nii", "none"):
        status, answer = ask(server, "GET", path_of(server.page_address) + name, cookie=cookie)
        assert status == 403
        assert PAGE not in answer


def test_the_path_of_the_page_alone_is_worthless_and_unguessable(server: PageServer) -> None:
    with PageServer({}) as other:
        assert path_of(other.page_address) != path_of(server.page_address)
        assert len(path_of(other.page_address)) > 20
        assert len(path_of(other.new_link())) > 25
        assert other.page_address.startswith(f"http://127.0.0.1:{other.port}/")


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
def test_every_other_path_is_not_found(server: PageServer, cookie: str, path: str) -> None:
    root = path_of(server.page_address)
    asked = path.format(root=root, upper=root.swapcase())
    status, answer = ask(server, "GET", asked, cookie=cookie)
    assert status == 404
    assert body_of(answer) == b""


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(server: PageServer, cookie: str, method: str) -> None:
    status, answer = ask(server, method, path_of(server.page_address), cookie=cookie)
    assert status == 405
    assert PAGE not in answer
    link = server.new_link()
    assert ask(server, method, path_of(link))[0] == 405
    assert open_link(server, link)  # refused requests do not use it up


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "127.0.0.1:1", "", "localhost"])
def test_other_hosts_are_refused(server: PageServer, cookie: str, host: str) -> None:
    status, answer = ask(server, "GET", path_of(server.page_address), host, cookie)
    assert status in (400, 403)
    assert PAGE not in answer


def test_fifty_browsers_at_once_beside_slow_and_vanishing_ones(
    server: PageServer, cookie: str
) -> None:
    root, threads_before = path_of(server.page_address), threading.active_count()
    request = f"GET {root}volume.nii HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    whole = (request + f"Cookie: {cookie}\r\n\r\n").encode()
    process = psutil.Process()
    before = process.memory_info().rss
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    for number, connection in enumerate(slow):
        if number % 2:
            connection.sendall(whole)  # and reads nothing of the 30 MB
        else:
            connection.sendall(request[:20].encode())  # and never goes on
    for connection in slow[:10]:
        connection.close()
    answers: list[tuple[int, bytes]] = []

    def load() -> None:
        answers.append(ask(server, "GET", root, cookie=cookie))

    start = time.monotonic()
    clients = [threading.Thread(target=load) for _ in range(50)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(20)
    assert [(status, body_of(answer)) for status, answer in answers] == [(200, PAGE)] * 50
    assert time.monotonic() - start < 10
    assert threading.active_count() <= threads_before  # one thread serves them all
    assert process.memory_info().rss - before < 3 * len(LARGE)  # not fifty volumes
    for connection in slow:
        connection.close()


def test_closing_does_not_wait_for_slow_browsers() -> None:
    with PageServer({"": Resource("text/html", LARGE)}) as running:
        cookie = open_link(running, running.new_link())
        path, host = path_of(running.page_address), f"127.0.0.1:{running.port}"
        slow = socket.create_connection(("127.0.0.1", running.port))
        slow.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode())
        assert slow.recv(12) == b"HTTP/1.1 200"
        start = time.monotonic()
    assert time.monotonic() - start < 5
    slow.close()


def test_a_port_that_is_taken_is_one_sentence(server: PageServer) -> None:
    with pytest.raises(ConfigError, match=rf"port {server.port}: .*expected a free port"):
        PageServer({}, server.port)


def test_closing_gives_the_port_back() -> None:
    with PageServer({}) as first:
        port = first.port
    with PageServer({}, port) as second:
        assert second.port == port


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_the_redirect_file_is_readable_by_its_owner_only() -> None:
    old = os.umask(0)
    try:
        with redirect_file("http://127.0.0.1:1/open/word&<") as path:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert "url=http://127.0.0.1:1/open/word&amp;&lt;" in path.read_text()
    finally:
        os.umask(old)
    assert not path.parent.exists()


@pytest.mark.skipif(os.name != "posix", reason="changes its user as POSIX does")
def test_another_user_can_neither_see_nor_use_what_the_browser_gets(tmp_path: Path) -> None:
    """Run the command with a browser that waits, and look at it as the user nobody."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    import numpy as np

    from amcnet.io import Geometry, write_image

    write_image(
        tmp_path / "a.nrrd", np.ones((4, 5, 6), np.uint8), Geometry.canonical((4, 5, 6), (1, 1, 1))
    )
    browser = tmp_path / "browser.py"
    browser.write_text("import sys, time; print('opened', sys.argv[1], flush=True); time.sleep(60)")
    command = "from amcnet.cli.main import main; main()"
    running = subprocess.Popen(
        [sys.executable, "-c", command, "view", str(tmp_path / "a.nrrd")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "BROWSER": f"{sys.executable} {browser} %s &"},
    )
    try:
        assert running.stdout is not None
        lines = [running.stdout.readline().strip() for _ in range(3)]
        (link,) = [line for line in lines if line.startswith("http://")]
        (opened,) = [line.split()[1] for line in lines if line.startswith("opened ")]
        assert opened.startswith("file://")
        spy = (
            "import os, psutil, sys, urllib.error, urllib.request\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "listed = [one.info['cmdline'] or [] for one in psutil.process_iter(['cmdline'])]\n"
            "lines = [' '.join(arguments) for arguments in listed]\n"
            "print(any('open.html' in line for line in lines))\n"  # the browser is listed ...
            f"words = ['/open/', {link.rsplit('/', 1)[1]!r}]\n"
            "print([word for word in words if any(word in line for line in lines)])\n"
            "try:\n"
            f"    open({opened.removeprefix('file://')!r})\n"
            "    print('read')\n"
            "except PermissionError:\n"
            "    print('refused')\n"
        )
        done = subprocess.run(
            [sys.executable, "-"], input=spy, capture_output=True, text=True, check=True
        )
        assert done.stdout.split("\n")[:3] == ["True", "[]", "refused"]
        # The page itself, with all that nobody may know of it.
        port = int(link.split(":")[2].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for path in ("/", "/scene.json", "/open/", "/open/word"):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (403, 404)
        connection.close()
    finally:
        for process in psutil.Process(running.pid).children(recursive=True):
            process.kill()
        running.terminate()
        assert running.wait(30) == 128 + 15
    assert not Path(opened.removeprefix("file://")).parent.exists()
