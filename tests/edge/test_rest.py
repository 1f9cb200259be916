"""When the monitor may leave its source alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rest import Rest


def test_after_when_no_chunk_is_collected_then_the_whole_rest() -> None:
    assert Rest(0.006).after(1000.0, None) == pytest.approx(0.006)


def test_after_when_the_device_is_slow_then_no_rest_because_it_saves_no_waking() -> None:
    assert Rest(0.006).after(250.0, None) == 0.0


def test_after_when_turned_off_then_none() -> None:
    assert Rest(0.0).after(1000.0, 100) == 0.0


def test_after_when_every_sample_is_a_chunk_then_none() -> None:
    assert Rest(0.1).after(360.0, 1) == 0.0


@given(st.floats(20.0, 20000.0), st.integers(1, 400), st.floats(0.0, 0.1))
def test_after_when_a_chunk_is_collected_then_it_ends_before_its_last_sample(
    fs: float, n_missing: int, most_s: float
) -> None:
    rest_s = Rest(most_s).after(fs, n_missing)
    assert 0.0 <= rest_s <= most_s * (1 + 1e-9)
    assert rest_s == 0.0 or rest_s * fs < n_missing - 1
