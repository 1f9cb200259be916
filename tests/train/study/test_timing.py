from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from firmware_bridge.types import BadInput
from train import tflite_graphs
from train.study import timing
from train.study.config import NetConfig, TaskConfig
from train.study.costs import cost
from train.study.record import Cost

STREAM = TaskConfig("stream")


@pytest.mark.parametrize(
    "config",
    [
        NetConfig("cnn", 3, 4),
        NetConfig("cnn", 3, 4, kind="dilated"),
        NetConfig("cnn", 2, 4, kind="gap"),
        NetConfig("rnn", 2, 8, residual=True),
        NetConfig("lstm", 1, 8),
        NetConfig("gru", 2, 8),
        NetConfig("conv_gru", 1, 8, stem=2, stem_width=4),
        NetConfig("gru_conv", 1, 8, stem=2, stem_width=4),
        NetConfig("late", 1, 8, stem=2, stem_width=4),
        NetConfig("tcn", 3, 4),
    ],
    ids=lambda c: f"{c.family}-{c.kind}",
)
def test_network_when_measured_then_its_graph_runs_on_the_edges_runtime(config: NetConfig) -> None:
    pytest.importorskip("tensorflow", reason="tensorflow is not installed (pip install 'heartwire[train]')")
    task = TaskConfig() if config.family == "cnn" else STREAM
    per_step, per_beat = timing.measure(config, task)
    assert (per_step > 0) == (config.family != "cnn")
    assert (per_beat > 0) == (config.family in ("cnn", "late", "gru_conv"))


def test_times_when_known_then_they_are_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[NetConfig] = []

    def measure(net: NetConfig, task: TaskConfig) -> tuple[float, float]:
        asked.append(net)
        return 4.0, 10.0

    monkeypatch.setattr(timing, "measure", measure)
    config = NetConfig("conv_gru", 1, 8)
    price = [timing.timed(config, STREAM, cost(config, STREAM), tmp_path) for _ in range(2)]
    assert price[0] == price[1]
    assert asked == [config]
    assert (price[0].us, price[0].us_per) == (1.0, "sample")
    assert price[0].us_s == pytest.approx(4.0 * 31.25 + 10.0 * 1.25)
    window = timing.timed(NetConfig("gru", 1, 8), TaskConfig(), Cost(), tmp_path)
    assert (window.us, window.us_per) == (4.0 * 250 + 10.0, "beat")
    assert len(json.loads((tmp_path / "timing.json").read_text())) == 2


def test_times_when_tensorflow_is_missing_then_they_stay_unmeasured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise BadInput("exporting needs tensorflow")

    monkeypatch.setattr(tflite_graphs, "tensorflow", missing)
    price = Cost(params=5)
    assert timing.timed(NetConfig("gru"), STREAM, price, tmp_path) == price
    assert not (tmp_path / "timing.json").exists()
