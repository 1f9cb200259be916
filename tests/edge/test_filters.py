from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from edge.filters import Biquad, Cascade
from firmware_bridge.types import BadInput

FS = 125.0
HIGH = signal.butter(2, 0.5, "high", fs=FS, output="sos")
LOW = signal.butter(2, 40.0, "low", fs=FS, output="sos")
SOS = np.vstack([HIGH, LOW])


def _noise(n: int, seed: int = 0) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).standard_normal(n)) * 0.1


@pytest.mark.parametrize("sos", [HIGH, LOW, SOS], ids=["high", "low", "both"])
def test_cascade_when_run_by_hand_then_as_sosfilt_from_its_steady_state(sos: np.ndarray) -> None:
    x = _noise(2000) + 37.0
    expected, _ = signal.sosfilt(sos, x, zi=signal.sosfilt_zi(sos) * x[0])
    cascade = Cascade(sos.tolist())
    got = np.array([cascade.push(v) for v in x.tolist()])
    # A high-pass settled on 37 mV keeps sums near 37 whose rounding is 7e-15 each.
    assert np.abs(got - expected).max() < 1e-9


@pytest.mark.parametrize("level_mv", [-300.0, 0.0, 0.3, 300.0])
def test_cascade_when_first_sample_has_an_offset_then_there_is_no_transient(level_mv: float) -> None:
    cascade = Cascade(SOS.tolist())
    out = [cascade.push(level_mv) for _ in range(500)]
    assert max(map(abs, out)) < 1e-9


def test_cascade_when_reset_then_equals_a_new_one() -> None:
    x = _noise(300).tolist()
    used, new = Cascade(SOS.tolist()), Cascade(SOS.tolist())
    for v in _noise(100, seed=1).tolist():
        used.push(v)
    used.reset()
    assert [used.push(v) for v in x] == [new.push(v) for v in x]


def test_biquad_when_settled_then_gives_the_same_for_ever() -> None:
    b0, b1, b2, _, a1, a2 = LOW[0].tolist()
    section = Biquad(b0, b1, b2, a1, a2)
    settled = section.settle(2.5)
    assert settled == pytest.approx(2.5, abs=1e-12)
    assert section.push(2.5) == pytest.approx(settled, abs=1e-12)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ([1.0, 2.0], "filter section 0: got [1.0, 2.0], expected b0 b1 b2 1.0 a1 a2; export the model again"),
        (
            [1, 0, 0, 2, 0, 0],
            "filter section 0: got [1.0, 0.0, 0.0, 2.0, 0.0, 0.0], expected b0 b1 b2 1.0 a1 a2; "
            "export the model again",
        ),
        (
            [1, 0, 0, 1, float("nan"), 0],
            "filter section 0: got [1.0, 0.0, 0.0, 1.0, nan, 0.0], expected b0 b1 b2 1.0 a1 a2; "
            "export the model again",
        ),
    ],
)
def test_cascade_when_section_is_unusable_then_one_line_says_so(row: list[float], text: str) -> None:
    with pytest.raises(BadInput) as error:
        Cascade([row])
    assert str(error.value) == text
