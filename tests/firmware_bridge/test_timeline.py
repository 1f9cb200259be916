from __future__ import annotations

import random

import pytest

from firmware_bridge.timeline import Arrival, RateMeter, SequenceCounter, Step, distance


def run(counter: SequenceCounter, *seqs: int) -> list[Step]:
    return [counter.push(seq) for seq in seqs]


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_counter_when_it_wraps_loses_nothing(bits: int) -> None:
    top = (1 << bits) - 1
    steps = run(SequenceCounter(bits), top - 1, top, 0, 1)
    assert [step.arrival for step in steps] == [Arrival.FIRST, Arrival.NEXT, Arrival.NEXT, Arrival.NEXT]


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_counter_when_frames_are_lost_over_the_wrap_counts_them(bits: int) -> None:
    counter = SequenceCounter(bits)
    counter.push((1 << bits) - 2)
    assert counter.push(3) == Step(Arrival.LOST, 4)


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_counter_when_a_frame_comes_twice_says_duplicate_and_goes_on(bits: int) -> None:
    steps = run(SequenceCounter(bits), 0, 1, 1, 2)
    assert [step.arrival.value for step in steps] == ["first", "next", "duplicate", "next"]


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_counter_when_a_frame_comes_late_says_late_and_drops_it(bits: int) -> None:
    steps = run(SequenceCounter(bits), 10, 13, 11, 14)
    assert [step.arrival.value for step in steps] == ["first", "lost", "late", "next"]
    assert [step.accepted for step in steps] == [True, True, False, True]


@pytest.mark.parametrize(
    ("bits", "before"), [(16, 20_000), (16, 60_000), (32, 5_000_000), (32, 4_000_000_000)]
)
def test_counter_when_it_begins_again_is_a_reboot_not_a_loss(bits: int, before: int) -> None:
    steps = run(SequenceCounter(bits), before, 0, 1)
    assert [step.arrival.value for step in steps] == ["first", "reboot", "next"]
    assert sum(step.n_lost for step in steps) == 0


def test_counter_of_samples_counts_the_samples_of_lost_frames() -> None:
    counter = SequenceCounter(16)
    counter.push(100, n=10)
    assert counter.push(140, n=5) == Step(Arrival.LOST, 30)
    assert counter.push(145, n=1) == Step(Arrival.NEXT)


@pytest.mark.parametrize("n_turns", [0, 1, 3])
def test_counter_with_clock_knows_of_whole_turns_lost(n_turns: int) -> None:
    counter = SequenceCounter(16)
    counter.push(5)
    missing = 65_536 * n_turns + 7
    step = counter.push((6 + missing) & 0xFFFF, elapsed=1.001 * (1 + missing))
    assert step == Step(Arrival.LOST, missing)


def test_counter_with_clock_when_both_begin_again_is_a_reboot() -> None:
    counter = SequenceCounter(16)
    counter.push(40_000)
    assert counter.push(50, elapsed=-20_000.0).arrival is Arrival.REBOOT


def test_counter_with_clock_when_only_the_counter_jumps_is_a_reboot() -> None:
    counter = SequenceCounter(16)
    counter.push(1_000)
    assert counter.push(9_000, elapsed=1.0).arrival is Arrival.REBOOT


def test_counter_with_clock_when_only_the_clock_jumps_loses_what_it_says() -> None:
    counter = SequenceCounter(16)
    counter.push(1_000, n=10)
    assert counter.push(1_010, n=10, elapsed=730.4) == Step(Arrival.LOST, 720)


@pytest.mark.parametrize(("seq", "arrival"), [(100, "duplicate"), (80, "late"), (110, "next"), (111, "lost")])
def test_counter_with_clock_tells_frames_apart_despite_jitter(seq: int, arrival: str) -> None:
    for jitter in (-6.0, 0.0, 6.0):
        counter = SequenceCounter(16)
        counter.push(100, n=10)
        assert counter.push(seq, n=10, elapsed=seq - 100 + jitter).arrival.value == arrival


@pytest.mark.parametrize(
    ("bits", "n_lost"), [(4, 3), (4, 500), (8, 200), (8, 256), (8, 1300), (16, 1300), (16, 70_000)]
)
def test_counter_with_the_hosts_clock_knows_of_whole_turns(bits: int, n_lost: int) -> None:
    off = 4 if bits == 4 else 90
    for missing in (n_lost - off, n_lost + off):
        again = SequenceCounter(bits, 1 if bits == 4 else None)
        again.push(7)
        assert again.push((8 + n_lost) % (1 << bits), missing=missing) == Step(Arrival.LOST, n_lost)


@pytest.mark.parametrize(
    ("n_lost", "damaged"), [(3, 0), (15, 12), (16, 8), (16, 12), (18, 14), (31, 25), (37, 30), (7, 9), (0, 3)]
)
def test_counter_with_the_bytes_that_went_by_knows_of_whole_turns(n_lost: int, damaged: int) -> None:
    counter = SequenceCounter(4, 1)
    counter.push(7)
    arrival = Arrival.LOST if n_lost else Arrival.NEXT
    assert counter.push((8 + n_lost) % 16, damaged=damaged) == Step(arrival, n_lost)


def test_counter_with_a_late_frame_after_a_damaged_one_says_late() -> None:
    counter = SequenceCounter(8)
    counter.push(40)
    assert counter.push(38, damaged=1).arrival is Arrival.LATE


@pytest.mark.parametrize(
    ("before", "seq", "bits", "expected"),
    [(7, 8, 8, 1), (255, 2, 8, 3), (9, 9, 8, 0), (9, 3, 8, -6), (9, 0, 8, 247), (0, 8, 4, 8), (5, 4, 32, -1)],
)
def test_distance_when_behind_by_little_then_late_else_ahead(
    before: int, seq: int, bits: int, expected: int
) -> None:
    assert distance(before, seq, bits) == expected


@pytest.mark.parametrize(("bits", "before"), [(16, 30_000), (32, 5_000_000)])
def test_counter_that_begins_again_after_a_silence_is_a_reboot(bits: int, before: int) -> None:
    counter = SequenceCounter(bits)
    counter.push(before)
    assert counter.push(3, missing=700.0) == Step(Arrival.REBOOT)


def test_counter_told_of_a_boot_believes_it() -> None:
    counter = SequenceCounter(16)
    counter.push(100)
    assert counter.push(0, boot=True) == Step(Arrival.REBOOT)
    assert counter.push(1) == Step(Arrival.NEXT)


def test_rate_meter_before_five_seconds_says_nothing() -> None:
    meter = RateMeter()
    for k in range(49):
        meter.push(36 * k, 0.1 * k)
    assert meter.fs_est is None


@pytest.mark.parametrize("fs", [125.0, 360.0, 1000.3])
def test_rate_meter_with_bursts_and_a_stall_is_within_a_thousandth(fs: float) -> None:
    rng = random.Random(1)
    meter = RateMeter()
    free_s = 0.0
    for k in range(600):
        sent_s = 0.1 * k
        free_s = max(free_s, sent_s + rng.expovariate(1 / 0.01) + (1.5 if k == 300 else 0.0))
        meter.push(int(sent_s * fs), free_s)
    assert meter.fs_est == pytest.approx(fs, rel=1e-3)


def test_rate_meter_after_reset_equals_a_new_one() -> None:
    meter = RateMeter()
    for k in range(100):
        meter.push(100 * k, float(k))
    meter.reset()
    assert meter.fs_est is None
    for k in range(100):
        meter.push(250 * k, 0.1 * k)
    assert meter.fs_est == pytest.approx(2500)


def test_counter_told_that_many_follow_goes_on_after_them_over_the_wrap() -> None:
    counter = SequenceCounter(8)
    counter.push(250)
    counter.go_on(10)
    assert counter.expected == 5
    assert counter.push(4).arrival is Arrival.DUPLICATE
    assert counter.push(7) == Step(Arrival.LOST, 2)


@pytest.mark.parametrize(
    ("seq", "damaged", "step"),
    [
        (7, 5, Step(Arrival.LOST, 15)),
        (8, 6, Step(Arrival.LOST, 16)),
        (7, 1, Step(Arrival.DUPLICATE)),
        (8, 3, Step(Arrival.NEXT)),
    ],
)
def test_counter_of_4_bits_when_it_came_round_beside_damage_then_the_turn_is_lost(
    seq: int, damaged: int, step: Step
) -> None:
    counter = SequenceCounter(4, late_window=1)
    counter.push(7)
    assert counter.push(seq, damaged=damaged) == step
