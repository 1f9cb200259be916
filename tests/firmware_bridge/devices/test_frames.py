from __future__ import annotations

import random

import numpy as np
import pytest

from firmware_bridge import devices
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import cyton, heartypatch, olimex, openview
from firmware_bridge.devices.frame_format import FrameFormat, Scale, signed, unipolar
from firmware_bridge.devices.frames import FrameDecoder
from firmware_bridge.types import BadInput, Gap, SampleBlock


def test_scale_when_values_leave_the_range_then_rounded_and_clipped_and_nan_is_zero() -> None:
    scale = Scale(0.01, 0, 100, 50)
    mv = np.array([[0.004], [0.006], [9.0], [-9.0], [np.nan]], np.float32)
    assert scale.codes(mv) == [[50], [51], [100], [0], [50]]


def test_scales_when_made_then_their_ends_and_middle() -> None:
    assert signed(24, 1.0) == Scale(1.0, -8388608, 8388607)
    assert unipolar(10, 3300.0, 1100.0) == Scale(3300 / 1024 / 1100, 0, 1023, 512)


def test_leads_when_more_than_channels_then_said_in_one_line() -> None:
    for make in (openview.DEVICE.decoder, openview.MAX30003_DEVICE.decoder):
        with pytest.raises(BadInput, match="got 2 leads, expected at most 1, in the device's options; leave"):
            make(DecoderOptions(leads=("I", "II")))
    with pytest.raises(BadInput, match="got 4 leads, expected at most 3"):
        openview.ADS1293_DEVICE.encoder(EncoderOptions(leads=("I", "II", "III", "V1")))


def test_frame_of_several_samples_when_not_full_then_it_waits() -> None:
    sender = heartypatch.DEVICE.encoder(EncoderOptions())
    assert sender.encode(np.zeros((7, 1), np.float32)) == b""
    assert len(sender.encode(np.zeros((10, 1), np.float32))) == 2 * 55


def test_line_of_text_when_the_count_begins_again_then_a_reboot_and_else_nothing() -> None:
    sender, again = (olimex.DEVICE.encoder(EncoderOptions(first_seq=k)) for k in (100, 0))
    ten = np.zeros((10, 1), np.float32)
    receiver = olimex.DEVICE.decoder(DecoderOptions())
    stream = (
        sender.encode(ten) + b"Hello, I am\r\n" + sender.encode(ten) + b"Hello, I am\r\n" + again.encode(ten)
    )
    got = receiver.feed(stream)
    assert [item for item in got if isinstance(item, Gap)] == [Gap(20, 0, "reboot")]
    assert receiver.stats.n_reboot == 1


@pytest.mark.parametrize(("paused_s", "n_gaps"), [(0.02, 0), (2.0, 1)])
def test_line_of_text_when_there_is_no_count_then_a_reboot_only_after_a_pause(
    paused_s: float, n_gaps: int
) -> None:
    sender = openview.DEVICE.encoder(EncoderOptions())
    mv = np.full((10, 1), 0.5, np.float32)
    receiver = openview.DEVICE.decoder(DecoderOptions())
    got = receiver.feed(sender.encode(mv), 5.0)
    got += receiver.feed(b"Initiliziation is done\r\n" + sender.encode(mv)[:16] * 2, 5.016 + paused_s)
    assert [item for item in got if isinstance(item, Gap)] == [Gap(10, 0, "reboot")] * n_gaps


def test_late_frame_when_it_comes_then_dropped_and_counted() -> None:
    sender = cyton.DEVICE.encoder(EncoderOptions())
    sent = [sender.encode(np.zeros((1, 1), np.float32)) for _ in range(12)]
    receiver = cyton.DEVICE.decoder(DecoderOptions())
    got = receiver.feed(b"".join([*sent[:5], *sent[6:9], sent[5], *sent[9:]]))
    assert [item for item in got if isinstance(item, Gap)] == [Gap(5, 1, "lost")]
    assert receiver.stats.n_duplicate == 1
    assert sum(len(b.mv) for b in got if isinstance(b, SampleBlock)) == 11


def test_format_when_it_says_nothing_then_its_parts_must_be_told() -> None:
    class Bare(FrameFormat):
        scale = signed(8, 1.0)

    bare = Bare()
    for call in (
        lambda: bare.measure(b"", 0),
        lambda: bare.read(b""),
        lambda: bare.write(0, [[0]], 0),
        lambda: bare.counter(b""),
    ):
        with pytest.raises(NotImplementedError):
            call()
    assert bare.hear(b"x") == b""
    assert FrameDecoder(bare, DecoderOptions()).ask(9.0) == b""


@pytest.mark.parametrize("name", ["cyton", "olimex", "chords", "shimmer"])
def test_count_over_outages_losses_and_stalls_of_the_host_stays_exact(name: str) -> None:
    """Two minutes in pieces of 20 ms: frames lost, links away up to 20 s, a host that stands still up to 2 s."""
    rng = random.Random(3)
    device = devices.get(name)
    assert device.fs is not None
    sender, receiver = device.encoder(EncoderOptions()), device.decoder(DecoderOptions())
    n, away_until_s, free_s, end = round(0.02 * device.fs), 0.0, 0.0, 0
    for k in range(6000):
        now_s = (k + 1) * n / device.fs
        if rng.random() < 0.005:
            away_until_s = now_s + (rng.uniform(0.01, 0.3) if rng.random() < 0.7 else rng.uniform(0.5, 20))
        sent = [sender.encode(np.zeros((1, 1), np.float32)) for _ in range(n)]
        kept = [frame for frame in sent if (now_s >= away_until_s or k > 5900) and rng.random() > 0.001]
        free_s = max(
            free_s, now_s + rng.expovariate(1 / 0.008) + (rng.uniform(0, 2) if rng.random() < 0.002 else 0)
        )
        for item in receiver.feed(b"".join(kept), free_s) if kept else ():
            end = item.end if isinstance(item, SampleBlock) else item.start + item.n_lost
    assert receiver.stats.n_lost > 10 * device.fs
    assert 6000 * n - 2 <= end <= 6000 * n
