"""The Uno's firmware on an emulated ATmega328P: what reaches the converter is what arrives at the host."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge import wire
from firmware_bridge.device import DecoderOptions
from firmware_bridge.devices.native import NativeDecoder
from firmware_bridge.framing import cobs_decode
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import Firmware, LinkStats, SampleBlock

FS = 250
OFF, ALONE = 32767, 32766
REST_MV, GAIN = 1650, 1100
LSB_MV = 5000 / 1024 / GAIN

Records = NDArray[np.int16]


@dataclass(frozen=True)
class Heard:
    """What one run sent: its frames, and what the host's decoder made of the same bytes."""

    frames: list[wire.Frame]
    n_hello: int
    blocks: list[SampleBlock]
    stats: LinkStats
    told: list[Any]
    asleep: float


def at_pin(mv: NDArray[np.float32]) -> Records:
    """The AD8232's output [mV] for an ECG [mV]."""
    return np.clip(np.rint(REST_MV + GAIN * mv), 0, 3300).astype(np.int16)


def heart(seconds: int) -> Records:
    """The virtual patient at the pin."""
    return at_pin(VirtualPatient(float(FS), 3, "sinus:600s rate=72 pvc=0.1").read(FS * seconds).mv[:, 0])


def run(uno: tuple[str, str], records: Records, folder: Path) -> Heard:
    """Run the firmware over the records as fast as it goes."""
    records.tofile(folder / "records")
    words = [*uno, str(folder / "records"), "fast"]
    done = subprocess.run(words, capture_output=True, check=True, timeout=120)
    frames, n_hello = [], 0
    for part in done.stdout.split(b"\0")[1:-1]:
        content = cobs_decode(part)
        assert content is not None
        frame = wire.read_frame(content)
        n_hello += frame is wire.Fault.UNKNOWN
        if isinstance(frame, wire.Frame):
            frames.append(frame)
    decoder = NativeDecoder(DecoderOptions())
    blocks = decoder.feed(done.stdout)
    return Heard(
        frames,
        n_hello,
        [block for block in blocks if isinstance(block, SampleBlock)],
        decoder.stats,
        decoder.told(),
        float(done.stderr.split()[1]),
    )


def joined(blocks: list[SampleBlock]) -> np.ndarray:
    """Their samples, which follow each other without a gap (frames that met a rail are blocks of their own)."""
    for block, after in zip(blocks, blocks[1:], strict=False):
        assert after.start == block.end
    assert blocks[0].start == 0
    return np.concatenate([block.mv[:, 0] for block in blocks])


def test_build_when_measured_then_it_leaves_room(uno: tuple[str, str]) -> None:
    words = ["avr-size", uno[1]]
    text, data, bss = map(int, subprocess.run(words, capture_output=True, check=True).stdout.split()[6:9])
    assert text + data < 4096
    assert data + bss < 1024


def test_run_when_an_ecg_is_at_the_pin_then_every_sample_arrives_in_millivolts(
    uno: tuple[str, str], tmp_path: Path
) -> None:
    records = heart(20)
    heard = run(uno, records, tmp_path)
    assert heard.stats == LinkStats(
        n_bytes=heard.stats.n_bytes, n_frames=len(heard.frames), n_samples=heard.stats.n_samples
    )
    assert {(block.fs, block.leads, block.lead_off) for block in heard.blocks} == {(250.0, ("II",), 0)}
    got = joined(heard.blocks)
    assert len(got) > len(records) - 20
    error = got - (records[: len(got)] - REST_MV) / GAIN
    assert np.abs(error).max() < 1.6 * LSB_MV
    assert heard.stats.n_bytes / 20 < 0.2 * 11_520
    assert heard.asleep > 90.0


def test_run_when_it_starts_then_it_says_who_it_is_and_that_it_has_just_begun(
    uno: tuple[str, str], tmp_path: Path
) -> None:
    heard = run(uno, heart(20), tmp_path)
    assert heard.told == [Firmware("heartwire-uno 1", wire.VERSION, wire.VERSION)]
    assert heard.n_hello == 3
    booting = [frame.seq for frame in heard.frames if frame.flags & wire.FLAG_BOOT]
    assert booting == list(range(0, FS + 1, 5))
    assert [frame.t_us for frame in heard.frames] == [4000 * frame.seq for frame in heard.frames]


@pytest.mark.parametrize(("first", "last"), [(0, 700), (1001, 1503), (1250, 1251)])
def test_run_when_an_electrode_is_off_then_just_those_samples_say_so(
    uno: tuple[str, str], tmp_path: Path, first: int, last: int
) -> None:
    records = heart(8)
    records[first:last] = OFF
    heard = run(uno, records, tmp_path)
    off = [k for block in heard.blocks if block.lead_off for k in range(block.start, block.end)]
    assert off == list(range(first, last))
    assert heard.stats.n_lost == heard.stats.n_rejected == 0


def test_run_when_no_ad8232_is_on_the_pins_then_its_electrodes_are_off(
    uno: tuple[str, str], tmp_path: Path
) -> None:
    heard = run(uno, np.full(500, ALONE, np.int16), tmp_path)
    assert [block.lead_off for block in heard.blocks] == [1]


def test_run_when_the_line_meets_a_rail_then_the_frames_say_so(uno: tuple[str, str], tmp_path: Path) -> None:
    records = at_pin(np.zeros(1000, np.float32))
    records[300:310], records[600:601] = 3300, 0
    heard = run(uno, records, tmp_path)
    clipped = [frame.seq for frame in heard.frames if frame.flags & wire.FLAG_CLIPPED]
    assert clipped == [300, 305, 600]


def test_run_when_the_counter_wraps_then_nothing_is_lost(uno: tuple[str, str], tmp_path: Path) -> None:
    heard = run(uno, heart(270), tmp_path)
    assert heard.frames[0].seq > heard.frames[-1].seq - 65_536 >= -65_536
    assert heard.stats.n_samples > 65_536 + 1000
    assert heard.stats.n_lost == heard.stats.n_reboot == heard.stats.n_duplicate == 0
    assert len(joined(heard.blocks)) == heard.stats.n_samples
