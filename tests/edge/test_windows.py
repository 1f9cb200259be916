from __future__ import annotations

import numpy as np
import pytest

from edge.windows import Ring


def _filled(size: int, n: int) -> Ring:
    ring = Ring(size)
    for v in range(n):
        ring.push(float(v))
    return ring


@pytest.mark.parametrize("n", [16, 17, 23, 32, 100])
def test_cut_when_inside_then_every_window_is_contiguous(n: int) -> None:
    ring = _filled(16, n)
    for start in range(n - 16, n):
        for length in range(1, n - start + 1):
            assert ring.cut(start, length).tolist() == list(range(start, start + length))


def test_cut_when_it_reaches_before_the_first_sample_then_zeros() -> None:
    ring = _filled(16, 5)
    assert ring.cut(-4, 8).tolist() == [0, 0, 0, 0, 0, 1, 2, 3]
    assert ring.cut(-4, 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("start", "n", "text"),
    [
        (95, 6, "window 95..101 outside 84..100"),
        (83, 4, "window 83..87 outside 84..100"),
        (80, 17, "window 80..97 outside 84..100"),
    ],
)
def test_cut_when_outside_then_index_error(start: int, n: int, text: str) -> None:
    with pytest.raises(IndexError) as error:
        _filled(16, 100).cut(start, n)
    assert str(error.value) == text


def test_cut_when_samples_follow_then_the_window_is_a_copy() -> None:
    ring = _filled(16, 20)
    window = ring.cut(10, 5)
    for _ in range(40):
        ring.push(-1.0)
    assert window.tolist() == [10, 11, 12, 13, 14]
    assert window.dtype == np.float32


def test_reset_when_called_then_nothing_of_before_is_seen() -> None:
    ring = _filled(16, 40)
    ring.reset()
    ring.push(9.0)
    assert ring.end == 1
    assert ring.cut(-7, 8).tolist() == [0, 0, 0, 0, 0, 0, 0, 9]
