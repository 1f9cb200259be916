"""Blocks and events for recorders on trial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.io.reel import Reel
from edge.recording.segments import Arrived
from edge.types import Alarm, Beat, RPeak
from firmware_bridge.types import SampleBlock

FS = 250.0
T0_S = 1_790_000_000.0


def make_arrived(start: int, n: int, late_s: float = 0.0, **more: Any) -> Arrived:
    """`n` samples from index `start` on, a ramp of 1 uV a sample, that arrive when they are due."""
    mv = ((np.arange(start, start + n) % 1000) / 1000.0).astype(np.float32)[:, None]
    mv = more.pop("mv", mv)
    fs = more.pop("fs", FS)
    block = SampleBlock("bed4", start, fs, mv, more.pop("leads", ("II",)), **more)
    end_s = (start + n) / FS + late_s
    return Arrived(block, 1000.0 + end_s, T0_S + end_s)


def make_beat(number: int, sample: int, aami: str = "N", final: bool = True) -> Beat:
    return Beat(
        number, RPeak(sample, 1.0, 0.9), 0.8, aami, (1, 0, 0, 0, 0), 0.97, final, False, True, sample + 60
    )


def make_alarm(name: str, at: int, state: str = "active", **more: Any) -> Alarm:
    given = {"priority": "high", "kind": "patient", "acked": False, "value": "seen"} | more
    return Alarm(name, state, given["priority"], given["kind"], at, True, given["acked"], given["value"], at)


@pytest.fixture
def arrived() -> Callable[..., Arrived]:
    return make_arrived


@pytest.fixture
def beat() -> Callable[..., Beat]:
    return make_beat


@pytest.fixture
def alarm() -> Callable[..., Alarm]:
    return make_alarm


@pytest.fixture
def make_reel(tmp_path: Path) -> Callable[..., Reel]:
    def make(**more: Any) -> Reel:
        given = {"counts": True, "budget_bytes": 10**9, "reserve": 0} | more
        reel = Reel(tmp_path / "bed4", "bed4", "b00t", **given)
        reel.begin()
        return reel

    return make
