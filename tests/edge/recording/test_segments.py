from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge.recording.segments import (
    GAIN,
    INVALID,
    Arrived,
    Piece,
    Segmenter,
    baselines,
    began_s,
    coalesced,
    quantised,
)

Make = Callable[..., Arrived]


def played(segmenter: Segmenter, items: list[Arrived]) -> list[Piece]:
    return [piece for item in items for piece in segmenter.push(item)]


def test_quantised_when_values_are_odd_then_rounded_clipped_or_invalid() -> None:
    mv = np.array([[0.0014], [0.0016], [-0.0016], [40.0], [-40.0], [np.nan], [np.inf]], np.float32)
    assert quantised(mv, (0,))[:, 0].tolist() == [1, 2, -2, 32767, -32767, INVALID, INVALID]


def test_baselines_when_an_electrode_has_an_offset_then_the_signal_fits_and_reads_back() -> None:
    mv = (np.array([[150.0, 0.3]]) + np.random.default_rng(0).normal(0, 1, (500, 2))).astype(np.float32)
    found = baselines(mv)
    assert found[0] in range(-151_000, -148_999, 1)
    assert found[1] == 0
    back = (quantised(mv, found).astype(float) - found) / GAIN
    assert np.abs(back - mv).max() < 0.00052


def test_segmenter_when_samples_follow_then_one_segment_however_they_are_cut(arrived: Make) -> None:
    whole = played(Segmenter(), [arrived(0, 5000)])
    parts = played(Segmenter(), [arrived(k, 7) for k in range(0, 5000 - 7, 7)])
    assert len({id(piece.segment) for piece in parts}) == 1
    joined = np.concatenate([piece.adc for piece in parts])
    assert (joined == np.concatenate([piece.adc for piece in whole])[: len(joined)]).all()


def test_segmenter_when_samples_are_lost_then_the_next_piece_starts_so_much_later(arrived: Make) -> None:
    first, second = played(Segmenter(), [arrived(0, 250), arrived(1000, 250)])
    assert second.segment is first.segment
    assert second.start - first.end == 750


def test_segmenter_when_the_hour_ends_then_another_segment_begins_at_the_right_sample_and_time(
    arrived: Make,
) -> None:
    pieces = played(Segmenter(segment_s=600.0), [arrived(k, 250) for k in range(0, 250 * 1500, 250)])
    segments = list(dict.fromkeys(piece.segment for piece in pieces))
    assert len(segments) in (2, 3)
    assert {segment.run for segment in segments} == {1}
    for a, b in zip(segments, segments[1:], strict=False):
        assert b.utc_s % 600.0 == pytest.approx(0.0, abs=0.005) or b.utc_s % 600.0 > 599.995
        assert b.utc_s - a.utc_s == pytest.approx((b.start - a.start) / a.fs, abs=0.01)
    assert sum(piece.adc.shape[0] for piece in pieces) == 250 * 1500


def test_segmenter_when_played_faster_than_life_then_the_index_tells_the_time(arrived: Make) -> None:
    fast = [
        Arrived(a.block, 1000.0 + k / 50, 1.79e9 + k / 50)
        for k, a in enumerate(arrived(k * 250, 250) for k in range(1500))
    ]
    segments = list(dict.fromkeys(piece.segment for piece in played(Segmenter(segment_s=600.0), fast)))
    for a, b in zip(segments, segments[1:], strict=False):
        assert b.utc_s - a.utc_s == pytest.approx((b.start - a.start) / a.fs, abs=0.01)


@pytest.mark.parametrize("what", ["reboot", "restart", "rate", "leads"])
def test_segmenter_when_the_device_begins_again_then_another_run(what: str, arrived: Make) -> None:
    segmenter = Segmenter()
    (before,) = segmenter.push(arrived(1000, 250))
    if what == "restart":
        segmenter.restart()
    more = {"rate": {"fs": 360.0}, "leads": {"leads": ("V1",)}}.get(what, {})
    (after,) = segmenter.push(arrived(0 if what == "reboot" else 1250, 250, late_s=2.0, **more))
    assert (before.segment.run, after.segment.run) == (1, 2)
    assert after.start == after.segment.start


@pytest.mark.parametrize(("counts", "runs"), [(True, {1}), (False, {1, 2})])
def test_segmenter_when_it_was_silent_then_a_device_that_does_not_count_begins_a_run(
    counts: bool, runs: set[int], arrived: Make
) -> None:
    pieces = played(Segmenter(counts), [arrived(0, 250), arrived(250, 250, late_s=5.0)])
    assert {piece.segment.run for piece in pieces} == runs
    if not counts:
        assert pieces[1].segment.utc_s - pieces[0].segment.utc_s == pytest.approx(6.0, abs=0.01)


def test_segmenter_when_the_wall_clock_is_set_then_another_segment_with_the_new_time(arrived: Make) -> None:
    segmenter = Segmenter()
    (before,) = segmenter.push(arrived(0, 250))
    item = arrived(250, 250)
    (after,) = segmenter.push(Arrived(item.block, item.mono_s, item.utc_s + 86400.0))
    assert after.segment.run == before.segment.run
    assert after.segment.utc_s - before.segment.utc_s == pytest.approx(86401.0, abs=0.01)


def test_segmenter_when_a_loss_is_long_then_another_segment_of_the_same_run(arrived: Make) -> None:
    pieces = played(Segmenter(), [arrived(0, 250), arrived(250 * 700, 250)])
    assert [piece.segment.run for piece in pieces] == [1, 1]
    assert pieces[1].segment.utc_s - pieces[0].segment.utc_s == pytest.approx(700.0, abs=0.01)


def test_segmenter_when_the_baseline_wanders_away_then_another_segment_follows_it(arrived: Make) -> None:
    segmenter = Segmenter()
    segmenter.push(arrived(0, 5000))
    far = np.full((250, 1), 60.0, np.float32)
    (off,) = segmenter.push(arrived(5000, 250, mv=far, lead_off=1))
    (on,) = segmenter.push(arrived(5250, 250, mv=far))
    assert off.segment.baseline == (0,)
    assert on.segment.baseline == (-60000,)
    assert (on.adc == 0).all()


def test_coalesced_when_blocks_follow_then_one_and_a_silence_parts_them(arrived: Make) -> None:
    given = [arrived(0, 10), arrived(10, 10), arrived(20, 10, late_s=3.0), arrived(40, 10, late_s=3.0)]
    got = list(coalesced(given))
    assert [(a.block.start, a.block.mv.shape[0]) for a in got] == [(0, 20), (20, 10), (40, 10)]
    assert got[0].mono_s == given[1].mono_s


def test_began_s_when_three_seconds_waited_in_a_buffer_then_the_last_tells_the_time(arrived: Make) -> None:
    true_s = arrived(0, 25).utc_s - 0.1
    burst = [
        Arrived(arrived(k * 25, 25).block, 1003.0 + k * 1e-3, true_s + 3.0 + k * 1e-3) for k in range(30)
    ]
    life = [arrived(750 + k * 25, 25) for k in range(8)]
    assert began_s([*burst, *life]) == pytest.approx(true_s, abs=0.01)
    (piece,) = Segmenter().push(burst[0], began_s([*burst, *life]))
    assert piece.segment.utc_s == pytest.approx(true_s, abs=0.01)
    assert began_s([burst[0], arrived(5000, 25)]) == pytest.approx(true_s + 2.9, abs=0.01)
    assert began_s([]) is None
