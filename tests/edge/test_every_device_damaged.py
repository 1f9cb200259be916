"""Every device there is over a line that loses one frame in five and flips one bit in a thousand (tests/faulty.py)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from firmware_bridge import devices
from firmware_bridge.simulator import rate_of

LONGEST_SAMPLES = 18_000


@pytest.fixture(scope="module")
def faulty() -> ModuleType:
    """tests/faulty.py."""
    path = Path(__file__).parents[1] / "faulty.py"
    spec = importlib.util.spec_from_file_location("faulty", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["faulty"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def models(faulty: ModuleType) -> Any:
    return faulty.load_models()


@pytest.mark.parametrize("name", devices.names())
def test_device_when_frames_are_lost_and_bits_flip_then_losses_are_true_and_nothing_lethal_is_said(
    faulty: ModuleType, models: Any, name: str
) -> None:
    """A checksum lets nothing through (of 4 and 8 bits: no more than is said there), a counter counts all that is
    missing, to the sample, though the damage is in it too, and the monitor tells of just as many."""
    seconds = min(60.0, LONGEST_SAMPLES / rate_of(name, None))
    damaged = faulty.play(name, models, seconds, seed=1)
    assert damaged.trouble(seconds / 60) == []
    assert damaged.lethal == ()
    assert 0.05 * damaged.n_sent < damaged.n_got < 0.95 * damaged.n_sent


def test_samples_when_some_were_never_sent_then_that_many_are_foreign(faulty: ModuleType) -> None:
    sent = np.arange(1000, dtype=np.float32)
    got = sent.copy()
    got[[3, 500]] = -1.0
    got[700] = np.nan
    assert [faulty.foreign(sent, got, counted) for counted in (True, False)] == [2, 2]
    late = np.delete(got, [100, 101, 800])
    assert faulty.foreign(sent, late, False) == 2
    assert faulty.foreign(sent, late, True) > 800
    assert faulty.foreign(sent, np.append(sent, 5000.0).astype(np.float32), True) == 1


def test_damage_when_it_is_more_than_it_may_be_then_said(faulty: ModuleType) -> None:
    bad = faulty.Damaged("native", 1000, 800, 1, 3, 199, 198, 40, ("asystole", "lead_off"))
    assert bad.trouble(1.0) == [
        "asystole alarm",
        "1 damaged samples taken",
        "200 lost, 199 counted, 198 told",
        "3 samples out of place at the end",
    ]
    silent = faulty.Damaged("text", 1000, 800, 100, 500, 0, 0, 10, ())
    assert silent.trouble(1.0) == ["10 beats, and no alarm tells why"]
    assert "text" in silent.line(1.0)
