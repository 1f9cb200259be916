"""The verb itself, briefly and for real: every key is there and every figure is one. Never how large."""

from __future__ import annotations

import json
import math
import shutil
from typing import Any

import pytest

from edge.bench import broker
from edge.cli import main

ENGINES = ("gru_step_us", "cnn_window_us", "rhythm_cnn_window_us")
PATHS = ("path_p50_us", "path_p99_us", "plain_path_p50_us", "cpu_pct", "rss_mb", "import_ms")


def positive(value: Any) -> bool:
    return isinstance(value, float | int) and 0.0 < value < math.inf


def test_bench_when_run_then_every_figure_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    if broker.find_mosquitto() is None:
        pytest.skip("no mosquitto on this machine (apt-get install mosquitto)")
    assert main(["bench", "--json", "--seconds", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: found[name] for name in (*ENGINES, *PATHS) if not positive(found[name])} == {}
    for name in ("gru_step_peers_us", "pipeline_us_per_sample"):
        assert found[name]
        assert all(map(positive, found[name].values())), found[name]
    assert set(found["pipeline_us_per_sample"]) == {"1", "36"}
    assert found["path_p50_us"] <= found["path_p99_us"]
    assert found["path_chunks"] >= 20


def test_bench_when_there_is_no_broker_then_it_says_so_and_leaves_the_path_open(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "PLACES", "")
    monkeypatch.setenv("PATH", "")
    assert shutil.which("mosquitto") is None
    assert main(["bench", "--seconds", "1"]) == 0
    printed = capsys.readouterr()
    assert "no mosquitto" in printed.err
    (path,) = [
        line for line in printed.out.splitlines() if line.startswith("serial byte to subscriber, median")
    ]
    assert path.endswith(" -")
    (step,) = [line for line in printed.out.splitlines() if line.startswith("GRU step, this engine")]
    assert positive(float(step.split()[-1]))


def test_bench_when_viewers_are_asked_for_then_latency_by_turns_and_the_pages_server_stays_small(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("websockets")
    if broker.find_mosquitto() is None:
        pytest.skip("no mosquitto on this machine (apt-get install mosquitto)")
    assert main(["bench", "--json", "--seconds", "0.5", "--viewers", "8"]) == 0
    found = json.loads(capsys.readouterr().out)
    figures = [name for name in found if name.startswith(("alone_", "watched_"))]
    assert {name: found[name] for name in figures if not positive(found[name])} == {}
    assert set(figures) >= {"alone_p50_us", "watched_p50_ratio", "watched_path_p50_ratio", "watched_chunks"}
    memory = found["page_server_rss_mb"]
    assert memory["after"] - memory["before"] < 20.0


def test_bench_when_viewers_cannot_be_or_there_is_no_broker_then_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["--viewers", "0"], ["--viewers", "many"]):
        with pytest.raises(SystemExit):
            main(["bench", *words])
        assert "expected 1 to 90 viewers" in capsys.readouterr().err
    monkeypatch.setattr(broker, "PLACES", "")
    monkeypatch.setenv("PATH", "")
    assert main(["bench", "--viewers", "8"]) == 2
    assert "needs mosquitto" in capsys.readouterr().err
