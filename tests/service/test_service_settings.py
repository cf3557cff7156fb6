import os
from pathlib import Path

import pytest

from amcnet.errors import ConfigError
from amcnet.service.access_tokens import AccessTokens, may_read, read_tokens, sees_all
from amcnet.service.http.browser_sessions import BrowserSessions
from amcnet.service.network_addresses import (
    DicomNode,
    HttpAddress,
    parse_destination,
    parse_http_address,
    parse_own_node,
    parse_peer,
)
from amcnet.service.service_settings import ServiceSettings

from .conftest import Clock, a_job

TOKEN = "anna-token-0123456789"


def token_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        ("127.0.0.1:8042", True),
        ("127.3.2.1:0", True),
        ("localhost:1", True),
        ("[::1]:8042", True),
        ("0.0.0.0:8042", False),
        ("[::]:8042", False),
        ("10.0.0.7:8042", False),
        ("workstation:8042", False),
    ],
)
def test_only_the_machines_own_addresses_go_without_tokens(text: str, is_loopback: bool) -> None:
    settings = ServiceSettings(Path("data"), parse_http_address(text))
    if is_loopback:
        settings.check()
    else:
        with pytest.raises(ConfigError, match="expected --token-file, and a server in front"):
            settings.check()


@pytest.mark.parametrize("text", ["", "8042", "host", "host:", "host:x", "host:70000", ":8042"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="--http: found"):
        parse_http_address(text)


def test_nodes() -> None:
    assert parse_own_node("AMCNET:11112") == ("AMCNET", 11112)
    assert parse_peer("ECHO 1@127.0.0.1") == DicomNode("ECHO 1", "127.0.0.1")
    assert parse_destination("PACS@10.0.0.7:104") == DicomNode("PACS", "10.0.0.7", 104)
    assert parse_destination("https://pacs/dicom-web/") == "https://pacs/dicom-web"
    for text in ("PACS", "PACS@host", "@host:104", "PACS@host:0", "A" * 17 + "@host:104"):
        with pytest.raises(ConfigError, match="--forward: found"):
            parse_destination(text)
    for text in ("AMCNET", ":104", "A\\B:104", "A" * 17 + ":104"):
        with pytest.raises(ConfigError, match="--dicom: found"):
            parse_own_node(text)
    for text in ("ECHO", "@127.0.0.1", "ECHO@"):
        with pytest.raises(ConfigError, match="--accept: found"):
            parse_peer(text)


def test_tokens_belong_to_users(tmp_path: Path) -> None:
    tokens = read_tokens(token_file(tmp_path / "t", f"# x\n\nanna {TOKEN} # hers\n"))
    assert tokens.are_needed
    assert tokens.owner_of(TOKEN) == "anna"
    assert [tokens.owner_of(text) for text in (None, "", TOKEN[:-1], TOKEN + "0", "ä")] == [
        None
    ] * 5
    assert AccessTokens().owner_of(None) == "local"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "found no token"),
        ("anna\n", "expected 'NAME TOKEN'"),
        ("anna short\n", "found a token of 5 characters"),
        (f"an/na {TOKEN}\n", "expected 'NAME TOKEN'"),
        (f"anna {TOKEN} more\n", "expected 'NAME TOKEN'"),
        (f"anna {TOKEN}\nanna other-{TOKEN}\n", "found twice"),
        (f"anna {TOKEN}\nberta {TOKEN}\n", "found twice"),
    ],
)
def test_unusable_token_files(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        read_tokens(token_file(tmp_path / "t", text))
    assert TOKEN not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_tokens_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = token_file(tmp_path / "t", f"anna {TOKEN}\n")
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="other users can read the tokens"):
        read_tokens(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_tokens(tmp_path / "absent")


@pytest.mark.parametrize(
    ("reader", "owner", "may"),
    [
        ("anna", "anna", True),
        ("berta", "anna", False),
        ("operator", "anna", False),
        ("local", "anna", False),
        ("operator", "dicom:ECHO", True),
        ("local", "dicom:ECHO", True),
        ("anna", "dicom:anna", False),
        ("local", "local", True),
    ],
)
def test_who_may_read(clock: Clock, reader: str, owner: str, may: bool) -> None:
    assert may_read(reader, a_job(clock, owner=owner)) is may


def test_who_sees_the_queue() -> None:
    assert [sees_all(name) for name in ("operator", "local", "anna")] == [True, True, False]


def test_cookies_expire(clock: Clock) -> None:
    sessions = BrowserSessions(clock)
    cookie = sessions.begin("anna")
    assert sessions.owner_of(cookie) == "anna"
    assert sessions.owner_of(cookie[:-1]) is None
    assert sessions.owner_of(None) is None
    clock.now += 13 * 3600
    assert sessions.owner_of(cookie) is None


def test_the_default_address_is_loopback() -> None:
    from amcnet.cli.serve import serve

    assert parse_http_address(serve.__defaults__[0]) == HttpAddress("127.0.0.1", 8042)
