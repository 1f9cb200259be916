"""MQTT payloads: the same values in every format, losses counted to the sample, nothing ever raised."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.mqtt_payload import (
    ENCODERS,
    HEADER,
    MAX_BYTES,
    Message,
    PayloadDecoder,
    PayloadEncoder,
    quantise,
)
from firmware_bridge.types import BadInput, Gap, SampleBlock

FORMATS = sorted(ENCODERS)
META = Message("meta", b'{"fs": 250, "scale_nv": 1000, "leads": ["II"]}')


def chunk(**keys: object) -> bytes:
    return json.dumps({"fs": 250, "x": [1, 2, 3, 4], **keys}).encode()


def int16(seq: int, t_us: int, values: list[int], lead_off: int = 0) -> bytes:
    return HEADER.pack(b"HI", 1, lead_off, seq, t_us) + np.array(values, "<i2").tobytes()


def encoder(name: str, fs: float = 250.0, leads: tuple[str, ...] = ("MLII",)) -> PayloadEncoder:
    return ENCODERS[name](EncoderOptions(fs=fs, leads=leads))


def messages(name: str, mv: np.ndarray, size: int = 25, **keys: object) -> list[Message]:
    sender = encoder(name, **keys)  # type: ignore[arg-type]
    out = sender.hello()
    for k in range(0, mv.shape[0], size):
        out += sender.encode(mv[k : k + size])
    return out


def play(sent: list[Message], decoder: PayloadDecoder | None = None) -> list[SampleBlock | Gap]:
    decoder = decoder or PayloadDecoder(DecoderOptions())
    return [item for message in sent for item in decoder.feed(message.suffix, message.payload)]


def joined(items: list[SampleBlock | Gap]) -> np.ndarray:
    return np.concatenate([item.mv for item in items if isinstance(item, SampleBlock)])


def ecg(n: int, n_leads: int = 1) -> np.ndarray:
    mv = np.random.default_rng(1).normal(0, 1, (n, n_leads)).astype(np.float32)
    mv[5, 0], mv[6, 0], mv[7, 0] = np.nan, 40.0, -40.0
    return mv


@pytest.mark.parametrize("name", FORMATS)
def test_round_trip_when_nothing_is_lost_then_every_format_gives_the_same_bits(name: str) -> None:
    mv = ecg(1000)
    items = play(messages(name, mv))
    got = joined(items)
    expected = np.clip(np.rint(mv * np.float32(1000)), -32767, 32767) * np.float32(0.001)
    assert got.dtype == np.float32
    assert got.tobytes() == expected.astype(np.float32).tobytes()
    assert all(isinstance(item, SampleBlock) and item.leads == ("MLII",) and item.fs == 250 for item in items)
    assert [item.start for item in items] == list(range(0, 1000, 25))


@pytest.mark.parametrize("name", FORMATS)
def test_round_trip_when_there_are_two_leads_then_columns_and_lead_off_are_kept(name: str) -> None:
    sender = encoder(name, leads=("I", "V5"))
    mv = ecg(50, 2)
    decoder = PayloadDecoder(DecoderOptions(device_id="bed4"))
    items = play(sender.hello() + sender.encode(mv[:25]) + sender.encode(mv[25:], lead_off=2), decoder)
    assert [(item.lead_off, item.leads, item.device_id) for item in items] == [
        (0, ("I", "V5"), "bed4"),
        (2, ("I", "V5"), "bed4"),
    ]
    assert joined(items).shape == (50, 2)


@pytest.mark.parametrize("name", FORMATS)
def test_feed_when_messages_are_lost_then_the_gap_is_counted_to_the_sample(name: str) -> None:
    mv = ecg(500)
    sent = messages(name, mv)
    head = len(encoder(name).hello())
    del sent[head + 4 : head + 7]
    decoder = PayloadDecoder(DecoderOptions())
    items = play(sent, decoder)
    assert [item for item in items if isinstance(item, Gap)] == [Gap(100, 75, "lost")]
    assert decoder.stats.n_lost == 75
    assert items[-1].start == 475


@pytest.mark.parametrize("name", FORMATS)
def test_feed_when_a_message_comes_twice_or_late_then_it_is_dropped_and_counted(name: str) -> None:
    sent = messages(name, ecg(500))
    head = len(encoder(name).hello())
    again = [*sent[: head + 8], sent[head + 7], sent[head + 5], *sent[head + 8 :]]
    decoder = PayloadDecoder(DecoderOptions())
    assert joined(play(again, decoder)).tobytes() == joined(play(sent)).tobytes()
    assert decoder.stats.n_duplicate == 2
    assert decoder.stats.n_lost == 0


@pytest.mark.parametrize("name", FORMATS)
def test_feed_when_the_device_starts_again_then_it_is_a_reboot(name: str) -> None:
    mv = ecg(2000)
    decoder = PayloadDecoder(DecoderOptions())
    items = play(messages(name, mv) + messages(name, mv[:100]), decoder)
    assert [item for item in items if isinstance(item, Gap)] == [Gap(2000, 0, "reboot")]
    assert decoder.stats.n_reboot == 1
    assert items[-1].start == 2075


@pytest.mark.parametrize("name", FORMATS)
def test_reset_when_the_link_was_away_then_the_gap_is_for_want_of_signal(name: str) -> None:
    sent = messages(name, ecg(500))
    head = len(encoder(name).hello())
    decoder = PayloadDecoder(DecoderOptions())
    play(sent[: head + 4], decoder)
    decoder.reset()
    assert play(sent[head + 10 :], decoder)[0] == Gap(100, 150, "no_signal")


def test_decoder_when_options_correct_the_device_then_blocks_are_corrected() -> None:
    options = DecoderOptions(fs=500, scale=2.0, invert=True, leads=("V1",))
    block = PayloadDecoder(options).feed("json", chunk())[0]
    assert isinstance(block, SampleBlock)
    assert (block.fs, block.leads) == (500, ("V1",))
    assert block.mv[:, 0].tolist() == [-2, -4, -6, -8]


@pytest.mark.parametrize(("unit", "factor"), [("V", 1000), ("mV", 1), ("uV", 0.001), ("nV", 1e-6)])
def test_json_when_unit_is_given_then_values_are_millivolts(unit: str, factor: float) -> None:
    block = PayloadDecoder(DecoderOptions()).feed("json", chunk(unit=unit))[0]
    assert isinstance(block, SampleBlock)
    assert np.allclose(block.mv[:, 0], np.array([1, 2, 3, 4]) * factor)
    assert block.leads == ("ECG",)


def test_json_when_there_is_no_count_then_a_jump_of_time_is_a_gap() -> None:
    decoder = PayloadDecoder(DecoderOptions())
    x = [0.0] * 50
    times = [10.0, 10.2, 10.21, 10.4, 11.4, 11.6, 11.6, 3.0]
    items = play([Message("json", chunk(t=t, x=x)) for t in times], decoder)
    gaps = [item for item in items if isinstance(item, Gap)]
    assert gaps == [Gap(200, 200, "lost"), Gap(500, 0, "reboot")]
    assert decoder.stats.n_duplicate == 1


def test_json_when_there_is_neither_count_nor_time_then_chunks_follow_each_other() -> None:
    items = play([Message("json", chunk())] * 3)
    assert [item.start for item in items] == [0, 4, 8]


def test_json_when_boot_id_changes_then_it_is_a_reboot() -> None:
    decoder = PayloadDecoder(DecoderOptions())
    items = play([Message("json", chunk(n=n, boot_id=b)) for n, b in ((0, "a"), (4, "a"), (8, "b"))], decoder)
    assert [item for item in items if isinstance(item, Gap)] == [Gap(8, 0, "reboot")]


def test_json_when_count_wraps_at_32_bits_then_nothing_is_lost() -> None:
    items = play([Message("json", chunk(n=n)) for n in (2**32 - 4, 2**32, 2**32 + 4)])
    assert [item.start for item in items] == [0, 4, 8]


def test_json_when_value_is_null_then_it_is_nan_and_absurd_values_pass_unharmed() -> None:
    block = PayloadDecoder(DecoderOptions()).feed("json", chunk(x=[None, 1e300, 1.0], unit="V"))[0]
    assert isinstance(block, SampleBlock)
    assert np.isnan(block.mv[0, 0])
    assert np.isinf(block.mv[1, 0])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[1, 2]",
        b"null",
        b'{"fs": 250, "x": [1]',
        b'{"fs": 250, "x": [1]} {}',
        b'{"fs": 250, "x": [NaN]}',
        b'{"fs": 250, "x": [Infinity]}',
        b'{"fs": 250, "x": [1e999]}',
        b'{"fs": 250, "x": [' + b"9" * 5000 + b"]}",
        b'{"fs": 250, "x": ' + b"[" * 30000 + b"]" * 30000 + b"}",
        b'{"fs": 250, "fs": 500, "x": [1]}',
        b'{"fs": 250, "\\u0066s": 500, "x": [1]}',
        b'{"fs": 250, "x": [1], "surprise": {"x": 1}}',
        b'{"fs": 250, "x": []}',
        b'{"fs": 250, "x": [[]]}',
        b'{"fs": 250, "x": [[1, 2], [3]]}',
        b'{"fs": 250, "x": [1, [2]]}',
        b'{"fs": 250, "x": [true]}',
        b'{"fs": 250, "x": ["1"]}',
        b'{"fs": 0, "x": [1]}',
        b'{"fs": -250, "x": [1]}',
        b'{"fs": 1e9, "x": [1]}',
        b'{"fs": 250, "x": [1], "n": -1}',
        b'{"fs": 250, "x": [1], "n": 1.5}',
        b'{"fs": 250, "x": [1], "n": 99999999999999999999999}',
        b'{"fs": 250, "x": [1], "unit": "mmHg"}',
        b'{"fs": 250, "x": [1], "lead_off": 2}',
        b'{"fs": 250, "x": [1], "leads": ["I", "II"]}',
        b'{"fs": 250, "x": [1], "leads": [""]}',
        b'{"fs": 250, "x": [1], "leads": ["\\u001b]0;x"]}',
        b'{"fs": 250, "x": [[1,2,3,4,5,6,7,8,9]]}',
        b'{"fs": 250, "t": "\xff", "x": [1]}',
        b'{"fs": 250, "x": [' + b"1," * (MAX_BYTES // 2) + b"1]}",
    ],
)
def test_json_when_it_is_not_strictly_right_then_it_is_refused_and_counted(payload: bytes) -> None:
    decoder = PayloadDecoder(DecoderOptions())
    assert decoder.feed("json", payload) == []
    assert decoder.stats.n_rejected == 1
    assert decoder.stats.n_samples == 0
    assert len(decoder.feed("json", chunk())) == 1


def test_json_when_a_text_looks_like_a_key_then_it_is_not_taken_for_one() -> None:
    assert len(PayloadDecoder(DecoderOptions()).feed("json", chunk(t='"fs":1,"fs":', leads=["x"]))) == 1


def test_int16_when_no_meta_has_come_then_it_is_counted_as_unknown() -> None:
    decoder = PayloadDecoder(DecoderOptions())
    assert decoder.feed("int16", int16(0, 0, [1])) == []
    assert decoder.stats.n_unknown == 1
    assert decoder.feed(META.suffix, META.payload) == []
    assert len(decoder.feed("int16", int16(0, 0, [1]))) == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"HI",
        int16(0, 0, []),
        int16(0, 0, [1]) + b"\0",
        int16(0, 0, [1], lead_off=2),
        b"XX" + int16(0, 0, [1])[2:],
        b"HI\x02" + int16(0, 0, [1])[3:],
        bytes(MAX_BYTES + 2),
    ],
)
def test_int16_when_it_is_broken_then_it_is_refused_and_counted(payload: bytes) -> None:
    decoder = PayloadDecoder(DecoderOptions())
    play([META], decoder)
    assert decoder.feed("int16", payload) == []
    assert decoder.stats.n_rejected == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b'{"fs": 0, "leads": ["I"]}',
        b'{"fs": 250, "leads": []}',
        b'{"fs":250,"leads":["I"],"scale_nv":0}',
    ],
)
def test_meta_when_it_is_broken_then_the_one_before_it_stays(payload: bytes) -> None:
    decoder = PayloadDecoder(DecoderOptions())
    play([META, Message("meta", payload)], decoder)
    assert decoder.stats.n_rejected == 1
    assert len(decoder.feed("int16", int16(0, 0, [1]))) == 1


def test_int16_when_the_clock_is_not_used_then_the_count_alone_decides() -> None:
    items = play([META, *(Message("int16", int16(n, 0, [1, 2])) for n in (0, 2, 4, 10, 12))])
    assert [item for item in items if isinstance(item, Gap)] == [Gap(6, 4, "lost")]


def test_int16_when_count_wraps_then_nothing_is_lost() -> None:
    sent = [
        Message("int16", int16(n % 2**32, 4000 * k, [1]))
        for k, n in enumerate(range(2**32 - 2, 2**32 + 2), 1)
    ]
    items = play([META, *sent])
    assert [item.start for item in items] == [0, 1, 2, 3]


def test_feed_when_two_formats_come_at_once_then_only_the_first_is_taken() -> None:
    decoder = PayloadDecoder(DecoderOptions())
    assert len(decoder.feed("json", chunk(n=0))) == 1
    play([META, Message("int16", int16(0, 0, [1, 2, 3, 4]))], decoder)
    assert decoder.stats.n_rejected == 1
    assert decoder.stats.n_samples == 4


def test_feed_when_the_topic_is_another_then_it_is_counted() -> None:
    decoder = PayloadDecoder(DecoderOptions())
    assert decoder.feed("cbor", b"\xa0") == []
    assert decoder.stats.n_unknown == 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from(["json", "int16", "native", "meta", "x"]), st.binary(max_size=200)))
)
def test_feed_when_given_rubbish_then_it_is_survived(rubbish: list[tuple[str, bytes]]) -> None:
    decoder = PayloadDecoder(DecoderOptions())
    for suffix, payload in rubbish:
        for item in decoder.feed(suffix, payload):
            assert isinstance(item, SampleBlock | Gap)
    assert decoder.stats.n_bytes == sum(len(payload) for suffix, payload in rubbish)


def test_quantise_when_given_any_float_then_it_rounds_clips_and_marks() -> None:
    values = np.array([0.0, 0.0004, 0.0006, -0.0006, 32.767, 33, -33, np.nan, np.inf, -np.inf], np.float32)
    assert quantise(values).tolist() == [0, 0, 1, -1, 32767, 32767, -32767, -32768, 32767, -32767]


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_when_rate_is_missing_then_it_says_so(name: str) -> None:
    with pytest.raises(BadInput, match="got no fs"):
        ENCODERS[name](EncoderOptions())
