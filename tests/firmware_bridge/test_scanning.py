from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.scanning import DAMAGED, MORE, NO_FRAME, Found, Run, Scanner
from firmware_bridge.timeline import distance
from firmware_bridge.types import LinkStats

ONE = bytes.fromhex("a5 02 01 5a")


def short(buffer: bytes, at: int) -> int:
    """Frames of 4 bytes: A5, 2, anything, 5A."""
    if len(buffer) - at < 4:
        return MORE
    return 4 if buffer[at + 1] == 2 and buffer[at + 3] == 0x5A else NO_FRAME


def checked(buffer: bytes, at: int) -> int:
    """Frames of 3 bytes without a sync word: count, value, their sum."""
    if len(buffer) - at < 3:
        return MORE
    return 3 if buffer[at] + buffer[at + 1] & 0xFF == buffer[at + 2] else DAMAGED


def counted(seq: int, value: int = 77) -> bytes:
    return bytes([seq & 0xFF, value, seq + value & 0xFF])


def feed(framer: Scanner, data: bytes) -> list[Found]:
    return list(framer.feed(data))


def scanner(kind: Any = short, **more: Any) -> tuple[Scanner, LinkStats]:
    stats = LinkStats()
    return Scanner(kind, stats, b"\xa5" if kind is short else b"", **more), stats


def chained(n: int = 3, strict: bool = False) -> tuple[Scanner, LinkStats]:
    return scanner(
        checked,
        confirm=lambda frame, due: min(1, n) if due else n,
        distance=lambda before, frame: frame[0] - before[0] & 0xFF,
        chained=strict,
    )


def test_frame_out_of_lock_is_believed_only_with_the_next() -> None:
    framer, _ = scanner()
    assert feed(framer, ONE) == []
    assert feed(framer, ONE) == [Found(ONE), Found(ONE)]
    assert feed(framer, ONE) == [Found(ONE)]


def test_frame_with_the_mere_beginning_of_a_next_is_not_believed() -> None:
    framer, _ = scanner()
    assert feed(framer, ONE + b"\xa5\x02") == []
    assert feed(framer, b"rubbish") == []


def test_frame_inside_a_false_start_is_found() -> None:
    framer, stats = scanner()
    assert feed(framer, b"\xa5\x02" + ONE + ONE) == [Found(ONE), Found(ONE)]
    assert stats.n_resync == 0


def test_bytes_skipped_in_lock_are_counted() -> None:
    framer, stats = scanner()
    found = feed(framer, ONE + ONE + b"\xa5\x02\x01" + ONE + ONE)
    assert found == [Found(ONE), Found(ONE), Found(ONE, 3), Found(ONE)]
    assert stats.n_resync == 1


def test_bytes_before_the_first_frame_of_a_link_are_not_skipped() -> None:
    framer, _ = scanner()
    assert feed(framer, b"boot text\r\n" + ONE + ONE) == [Found(ONE), Found(ONE)]
    framer.reset()
    assert feed(framer, b"rubbish" + ONE + ONE) == [Found(ONE), Found(ONE)]


def test_line_of_text_between_frames_is_told_and_not_counted_as_lost() -> None:
    framer, _ = scanner()
    found = feed(framer, ONE + ONE + b"\xa5\x02" + b"Hello there\r\n" + ONE + ONE)
    assert found[2] == Found(ONE, 2, True)


def test_frames_without_a_sync_word_are_found_by_their_count() -> None:
    framer, stats = chained()
    stream = b"".join(counted(k) for k in range(250, 262))
    assert [item.frame for item in feed(framer, b"\x01\x02" + stream)] == [
        counted(k) for k in range(250, 262)
    ]
    assert stats.n_crc == 0


def test_count_that_jumps_where_a_frame_was_due_needs_one_more() -> None:
    framer, stats = chained()
    feed(framer, b"".join(counted(k) for k in range(6)))
    assert feed(framer, counted(9)) == []
    assert [item.frame[0] for item in feed(framer, counted(10))] == [9, 10]
    assert stats.n_resync == 0


def test_bytes_that_came_later_are_told_with_each_frame() -> None:
    framer, _ = scanner()
    assert [item.n_left for item in feed(framer, ONE * 3 + b"\xa5")] == [9, 5, 1]


def test_frame_may_change_what_follows_is_taken_for() -> None:
    size = [4]

    def measure(buffer: bytes, at: int) -> int:
        return size[0] if len(buffer) - at >= size[0] else MORE

    framer = Scanner(measure, LinkStats(), confirm=lambda frame, due: 0)
    got = []
    for item in framer.feed(b"abcdABCDEFabcdef"):
        got.append(item.frame)
        size[0] = 6
    assert got == [b"abcd", b"ABCDEF", b"abcdef"]


def test_count_that_jumps_and_is_not_taken_up_was_damaged() -> None:
    framer, stats = chained()
    feed(framer, b"".join(counted(k) for k in range(6)))
    got = feed(framer, counted(134) + b"".join(counted(k) for k in (7, 8, 9)))
    assert [item.frame[0] for item in got] == [7, 8, 9]
    assert (got[0].n_skipped, stats.n_crc, stats.n_resync) == (3, 1, 0)


def test_count_that_jumps_twice_is_two_losses() -> None:
    framer, stats = chained()
    feed(framer, b"".join(counted(k) for k in range(6)))
    got = feed(framer, b"".join(counted(k) for k in (9, 12, 13)))
    assert [item.frame[0] for item in got] == [9, 12, 13]
    assert stats.n_resync == 0


def test_weakly_marked_frames_in_step_are_believed_though_none_follows_at_once() -> None:
    strict, stats = chained(strict=True)
    feed(strict, b"".join(counted(k) for k in range(6)))
    got = feed(strict, b"".join(counted(k) for k in (9, 12, 14, 17, 19, 21)))
    assert [item.frame[0] for item in got] == [9, 12, 14]
    assert stats.n_resync == 0
    got = feed(strict, b"".join(counted(k) for k in (23, 25, 27)) + b"\x55\x55\x55")
    assert [item.frame[0] for item in got] == [17, 19, 21]
    got = feed(strict, b"".join(counted(k) for k in (32, 34, 36, 38, 40)))
    assert [(item.frame[0], item.n_skipped) for item in got] == [(32, 12), (34, 0)]


def test_weakly_marked_frames_out_of_step_are_not() -> None:
    strict, _ = chained(strict=True)
    feed(strict, b"".join(counted(k) for k in range(6)))
    assert feed(strict, b"\x55" + b"".join(counted(k) for k in (9, 12, 14, 17, 19, 21))) == []
    far, _ = chained(strict=True)
    feed(far, b"".join(counted(k) for k in range(6)))
    assert feed(far, b"".join(counted(k) for k in (9, 30, 60, 90, 120))) == []


@pytest.mark.parametrize("bad", [70, 134, 250])
def test_count_that_is_damaged_where_frames_are_lost_as_well_costs_that_frame_alone(bad: int) -> None:
    framer, stats = chained()
    feed(framer, b"".join(counted(k) for k in range(10)))
    got = feed(framer, counted(bad) + b"".join(counted(k) for k in (12, 13, 15, 16, 17)))
    assert [item.frame[0] for item in got] == [12, 13, 15, 16, 17]
    assert stats.n_resync == 0


def test_counts_that_are_damaged_one_after_the_other_are_not_taken_for_a_loss() -> None:
    framer, _ = chained()
    feed(framer, b"".join(counted(k) for k in range(218)))
    got = feed(framer, b"".join(counted(k) for k in (250, 203, 220, 221, 222, 223)))
    assert [item.frame[0] for item in got] == [220, 221, 222, 223]


def test_loss_of_many_frames_is_believed_when_two_go_on_from_there() -> None:
    framer, stats = chained()
    feed(framer, b"".join(counted(k) for k in range(6)))
    assert feed(framer, counted(150) + counted(152)) == []
    assert [item.frame[0] for item in feed(framer, counted(153))] == [150, 152, 153]
    assert (stats.n_crc, stats.n_resync) == (0, 0)


def test_frame_that_comes_late_is_given_and_the_next_one_goes_on_from_before_it() -> None:
    framer, stats = scanner(
        checked,
        confirm=lambda frame, due: 1,
        distance=lambda before, frame: distance(before[0], frame[0], 8),
    )
    feed(framer, b"".join(counted(k) for k in range(11)))
    got = feed(framer, b"".join(counted(k) for k in (12, 11, 13, 14, 15)))
    assert [item.frame[0] for item in got] == [12, 11, 13, 14, 15]
    assert (stats.n_crc, stats.n_resync) == (0, 0)


def test_frames_out_of_lock_that_do_not_go_on_from_the_last_need_more_that_follow() -> None:
    framer, _ = chained(n=1)
    feed(framer, b"".join(counted(k) for k in range(6)))
    rubbish = b"\x55\x55\x55"
    assert feed(framer, rubbish + b"".join(counted(k) for k in range(90, 95))) == []
    assert [item.frame[0] for item in feed(framer, counted(95))] == list(range(90, 96))
    feed(framer, rubbish)
    assert [item.frame[0] for item in feed(framer, counted(98) + counted(99))] == [98, 99]


def test_damage_in_lock_is_counted_once() -> None:
    framer, stats = chained()
    feed(framer, b"".join(counted(k) for k in range(6)))
    got = feed(framer, b"\x06\x4d\x00" + b"".join(counted(k) for k in range(7, 14)))
    assert [item.frame[0] for item in got] == list(range(7, 14))
    assert (got[0].n_skipped, stats.n_crc, stats.n_resync) == (3, 1, 1)


@pytest.mark.parametrize("make", [scanner, chained])
def test_rubbish_of_100_kb_stays_small(make: Any) -> None:
    framer, _ = make()
    rubbish = random.Random(3).randbytes(100_000)
    for at in range(0, len(rubbish), 97):
        feed(framer, rubbish[at : at + 97])
        assert framer.n_buffered <= 128


@given(st.binary(max_size=60), st.integers(1, 7))
def test_cut_anywhere_gives_the_same(noise: bytes, step: int) -> None:
    for make, good in ((scanner, ONE * 3), (chained, b"".join(counted(k) for k in range(5)))):
        stream = good + noise + good
        whole, whole_stats = make()
        cut, cut_stats = make()
        expected = feed(whole, stream)
        got = [item for at in range(0, len(stream), step) for item in feed(cut, stream[at : at + step])]
        assert got == expected
        assert cut_stats == whole_stats


def test_runs_when_one_is_found_then_it_is_given_whole_and_feed_gives_the_same_one_by_one() -> None:
    def run(buffer: bytes, at: int, before: bytes) -> tuple[int, int]:
        assert (before, buffer[at - 4 : at]) == (ONE, ONE)
        return (len(buffer) - at) // 4, 4

    stream = ONE * 9 + b"\xa5"
    framer, _ = scanner(run=run, least=12)
    assert list(framer.runs(stream)) == [Found(ONE), Run(ONE * 8, 8, 1)]
    plain, _ = scanner()
    again, _ = scanner(run=run, least=12)
    found = feed(again, stream)
    assert found == feed(plain, stream)
    assert [item.n_left for item in found] == list(range(33, 0, -4))
    assert again.n_buffered == plain.n_buffered == 1


def test_runs_when_too_few_bytes_wait_then_none_is_asked_for() -> None:
    def run(buffer: bytes, at: int, before: bytes) -> tuple[int, int]:
        raise AssertionError

    framer, _ = scanner(run=run, least=12)
    assert len(feed(framer, ONE * 3)) == 3


def test_starts_when_they_are_known_then_what_is_before_them_is_skipped_and_counted() -> None:
    class Known:
        n_forgotten = 0

        def after(self, buffer: bytes, at: int) -> int:
            return max(at, buffer.find(counted(0)))

        def forget(self) -> None:
            self.n_forgotten += 1

    known = Known()
    stats = LinkStats()
    measured: list[int] = []

    def measure(buffer: bytes, at: int) -> int:
        measured.append(at)
        return checked(buffer, at)

    framer = Scanner(measure, stats, distance=lambda before, frame: frame[0] - before[0] & 0xFF, starts=known)
    stream = b"\x01" * 90 + b"".join(counted(k) for k in range(3))
    assert [item.frame for item in framer.feed(stream)] == [counted(k) for k in range(3)]
    assert set(measured) & set(range(1, 90)) == set()
    assert known.n_forgotten == 1


@pytest.mark.parametrize("cut", range(1, 12))
def test_sync_word_when_it_is_cut_or_repeats_itself_then_it_is_found(cut: int) -> None:
    def measure(buffer: bytes, at: int) -> int:
        return 4 if len(buffer) - at >= 4 else MORE

    framer = Scanner(measure, LinkStats(), b"\xaa\xaa\x01", confirm=lambda frame, due: 0)
    stream = bytes.fromhex("aa 00 aa aa aa aa 01 77 aa aa 01 78")
    found = [item.frame for part in (stream[:cut], stream[cut:]) for item in framer.feed(part)]
    assert found == [bytes.fromhex("aa aa 01 77"), bytes.fromhex("aa aa 01 78")]
