"""`heartwire integrations` as a user calls it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.cli import main
from edge.integrations.catalogue import INTEGRATIONS


def test_integrations_when_asked_for_nothing_then_each_is_listed_with_what_to_do(capsys: Any) -> None:
    assert main(["integrations"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [one.name for one in INTEGRATIONS]
    assert main(["integrations", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["name"] == INTEGRATIONS[0].name


@pytest.mark.parametrize("one", INTEGRATIONS, ids=lambda one: one.name)
def test_integrations_when_asked_for_one_then_the_file_alone_on_stdout(one: Any, capsys: Any) -> None:
    words = ["integrations", one.name, "--mqtt", "broker.ward", "--base", "w/7", "--device", "bed4"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    if one.name != "telegraf":
        json.loads(out)
    assert "w/7/" in out
    assert one.hint in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["node-rde"], "did you mean 'node-red'?"),
        (["x"], "known are home-assistant"),
        (["grafana", "--base", "a/#"], "--base: got '#'"),
        (["grafana", "--device", "bed 4"], "--device: got 'bed 4'"),
        (["grafana", "--mqtt", "h:x"], "--mqtt: got 'h:x'"),
        (["grafana", "--mqtt", "/run/m.sock"], "--mqtt: got '/run/m.sock', a Unix socket"),
    ],
)
def test_integrations_when_asked_wrongly_then_one_line_says_what_is_right(
    words: list[str], said: str, capsys: Any
) -> None:
    assert main(["integrations", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
