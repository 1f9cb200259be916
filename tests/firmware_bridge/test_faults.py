"""Faults on demand: what is said is what happens, and the same every time."""

from __future__ import annotations

import re

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.faults import BANNER, KINDS, Fault, FaultyWire, pace_of, parse
from firmware_bridge.simulator import ByteWire, byte_wire
from firmware_bridge.types import F32, BadInput, Gap, LinkStats, SampleBlock

FS = 250.0


def signal(n: int) -> F32:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (n, 1)).astype(np.float32)


def wire(text: str, name: str = "cyton", seed: int = 0) -> FaultyWire:
    made = byte_wire(name, FS, ("ECG",), parse(text), seed)
    assert isinstance(made, FaultyWire)
    return made


def played(
    text: str, name: str = "cyton", n: int = 2500, seed: int = 0
) -> tuple[list[SampleBlock | Gap], LinkStats]:
    made = wire(text, name, seed)
    receiver = get(name).decoder(DecoderOptions(fs=FS))
    return receiver.feed(made.hello() + made.encode(signal(n))), receiver.stats


def gaps(items: list[SampleBlock | Gap]) -> list[Gap]:
    return [item for item in items if isinstance(item, Gap)]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", []),
        ("drop", [Fault("drop", 0.05)]),
        ("drop=0.1@10", [Fault("drop", 0.1, 10.0)]),
        ("lead_off@20+5; reboot@3", [Fault("lead_off", 0.0, 20.0, 25.0), Fault("reboot", 0.0, 3.0, 3.0)]),
        ("flip=1e-4@0.5+1.5;", [Fault("flip", 1e-4, 0.5, 2.0)]),
        ("drift=-150", [Fault("drift", -150.0)]),
    ],
)
def test_text_when_read_then_the_faults_it_names(text: str, faults: list[Fault]) -> None:
    assert parse(text) == faults


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("explode", "got the fault 'explode', expected KIND[=VALUE]"),
        ("drop=2", "expected 0 to 1 for drop; it means: each frame is lost"),
        ("drop=nan", "expected 0 to 1"),
        ("reboot=1@3", "expected no value for reboot"),
        ("drop@1@2", "expected KIND"),
        ("drop=much", "expected numbers"),
        ("drop@1.2.3", "expected numbers"),
        ("rate=0", "expected 0.1 to 10"),
    ],
)
def test_text_when_wrong_then_one_line(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=re.escape(says)) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_pace_when_clocks_are_off_then_both_count() -> None:
    assert pace_of(parse("drift=200")) == pytest.approx(1.0002)
    assert pace_of(parse("rate=0.9;drift=-100")) == pytest.approx(0.9 * 0.9999)
    assert pace_of(parse("drop")) == 1.0


def test_wire_when_nothing_happens_to_bytes_then_the_plain_one() -> None:
    assert isinstance(byte_wire("cyton", FS, ("ECG",), parse("drift=200")), ByteWire)


@pytest.mark.parametrize(
    "text", ["flip;lose;double", "drop;repeat;late", "reboot@2;banner@4;unplug@6+1;lead_off@8"]
)
@pytest.mark.parametrize("name", ["cyton", "native", "text-mv", "bitalino", "medlab"])
def test_bytes_when_samples_are_cut_otherwise_then_the_same(text: str, name: str) -> None:
    mv = signal(1000)

    def sent(step: int, seed: int) -> bytes:
        fs = {"bitalino": 100.0, "medlab": 100.0}.get(name, FS)
        made = byte_wire(name, fs, ("ECG",), parse(text), seed)
        return b"".join(made.encode(mv[k : k + step]) for k in range(0, 1000, step))

    assert sent(1, 3) == sent(7, 3) == sent(1000, 3)
    if "@" not in text:
        assert sent(7, 3) != sent(7, 4)


def test_frames_when_dropped_then_each_is_counted() -> None:
    items, stats = played("drop=0.05")
    lost = sum(gap.n_lost for gap in gaps(items))
    assert lost == stats.n_lost
    assert 80 < lost < 180
    assert stats.n_samples + stats.n_lost > 2480


def test_frames_when_repeated_or_late_then_told_apart_from_losses() -> None:
    items, stats = played("repeat=0.05")
    assert gaps(items) == []
    assert 80 < stats.n_duplicate < 180
    items, stats = played("late=0.02")
    assert stats.n_duplicate == stats.n_lost == sum(gap.n_lost for gap in gaps(items))
    assert 20 < stats.n_lost < 80


def test_bytes_when_lost_doubled_or_flipped_then_the_count_stays_right() -> None:
    for text in ("lose=1e-3", "double=1e-3", "flip=1e-4"):
        items, stats = played(text, "native")
        assert stats.n_crc + stats.n_resync > 10
        last = items[-1]
        assert isinstance(last, SampleBlock)
        assert last.end in (2499, 2500)
        assert stats.n_samples + stats.n_lost == last.end


def test_window_when_given_then_nothing_happens_outside_it() -> None:
    items, _ = played("drop=0.5@4+2")
    starts = [gap.start for gap in gaps(items)]
    assert len(starts) > 50
    assert min(starts) >= 1000
    assert max(gap.start + gap.n_lost for gap in gaps(items)) <= 1500


def test_banner_when_the_count_goes_on_then_nothing_is_lost() -> None:
    items, stats = played("banner@4")
    assert gaps(items) == []
    assert stats.n_samples == 2500
    assert BANNER in wire("banner@1").encode(signal(300))


@pytest.mark.parametrize("name", ["native", "cyton", "olimex", "healthybridge", "heartypatch", "openview"])
def test_reboot_when_it_happens_then_one_and_no_loss_is_invented(name: str) -> None:
    items, stats = played("reboot@5", name, 4000)
    assert [gap.reason for gap in gaps(items)] == ["reboot"]
    assert stats.n_reboot == 1
    assert stats.n_lost == 0


def test_wrap_when_asked_for_then_it_comes_at_once_and_costs_nothing() -> None:
    assert wire("wrap=3").encode(signal(5))[1::33] == bytes([253, 254, 255, 0, 1])
    for name in ("cyton", "native", "healthybridge", "heartypatch"):
        assert gaps(played("wrap=100", name)[0]) == []


def test_electrodes_when_off_then_for_so_long() -> None:
    items, _ = played("lead_off@2+3", "ads1299")
    off = sum(len(b.mv) for b in items if isinstance(b, SampleBlock) and b.lead_off)
    assert off == 750


def test_unplug_when_it_happens_then_in_the_middle_of_a_frame_and_back_it_begins_again() -> None:
    made = wire("unplug@1+2")
    parts = [made.encode(signal(1)) for _ in range(752)]
    assert [len(parts[k]) for k in (249, 250, 251, 749)] == [33, 16, 0, 0]
    assert parts[750].startswith(b"OpenBCI")
    assert parts[750][-32] == 0


def test_device_when_mute_then_silent_until_it_is_told_to_start() -> None:
    made = wire("mute")
    assert made.hello() + made.encode(signal(10)) == b""
    made.hear(b"b")
    assert len(made.encode(signal(10))) == 330
    assert wire("mute", "native").hello() == b"\0"


def test_kinds_when_listed_then_each_is_explained() -> None:
    assert all(kind.help and kind.low <= (kind.usual or kind.low) <= kind.high for kind in KINDS.values())


def test_flip_when_the_line_has_parity_then_the_byte_is_gone_or_two_bits_are_wrong() -> None:
    clean = byte_wire("dri", 300.0, ("ECG",), asked=True).encode(signal(30_000))
    made = byte_wire("dri", 300.0, ("ECG",), parse("flip=1e-2"), 3, asked=True)
    got = made.encode(signal(30_000))
    n = len(clean)
    assert len(got) == pytest.approx(n * (1 - 9 * 0.01 * 0.99**8), rel=0.01)
    plain = FaultyWire(lambda k: get("dri").encoder(EncoderOptions(300.0)), parse("flip=1e-2"), 300.0)
    assert len(plain.encode(signal(30_000))) == n


def test_wire_when_a_monitor_waits_to_be_asked_then_it_says_nothing_unless_nobody_can() -> None:
    assert byte_wire("dri", 300.0, ("ECG",)).encode(signal(3000)) == b""
    assert len(byte_wire("dri", 300.0, ("ECG",), asked=True).encode(signal(3000))) > 6000
    assert len(byte_wire("cyton", 250.0, ("ECG",)).encode(signal(10))) == 330
