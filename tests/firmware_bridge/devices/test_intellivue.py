"""Results with sample arrays, made by hand from their layout: scale, marks, leads, places in time."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from firmware_bridge.device import Asker, DecoderOptions, EncoderOptions, Leaver
from firmware_bridge.devices import intellivue
from firmware_bridge.devices import intellivue_messages as m
from firmware_bridge.types import BadInput, Gap, SampleBlock

II, V5 = 0x0102, 0x0107


def result(
    ticks: int, *waves: tuple[int, list[int]], state: int = 0, about: list[tuple[int, bytes]] | None = None
) -> bytes:
    """A framed result with a wave for each (source, samples); `about` describes each of them."""
    objects = [
        [*(about or []), (m.OBSERVED, m.Wave(source, state, struct.pack(f">{len(x)}H", *x)).to_bytes())]
        for source, x in waves
    ]
    return m.framed(m.polled(1, ticks, objects))


def described(
    period: int = 16, bits: int = 14, scale: tuple[bytes, bytes, int, int] | None = None, **masks: int
) -> list[tuple[int, bytes]]:
    low, high, a, b = scale or (m.write_float(-40.96, -3), m.write_float(40.955, -3), 0, 16383)
    fixed = [struct.pack(">HH", getattr(m, name), mask) for name, mask in masks.items()]
    return [
        (m.PERIOD, struct.pack(">I", period)), (m.SPEC, struct.pack(">HBBH", 4, 16, bits, 0x3000)),
        (m.SCALE, low + high + struct.pack(">HH", a, b)), (m.FIXED, m.listed(fixed)),
    ]  # fmt: skip


def blocks(items: list[SampleBlock | Gap]) -> list[SampleBlock]:
    return [item for item in items if isinstance(item, SampleBlock)]


def mv(items: list[SampleBlock | Gap]) -> list[float]:
    return [round(float(v), 4) for block in blocks(items) for v in block.mv[:, 0]]


def receiver(leads: tuple[str, ...] | None = None) -> Any:
    return intellivue.DEVICE.decoder(DecoderOptions(leads=leads))


def test_wave_when_nothing_describes_it_then_5_uv_from_the_middle_at_500_hz() -> None:
    got = receiver().feed(result(8000, (II, [8192, 8193, 8191, 8392] * 32)))
    assert mv(got)[:4] == [0.0, 0.005, -0.005, 1.0]
    assert (blocks(got)[0].fs, blocks(got)[0].leads) == (500.0, ("ECG",))
    got = receiver().feed(result(8000, (II, [8192] * 64)))
    assert blocks(got)[0].fs == 250.0


def test_wave_when_described_then_by_its_own_period_scale_and_bits() -> None:
    about = described(32, 12, (m.write_float(-2, -1), m.write_float(2, -1), 0, 4000))
    got = receiver().feed(result(0, (II, [0x1000 | 2000, 3000, 1000, 4000]), about=about))
    assert mv(got) == [0.0, 1.0, -1.0, 2.0]
    assert blocks(got)[0].fs == 250.0
    assert [block.clipped for block in blocks(got) for _ in block.mv] == [0, 0, 0, 1]


def test_wave_when_its_samples_are_marked_then_pulses_rails_and_no_values() -> None:
    about = described(INVALID_MASK=0x8000, PACER_MASK=0x4000)
    got = receiver().feed(result(0, (II, [8192, 0xC000 | 8192, 0x4000 | 8392, 8192]), about=about))
    values = mv(got)
    assert np.isnan(values[1])
    assert values[2] == 1.0
    assert [at for block in blocks(got) for at in block.pace] == [1, 2]
    railed = result(0, (II, [8192, 0x4000 | 9000, 16383, 0]), about=described(SATURATION=0x4000))
    got = receiver().feed(railed)
    assert [block.clipped for block in blocks(got) for _ in block.mv] == [0, 1, 1, 1]


def test_mark_when_it_is_within_the_samples_own_bits_then_not_believed() -> None:
    got = receiver().feed(result(0, (II, [8192, 8193]), about=described(INVALID_MASK=0x2000)))
    assert mv(got) == [0.0, 0.005]


@pytest.mark.parametrize(
    ("state", "off", "known"),
    [(0, 0, True), (0x8000, 1, True), (0x2000, 1, True), (0x1000, 0, False), (0x4400, 0, True)],
)
def test_state_when_invalid_or_unavailable_then_off_and_when_calibrating_no_value(
    state: int, off: int, known: bool
) -> None:
    got = receiver().feed(result(0, (II, [8200] * 4), state=state))
    assert [block.lead_off for block in blocks(got)] == [off]
    assert np.isfinite(mv(got)).all() == known


def test_leads_when_named_then_those_and_no_others() -> None:
    made = receiver(leads=("V5", "II"))
    got = made.feed(result(0, (II, [8192] * 4), (V5, [8392] * 4), (0x4BB4, [1] * 4)))
    (block,) = blocks(got)
    assert block.leads == ("V5", "II")
    assert block.mv[0] == pytest.approx([1.0, 0.0])
    (alone,) = blocks(made.feed(result(2048, (II, [8192] * 4))))
    assert np.isnan(alone.mv[0]).tolist() == [True, False]
    assert made.feed(result(4096, (0x0101, [8192] * 4))) == []
    with pytest.raises(BadInput, match="got lead 'MLII', expected one of ECG, I, II"):
        receiver(leads=("MLII",))


def test_lead_when_any_will_do_then_ii_or_the_first() -> None:
    got = receiver().feed(result(0, (V5, [8392] * 4), (II, [8192] * 4)))
    assert mv(got) == [0.0] * 4
    assert mv(receiver().feed(result(0, (0x4BB4, [9] * 4), (V5, [8392] * 4)))) == [1.0] * 4


def test_description_when_it_comes_without_samples_then_remembered_by_the_label() -> None:
    made = receiver()
    label = (m.LABEL, struct.pack(">I", 0x00020000 | II))
    about = m.framed(m.polled(0, 0, [[label, *described(32, 14)]]))
    assert made.feed(about) == []
    assert blocks(made.feed(result(0, (II, [8192] * 4))))[0].fs == 250.0


@pytest.mark.parametrize("first", [0, 0xFFFFF000])
def test_loss_when_the_clock_jumps_then_exact_also_over_its_wrap(first: int) -> None:
    """The monitor keeps its clock to 2 ms."""
    made = receiver()
    kept = [k for k in range(40) if k not in (10, 11, 12, 20)]
    stream = b"".join(
        result((first + 2048 * k + 16 * (k % 3 - 1)) & 0xFFFFFFFF, (II, [8192] * 128)) for k in kept
    )
    got = made.feed(stream)
    assert [item for item in got if isinstance(item, Gap)] == [
        Gap(1280, 3 * 128, "lost"), Gap(2560, 128, "lost"),
    ]  # fmt: skip


def test_clock_when_it_begins_again_then_a_reboot() -> None:
    made = receiver()
    got = made.feed(b"".join(result(t, (II, [8192] * 128)) for t in (800_000, 802_048, 100, 2148)))
    assert [item for item in got if isinstance(item, Gap)] == [Gap(256, 0, "reboot")]


def test_result_when_it_contradicts_itself_then_unknown_and_the_next_is_read() -> None:
    made = receiver()
    good = result(0, (II, [8192] * 4))
    message = bytearray(m.unframed(good[1:-1]) or b"")
    message[-10] = 0x7F  # the wave says that it is longer
    assert made.feed(m.framed(bytes(message))) == []
    assert mv(made.feed(good)) == [0.0] * 4
    assert made.stats.n_unknown == 1


def test_talk_when_understood_then_no_bytes_of_it_are_counted_as_rubbish() -> None:
    made = receiver()
    wave = result(0, (II, [8192] * 4))
    made.feed(m.framed(m.acceptance()) + m.framed(m.created_event(0)) + wave + m.framed(b"\x42"))
    assert made.stats.n_bytes == len(wave) + len(m.framed(b"\x42"))
    assert (made.stats.n_frames, made.stats.n_unknown) == (1, 1)


def test_frame_when_another_begins_within_then_only_the_first_is_lost() -> None:
    made = receiver()
    good = result(0, (II, [8192] * 4))
    assert mv(made.feed(good[:30] + good)) == [0.0] * 4


def test_monitor_when_leads_are_chosen_then_as_many_as_it_has_under_those_names() -> None:
    sender: Any = intellivue.DEVICE.encoder(EncoderOptions(leads=("MLII", "x"), n_samples=4))
    host = receiver(leads=("V5", "II"))
    assert isinstance(host, Asker)
    assert isinstance(host, Leaver)
    sender.hear(m.framed(m.set_priorities([0x20107, 0x20102, 0x20101])))
    wave = np.array([[0.1, 0.2]] * 4, np.float32)
    (block,) = blocks(host.feed(sender.encode(wave)))
    assert block.mv == pytest.approx(wave, abs=0.0026)
    with pytest.raises(BadInput, match="got 4 leads, expected at most 3"):
        intellivue.DEVICE.encoder(EncoderOptions(leads=("a", "b", "c", "d")))
