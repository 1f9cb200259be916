"""What is made of the latencies, and the processes that they are measured on."""

from __future__ import annotations

import numpy as np
import pytest
import serial

from edge.bench import bare, path, plain, startup
from edge.bench.path import Stretch, cost_of
from firmware_bridge.types import BadInput


def stretch(*latency_us: float, cpu_s: float | None = 0.5) -> Stretch:
    return Stretch(np.array(latency_us), cpu_s, 10.0, 41.5)


def test_cost_of_when_there_are_several_stretches_then_it_is_of_all_their_chunks() -> None:
    cost = cost_of([stretch(100.0, 200.0), stretch(300.0, cpu_s=0.1)])
    assert (cost.p50_us, cost.n_chunks, cost.rss_mb) == (200.0, 3, 41.5)
    assert cost.p99_us == pytest.approx(298.0)
    assert cost.cpu_pct == pytest.approx(3.0)


def test_cost_of_when_a_stretch_has_no_cpu_time_then_there_is_none() -> None:
    assert cost_of([stretch(100.0), stretch(100.0, cpu_s=None)]).cpu_pct is None


def test_cost_of_when_no_chunk_arrived_then_it_is_an_error() -> None:
    with pytest.raises(BadInput, match="no chunk arrived"):
        cost_of([stretch()])


def test_environment_when_the_user_has_settings_then_the_measured_monitor_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEARTWIRE_MQTT_PORT", "1")
    assert not [name for name in path.environment() if name.startswith("HEARTWIRE_")]


def test_first_read_when_no_broker_listens_then_the_port_is_read_all_the_same() -> None:
    assert startup.first_read_ms("127.0.0.1:9", n_starts=1) > 1.0


def test_plain_when_its_port_is_missing_then_it_survives_nothing() -> None:
    with pytest.raises(serial.SerialException):
        plain.run("/dev/heartwire-is-not-here", "127.0.0.1:9", "t", 36)


def test_bare_when_its_port_is_missing_then_it_survives_nothing() -> None:
    with pytest.raises(OSError, match="refused"):
        bare.run("/dev/heartwire-is-not-here", "127.0.0.1:9", "t")
