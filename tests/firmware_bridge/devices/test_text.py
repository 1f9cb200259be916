from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.device import DecoderOptions, Device, EncoderOptions
from firmware_bridge.devices import text
from firmware_bridge.devices.text import TextDecoder
from firmware_bridge.types import BadInput, Gap, SampleBlock


def decoder(
    numbers: text.Numbers = text.MILLIVOLTS, fs: float | None = 250.0, **options: object
) -> TextDecoder:
    return TextDecoder(numbers, DecoderOptions(fs=fs, **options))  # type: ignore[arg-type]


def values(items: list[SampleBlock | Gap]) -> list[list[float]]:
    return [row for item in items if isinstance(item, SampleBlock) for row in item.mv.tolist()]


@pytest.mark.parametrize(
    ("device", "step_mv"), [(text.DEVICE, 0.00294), (text.ESP32, 0.00074), (text.MV, 0.0001)]
)
@pytest.mark.parametrize("leads", [("ECG",), ("I", "II")])
def test_round_trip_is_within_half_a_step(device: Device, step_mv: float, leads: tuple[str, ...]) -> None:
    mv = np.random.default_rng(0).uniform(-1.4, 1.4, (300, len(leads))).astype(np.float32)
    sender = device.encoder(EncoderOptions(250.0, leads))
    receiver = device.decoder(DecoderOptions("bed1", fs=250.0, leads=leads))
    (block,) = receiver.feed(sender.preamble() + sender.encode(mv))
    assert isinstance(block, SampleBlock)
    assert (block.device_id, block.start, block.fs, block.leads) == ("bed1", 0, 250.0, leads)
    assert np.abs(block.mv - mv).max() <= step_mv / 2 + 1e-6
    assert receiver.stats.n_resync == 0


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"1.5", [1.5]),
        (b"-2", [-2.0]),
        (b"+.25", [0.25]),
        (b"1e-1", [0.1]),
        (b"  3 ", [3.0]),
        (b"4,5,6", [4.0]),
        (b"4\t5", [4.0]),
        (b"4 ; 5", [4.0]),
        (b"ECG:7", [7.0]),
        (b"ECG: 7, RESP: 8", [7.0]),
        (b"ecg:7 resp:8", [7.0]),
    ],
)
def test_line_is_read(line: bytes, row: list[float]) -> None:
    assert values(decoder().feed(b"\n" + line + b"\r\n")) == [pytest.approx(row)]


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"1.2.3",
        b"0x10",
        b"1_000",
        b"--1",
        b"4,,5",
        b"inf",
        b"{}",
        b"\xff\xfe",
        b"1,two",
        b"!!",
        b"ECG:",
    ],
)
def test_line_that_is_no_sample_is_counted_and_passed_over(line: bytes) -> None:
    receiver = decoder()
    assert values(receiver.feed(b"\n" + line + b"\n5\n")) == [[5.0]]
    assert receiver.stats.n_unknown == 1


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b'{"x": 1.5}', [1.5]),
        (b'{"x": [1.5, 2.5]}', [1.5]),
        (b'{"n": 7, "t": 9, "ecg": 1.5, "resp": 3}', [1.5]),
        (b'{"resp": 3, "ECG": 1.5, "bpm": 70}', [1.5]),
        (b'{"lead_off": false, "mv": 1.5, "ok": true, "name": "a"}', [1.5]),
    ],
)
def test_line_of_json_is_read(line: bytes, row: list[float]) -> None:
    assert values(decoder().feed(b"\n" + line + b"\r\n")) == [pytest.approx(row)]


def test_line_of_json_with_null_and_lead_off_has_no_values() -> None:
    got = decoder(leads=("I", "II")).feed(b'\n{"x": [null, 2]}\n{"lead_off": true}\n{"II": 4, "I": 3}\n')
    blocks = [item for item in got if isinstance(item, SampleBlock)]
    assert [b.lead_off for b in blocks] == [0, 3, 0]
    assert math.isnan(blocks[0].mv[0, 0])
    assert blocks[0].mv[0, 1] == 2
    assert blocks[2].mv.tolist() == [[3, 4]]


@pytest.mark.parametrize("line", [b'{"x": 1', b'{"x": "1"}', b'{"x": []}', b'{"t": 1}', b"{[", b"{" * 190])
def test_line_of_json_without_a_sample_is_counted(line: bytes) -> None:
    receiver = decoder()
    assert values(receiver.feed(b"\n" + line + b"\n5\n")) == [[5.0]]
    assert receiver.stats.n_unknown == 1


def test_lines_of_json_are_sent_with_a_count() -> None:
    sender = text.NDJSON.encoder(EncoderOptions(100.0, first_seq=7))
    mv = np.array([[0.5], [np.nan]], np.float32)
    assert sender.encode(mv) == b'{"n":7,"x":[0.5000]}\r\n{"n":8,"x":[null]}\r\n'
    assert sender.encode(mv[:1], 1) == b'{"n":9,"lead_off":true}\r\n'


def test_lines_with_fewer_numbers_than_leads_are_counted() -> None:
    receiver = decoder(leads=("I", "II"))
    assert values(receiver.feed(b"\n1\n1,2\n1,2,3\n")) == [[1.0, 2.0], [1.0, 2.0]]
    assert receiver.stats.n_unknown == 1


@pytest.mark.parametrize("line", [b"5000", b"-1", b"1e99", b"9" * 150])
def test_number_out_of_range_is_a_sample_without_a_value(line: bytes) -> None:
    receiver = decoder(text.adc_numbers(10))
    got = values(receiver.feed(b"\n" + line + b"\n512\n"))
    assert math.isnan(got[0][0])
    assert got[1] == [0.0]
    assert receiver.stats.n_rejected == 1


def test_exclamation_mark_is_an_electrode_off_and_cuts_blocks() -> None:
    got = decoder().feed(b"\n1\n2\n!\n!\n3\n")
    blocks = [item for item in got if isinstance(item, SampleBlock)]
    assert [(b.start, len(b.mv), b.lead_off) for b in blocks] == [(0, 2, 0), (2, 2, 1), (4, 1, 0)]
    assert np.isnan(blocks[1].mv).all()


def test_lead_off_is_sent_as_exclamation_marks() -> None:
    sender = text.DEVICE.encoder(EncoderOptions(100.0))
    assert sender.encode(np.zeros((2, 1), np.float32), lead_off=1) == b"!\r\n!\r\n"


def test_first_line_cut_by_opening_the_port_is_dropped_and_counted() -> None:
    receiver = decoder()
    assert values(receiver.feed(b"12\n512\n")) == [[512.0]]
    assert receiver.stats.n_resync == 1


def test_line_without_end_keeps_the_buffer_small_and_is_counted_once() -> None:
    receiver = decoder()
    for _ in range(100):
        receiver.feed(b"7" * 1000)
        assert receiver._framer.n_buffered <= text.MAX_LINE
    assert values(receiver.feed(b"7\n1\n2\n")) == [[2.0]]
    assert receiver.stats.n_resync == 2


def test_rubbish_of_100_kb_is_survived() -> None:
    rubbish = random.Random(2).randbytes(100_000)
    receiver = decoder()
    for at in range(0, len(rubbish), 512):
        receiver.feed(rubbish[at : at + 512])
        assert receiver._framer.n_buffered <= text.MAX_LINE
    assert values(receiver.feed(b"\n1.25\n"))[-1] == [1.25]
    assert receiver.stats.n_unknown > 100


def test_boot_text_before_the_samples_is_passed_over() -> None:
    receiver = decoder()
    assert values(receiver.feed(b"ets Jun  8 2016\r\nrst:0x1 (POWERON)\r\n1\r\n2\r\n")) == [[1.0], [2.0]]


@pytest.mark.parametrize(("true_fs", "fs"), [(250.0, 250.0), (248.9, 250.0), (171.0, 171.0), (99.4, 100.0)])
def test_unknown_rate_is_measured_and_samples_wait_for_it(true_fs: float, fs: float) -> None:
    rng = random.Random(8)
    receiver = decoder(fs=None)
    receiver.feed(b"\n", 99.9)
    sent = 0
    got: list[SampleBlock | Gap] = []
    released_s = None
    for tick in range(300):
        t_s = tick * 0.02
        due = int(t_s * true_fs)
        got += receiver.feed(b"".join(b"%d\n" % k for k in range(sent, due)), 100 + t_s + rng.random() * 0.01)
        sent = due
        if got and released_s is None:
            released_s = t_s
    assert released_s == pytest.approx(4.0, abs=0.1)
    blocks = [item for item in got if isinstance(item, SampleBlock)]
    assert {block.fs for block in blocks} == {blocks[0].fs}
    assert blocks[0].fs == pytest.approx(fs, rel=0.005 if fs == true_fs else 1e-9)
    assert [block.start for block in blocks] == [0, *np.cumsum([len(b.mv) for b in blocks])[:-1].tolist()]
    assert sum(len(block.mv) for block in blocks) == sent


def test_unknown_rate_without_receive_times_says_what_to_do() -> None:
    with pytest.raises(BadInput, match="got no fs and no receive times"):
        decoder(fs=None).feed(b"1\n")


def test_rate_that_cannot_be_is_measured_again() -> None:
    receiver = decoder(fs=None)
    for k in range(5):
        assert receiver.feed(b"\n1\n", float(10 * k)) == []
    assert receiver.stats.n_rejected >= 2


@pytest.mark.parametrize("late_s", [0.0, 0.15, 0.3])
def test_rate_when_a_reader_that_has_just_started_is_late_then_true_all_the_same(late_s: float) -> None:
    receiver, n_read, got = decoder(fs=None), 0, []
    for turn in range(1, 600):  # every 10 ms, less and less late in the first second
        t_s = turn * 0.01
        n_sent = int(250 * max(0.0, t_s - late_s * max(0.0, 1.0 - t_s)))
        got += receiver.feed(b"\n" * (n_read == 0) + b"500\n" * (n_sent - n_read), 100.0 + t_s)
        n_read = max(n_read, n_sent)
    assert got
    assert {block.fs for block in got} == {250.0}


def test_samples_held_for_a_rate_are_bounded() -> None:
    receiver = decoder(fs=None)
    for _ in range(30):
        receiver.feed(b"\n" + b"1\n" * 5000, 1.0)
        assert receiver._blocks.total <= text.MAX_HELD
    assert receiver.stats.n_rejected > 0


def test_after_reset_the_time_without_signal_is_a_gap() -> None:
    receiver = decoder(fs=100.0)
    receiver.feed(b"\n1\n2\n3\n4", 10.0)
    receiver.reset()
    got = receiver.feed(b"5\n6\n", 12.5)
    assert got[0] == Gap(3, 250, "no_signal")
    assert isinstance(got[1], SampleBlock)
    assert (got[1].start, values(got)) == (253, [[6.0]])


def test_after_reset_without_times_the_gap_is_of_unknown_length() -> None:
    receiver = decoder()
    receiver.feed(b"\n1\n")
    receiver.reset()
    assert receiver.feed(b"\n2\n")[0] == Gap(1, 0, "no_signal")


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from([b"1.5\r\n", b"!\r\n", b"-2\n", b"x\n", b"4,5\n", b"9" * 300, b"\n"]), max_size=40
    ),
    st.integers(1, 40),
)
def test_any_split_gives_the_same_samples_and_counts(lines: list[bytes], step: int) -> None:
    stream = b"".join(lines)
    whole, cut = decoder(), decoder()

    def flat(items: list[SampleBlock | Gap]) -> list[object]:
        return [
            (item.start + k, item.lead_off, repr(row))
            for item in items
            if isinstance(item, SampleBlock)
            for k, row in enumerate(item.mv.tolist())
        ]

    expected = flat(whole.feed(stream))
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert flat([item for piece in pieces for item in cut.feed(piece)]) == expected
    assert cut.stats == whole.stats


def test_encoder_without_a_rate_says_what_to_do() -> None:
    with pytest.raises(BadInput, match="got no fs"):
        text.DEVICE.encoder(EncoderOptions(None))
