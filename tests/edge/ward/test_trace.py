"""Samples to columns: in their place in time, without offset, never without end."""

from __future__ import annotations

import pytest

from edge.ward.trace import COLUMN_MS, MAX_COLUMNS, Trace

FS = 250.0


def test_trace_when_chunks_come_then_lowest_and_highest_of_each_column() -> None:
    trace = Trace()
    trace.push(0.0, [5000] * 10 + [5000, 6000] + [5000] * 8, FS, 0.001)
    first, second = trace.columns(2)
    assert first == (0.0, 0.0)
    assert second is not None
    assert second[1] == pytest.approx(0.99, abs=0.02)
    assert second[0] == pytest.approx(-0.01, abs=0.02)


def test_trace_when_cut_anywhere_then_the_same() -> None:
    counts = [(k * 37) % 900 for k in range(200)]
    whole, parts = Trace(), Trace()
    whole.push(4000.0, counts, FS, 0.001)
    for k in range(0, 200, 7):
        parts.push(4000.0 + 4.0 * k, counts[k : k + 7], FS, 0.001)
    assert whole.columns(30) == parts.columns(30)


def test_trace_when_there_is_no_value_or_a_gap_then_a_hole() -> None:
    trace = Trace()
    trace.push(0.0, [0] * 10 + [None] * 10 + [0] * 10, FS, 0.001)
    trace.push(200.0, [0] * 10, FS, 0.001)
    assert [column is None for column in trace.columns(6)] == [False, True, False, True, True, False]


def test_trace_when_a_time_is_given_then_its_column() -> None:
    trace = Trace()
    assert trace.place(0.0, 10) is None
    trace.push(0.0, [0] * 100, FS, 0.001)
    assert trace.place(399.0, 10) == 9
    assert trace.place(0.0, 10) == 0
    assert trace.place(-1.0, 10) is None
    assert trace.place(400.0, 10) is None


def test_trace_when_the_clock_is_set_then_begun_anew_and_when_it_runs_on_then_bounded() -> None:
    trace = Trace()
    for k in range(3000):
        trace.push(k * COLUMN_MS, [0] * 10, FS, 0.001)
    assert len(trace._columns) == MAX_COLUMNS
    trace.push(1.79e12, [0] * 10, FS, 0.001)
    assert sum(column is not None for column in trace.columns(50)) == 1
    trace.push(0.0, [0] * 10, FS, 0.001)
    assert trace.newest == 0
