from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.devices.blocks import BlockBuilder, samples_between
from firmware_bridge.types import Gap, LinkStats, SampleBlock


def _builder(*leads: str) -> tuple[BlockBuilder, LinkStats]:
    stats = LinkStats()
    return BlockBuilder("bed1", leads or ("ECG",), 250.0, stats), stats


@pytest.mark.parametrize(
    ("before_s", "now_s", "n"),
    [(1.0, 3.0, 500), (1.0, 1.001, 0), (3.0, 1.0, 0), (None, 3.0, 0), (1.0, None, 0), (None, None, 0)],
)
def test_samples_between_when_times_are_known_then_rounded_and_never_less_than_none(
    before_s: float | None, now_s: float | None, n: int
) -> None:
    assert samples_between(before_s, now_s, 250.0) == n


def test_take_when_nothing_came_then_nothing() -> None:
    builder, stats = _builder()
    assert builder.take() == []
    assert builder.total == stats.n_samples == stats.n_lost == 0


def test_take_when_samples_came_then_one_block_of_them_and_the_next_goes_on() -> None:
    builder, stats = _builder("I", "II")
    builder.add((0.5, -0.5))
    builder.add((1.0, 2.0))
    assert builder.total == 2
    (block,) = builder.take()
    assert isinstance(block, SampleBlock)
    assert (block.device_id, block.start, block.fs, block.leads) == ("bed1", 0, 250.0, ("I", "II"))
    assert block.mv.dtype == np.float32
    assert block.mv.tolist() == [[0.5, -0.5], [1.0, 2.0]]
    builder.add((3.0, 4.0))
    (more,) = builder.take()
    assert isinstance(more, SampleBlock)
    assert more.start == 2
    assert builder.take() == []
    assert stats.n_samples == 3


def test_add_when_electrode_changes_then_a_new_block_begins_there() -> None:
    builder, _ = _builder()
    for lead_off in (0, 0, 1, 1, 1, 0):
        builder.add((0.1,), lead_off)
    blocks = [b for b in builder.take() if isinstance(b, SampleBlock)]
    assert [(b.start, len(b.mv), b.lead_off) for b in blocks] == [(0, 2, 0), (2, 3, 1), (5, 1, 0)]


def test_add_when_electrode_is_off_from_the_first_sample_then_no_empty_block() -> None:
    builder, _ = _builder()
    builder.add((0.1,), 1)
    (block,) = builder.take()
    assert isinstance(block, SampleBlock)
    assert (block.start, block.lead_off) == (0, 1)


def test_gap_when_samples_are_lost_then_in_its_place_and_counted() -> None:
    builder, stats = _builder()
    builder.add((0.1,))
    builder.gap(7, "lost")
    builder.add((0.2,))
    first, gap, second = builder.take()
    assert isinstance(first, SampleBlock)
    assert gap == Gap(1, 7, "lost")
    assert isinstance(second, SampleBlock)
    assert second.start == 8
    assert builder.total == 9
    assert (stats.n_samples, stats.n_lost) == (2, 7)


def test_take_when_rate_was_learnt_late_then_the_block_has_it() -> None:
    builder = BlockBuilder("bed1", ("ECG",), 0.0, LinkStats())
    builder.add((0.1,))
    builder.fs = 360.0
    (block,) = builder.take()
    assert isinstance(block, SampleBlock)
    assert block.fs == 360.0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 1)),
        st.tuples(st.just("gap"), st.integers(1, 500)),
        st.tuples(st.just("take"), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_take_when_called_anywhere_then_every_sample_has_its_place(steps: list[tuple[str, int]]) -> None:
    builder, stats = _builder()
    out: list[SampleBlock | Gap] = []
    expected: dict[int, tuple[float, int]] = {}
    at = 0
    for what, value in steps:
        if what == "add":
            builder.add((float(at),), value)
            expected[at] = (float(at), value)
            at += 1
        elif what == "gap":
            builder.gap(value, "lost")
            at += value
        else:
            out += builder.take()
        assert builder.total == at
    out += builder.take()
    blocks = [b for b in out if isinstance(b, SampleBlock)]
    got = {b.start + i: (float(row[0]), b.lead_off) for b in blocks for i, row in enumerate(b.mv)}
    assert got == expected
    assert (stats.n_samples, stats.n_lost) == (len(expected), at - len(expected))
    ends = [(o.start, o.start + (len(o.mv) if isinstance(o, SampleBlock) else o.n_lost)) for o in out]
    assert [a for a, _ in ends] == [0, *(b for _, b in ends)][: len(ends)]


def test_add_when_a_lead_meets_the_rail_then_a_new_block_says_which() -> None:
    builder, _ = _builder("I", "II")
    for clipped in (0, 2, 2, 0):
        builder.add((0.1, 9.9), 0, clipped)
    blocks = [b for b in builder.take() if isinstance(b, SampleBlock)]
    assert [(b.start, len(b.mv), b.clipped) for b in blocks] == [(0, 1, 0), (1, 2, 2), (3, 1, 0)]


def test_add_when_a_pulse_was_seen_then_the_block_has_its_index() -> None:
    builder, _ = _builder()
    builder.gap(100, "lost")
    for k in range(5):
        builder.add((0.0,), paced=k in (1, 4))
    gap, block = builder.take()
    assert isinstance(gap, Gap)
    assert isinstance(block, SampleBlock)
    assert block.pace == (101, 104)
    builder.add((0.0,))
    (more,) = builder.take()
    assert isinstance(more, SampleBlock)
    assert more.pace == ()


def test_set_fs_when_the_device_changes_its_rate_then_a_new_block_has_it() -> None:
    builder, _ = _builder()
    builder.add((0.0,))
    builder.set_fs(500.0)
    builder.add((0.0,))
    assert [b.fs for b in builder.take() if isinstance(b, SampleBlock)] == [250.0, 500.0]


def test_extend_when_between_single_samples_then_one_block_in_order() -> None:
    made = BlockBuilder("bed", ("a", "b"), 250.0, LinkStats())
    made.add((1.0, 2.0), paced=True)
    made.extend(np.array([[3, 4], [5, 6]], np.float32), pace=(1,))
    made.add((7.0, 8.0))
    assert made.total == 4
    made.extend(np.array([[9, 10]], np.float32), lead_off=2, clipped=1)
    first, second = made.take()
    assert isinstance(first, SampleBlock)
    assert isinstance(second, SampleBlock)
    assert first.mv.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert first.pace == (0, 2)
    assert (second.start, second.lead_off, second.clipped) == (4, 2, 1)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=40),
    st.sets(st.integers(0, 39)),
)
def test_extend_as_when_states_change_then_as_if_each_sample_were_added(
    states: list[tuple[int, int]], paced: set[int]
) -> None:
    (many, n_many), (single, n_single) = _builder(), _builder()
    for builder in (many, single):
        builder.add((9.0,), 1)
    mv = np.arange(len(states), dtype=np.float32)[:, None]
    pace = sorted(at for at in paced if at < len(states))
    many.extend_as(mv, *np.array(states, np.int64).T, pace)
    for k, (lead_off, clipped) in enumerate(states):
        single.add((float(k),), lead_off, clipped, k in pace)
    assert many.total == single.total == len(states) + 1
    told = [
        [
            (b.start, b.mv.tolist(), b.lead_off, b.clipped, b.pace)
            for b in builder.take()
            if isinstance(b, SampleBlock)
        ]
        for builder in (many, single)
    ]
    assert told[0] == told[1]
    assert n_many == n_single
