"""The verb: one line for a mistake, the address with its key when all is well."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.cli.dashboard import address, token_of
from firmware_bridge.types import BadInput

pytest.importorskip("websockets")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["dashboard", *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("heartwire: ")
    return said


def test_dashboard_when_the_port_is_taken_then_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused(capsys, "--mqtt", "127.0.0.1:1", "--listen", where)
    assert f"--listen {where}: cannot listen there" in said


@pytest.mark.parametrize(
    "words", [["--listen", "nonsense:x"], ["--listen", "h:70000"], ["--mqtt", "none"], ["--base", "a/:+"]]
)
def test_dashboard_when_an_argument_is_wrong_then_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert words[1].split(":")[-1] in refused(capsys, *words)


def test_dashboard_when_the_broker_refuses_us_then_one_line(
    broker: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broker.stop()
    conf = tmp_path / f"mosquitto-{broker.port}.conf"
    conf.write_text(conf.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    broker.start()
    assert main(["dashboard", "--mqtt", f"127.0.0.1:{broker.port}", "--listen", "127.0.0.1:0"]) == 2
    assert "heartwire: mqtt: the broker refused us (Not authorized)" in capsys.readouterr().err


def test_dashboard_when_run_for_a_second_then_the_address_and_status_0(
    broker: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--mqtt", f"127.0.0.1:{broker.port}", "--listen", "127.0.0.1:0", "--seconds", "0.5"]
    assert main(["dashboard", *words]) == 0
    assert re.search(r"http://127\.0\.0\.1:\d+/#key=[\w-]{24} ", capsys.readouterr().err)


def test_address_when_listening_everywhere_then_one_that_can_be_opened_here() -> None:
    assert address("0.0.0.0", 80, "k") == "http://127.0.0.1:80/#key=k"
    assert address("::1", 80, "k") == "http://[::1]:80/#key=k"
    assert address("ward", 80, "k") == "http://ward:80/#key=k"


def test_token_when_given_then_taken_and_when_too_short_then_refused_without_telling_it() -> None:
    given = "a" * 16
    assert token_of({"HEARTWIRE_DASHBOARD_TOKEN": given}) == given
    assert token_of({}) != token_of({})
    with pytest.raises(BadInput, match="got 6 characters"):
        token_of({"HEARTWIRE_DASHBOARD_TOKEN": "canary"})
