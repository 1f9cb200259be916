"""Foreign names, foreign pages and wrong keys are refused; everything the page needs is not."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from edge.io.dashboard.access import HEADERS, Access, is_loopback

TOKEN = "t" * 24


def status(access: Access, host: str, origin: str | None = None, live: bool = False) -> HTTPStatus | None:
    refusal = access.refusal([host], [] if origin is None else [origin], live)
    return None if refusal is None else refusal[0]


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765", "127.8.8.8"])
def test_access_when_local_and_asked_by_a_local_name_then_answered(host: str) -> None:
    access = Access("127.0.0.1", [], TOKEN)
    assert status(access, host) is None
    assert status(access, host, f"http://{host}", live=True) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "192.168.0.9:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1:8765@evil.example",
        "",
        "localhost:8765 ",
        "localhost:999999",
        "[::ffff:8.8.8.8]",
        "x" * 5000,
    ],
)
def test_access_when_asked_by_another_name_then_refused(host: str) -> None:
    assert status(Access("127.0.0.1", [], TOKEN), host) == HTTPStatus.BAD_REQUEST


def test_access_when_host_is_missing_or_twice_then_refused() -> None:
    access = Access("127.0.0.1", [], TOKEN)
    for hosts in ([], ["localhost", "localhost"]):
        refusal = access.refusal(hosts, [], False)
        assert refusal is not None
        assert refusal[0] == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:3000",
        "null",
        "",
        "file://",
        "http://localhost:8765.evil.example",
    ],
)
@pytest.mark.parametrize("live", [False, True])
def test_access_when_another_page_asks_then_forbidden(origin: str, live: bool) -> None:
    assert status(Access("127.0.0.1", [], TOKEN), "localhost:8765", origin, live) == HTTPStatus.FORBIDDEN


def test_access_when_a_websocket_names_no_page_or_two_then_forbidden() -> None:
    access = Access("127.0.0.1", [], TOKEN)
    assert status(access, "localhost:8765", None, live=True) == HTTPStatus.FORBIDDEN
    refusal = access.refusal(["localhost"], ["http://localhost", "http://localhost"], True)
    assert refusal is not None
    assert refusal[0] == HTTPStatus.FORBIDDEN


def test_access_when_listening_for_a_network_then_addresses_and_named_hosts_only() -> None:
    access = Access("0.0.0.0", ["Ward.Local"], TOKEN)
    assert status(access, "192.168.0.9:8765") is None
    assert status(access, "ward.local:8765", "http://ward.local:8765", live=True) is None
    assert status(access, "ward.local", "https://ward.local", live=True) is None
    assert status(access, "evil.example:8765") == HTTPStatus.BAD_REQUEST


def test_access_when_the_key_is_wrong_then_no_command() -> None:
    access = Access("127.0.0.1", [], TOKEN)
    assert access.may_command(TOKEN)
    assert not any(map(access.may_command, ["", TOKEN[:-1], TOKEN + "t", "ü" * 24]))


def test_headers_when_read_then_nothing_inline_nothing_foreign_and_no_cors() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert not any(name.startswith("Access-Control") for name in HEADERS)


def test_is_loopback_when_asked_then_only_for_this_machine() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "::1", "localhost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.168.0.1", "ward"]))
