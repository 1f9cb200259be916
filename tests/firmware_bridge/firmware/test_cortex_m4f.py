"""The Cortex-M4F's firmware under QEMU, the same source built for this machine, and the pipeline beside both.

The weights of GRU and fusion are int8, as the firmware is built.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.artefact import load_models
from edge.pipeline import Pipeline
from edge.types import Beat
from firmware_bridge import wire
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.devices.native import NativeDecoder
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import DeviceBeat, Firmware, Gap, LinkStats, SampleBlock

FS = 125
OFF = slice(14 * FS, 17 * FS)
N = 22 * FS
OFFSET_MV = -180.0
PROB = 0.15
"""What int8 weights of GRU and fusion may change; 99 in 100 change by a tenth of it (README)."""

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Heard:
    """What a build sent."""

    blocks: list[SampleBlock]
    beats: list[DeviceBeat]
    firmware: list[Firmware]
    stats: LinkStats


@pytest.fixture(scope="module")
def lead() -> NDArray[np.float32]:
    """The virtual patient with the offset of his electrodes."""
    return VirtualPatient(float(FS), 3, "sinus:300s rate=75 pvc=0.2").read(N).mv[:, 0] + np.float32(OFFSET_MV)


@pytest.fixture(scope="module")
def converted(lead: NDArray[np.float32]) -> bytes:
    """The ADS1292R's frames of it; the electrodes are off for three seconds, and it begins out of step."""
    encoder = get("ads1292r-raw").encoder(EncoderOptions(fs=float(FS), leads=("I", "II")))
    both = np.stack([0.5 * lead, lead], 1)
    parts = [both[: OFF.start], both[OFF], both[OFF.stop :]]
    sent = [encoder.encode(part, 3 if k == 1 else 0) for k, part in enumerate(parts)]
    return b"\xc0\x12" + b"".join(sent)


def heard(sent: bytes) -> Heard:
    """What the host makes of it, in pieces, so that nothing told is dropped."""
    decoder, blocks, told = NativeDecoder(DecoderOptions()), [], list[Any]()
    for k in range(0, len(sent), 500):
        for item in decoder.feed(sent[k : k + 500]):
            assert not isinstance(item, Gap)
            blocks.append(item)
        told += decoder.told()
    beats = [said for said in told if isinstance(said, DeviceBeat)]
    return Heard(blocks, beats, [said for said in told if isinstance(said, Firmware)], decoder.stats)


@pytest.fixture(scope="module")
def on_host(m4f: Path, converted: bytes) -> Heard:
    """The same main.c and the same models, built for this machine."""
    if shutil.which("cc") is None:
        pytest.skip("no cc")
    source, models = HERE.parents[2] / "firmware_bridge", m4f.parent / "models"
    files = [source / "firmware/cortex_m4f/main.c", HERE / "host_board.c", source / "c/hw_frame.c"]
    words = [
        "cc",
        "-std=c99",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-DHW_FUSION=1",
        f"-I{models}",
        f"-I{source}",
    ]
    words += [f"-I{source}/firmware/cortex_m4f", *map(str, [*files, *sorted(models.glob("*.c"))])]
    program = m4f.parent / "on_host"
    subprocess.run([*words, "-o", str(program), "-lm"], check=True)
    return heard(subprocess.run([program], input=converted, capture_output=True, check=True).stdout)


@pytest.fixture(scope="module")
def on_chip(m4f: Path, converted: bytes, tmp_path_factory: pytest.TempPathFactory, on_host: Heard) -> Heard:
    """The firmware under QEMU: as many samples as the other build has sent, or what came in two minutes."""
    out = tmp_path_factory.mktemp("chip") / "sent"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        words = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none"]
        words += ["-kernel", str(m4f), "-serial", f"file:{out}", "-serial", f"tcp:127.0.0.1:{port}"]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL) as chip:
            try:
                link, _ = server.accept()
                with link:
                    link.sendall(converted)
                    end = time.monotonic() + 120.0
                    while time.monotonic() < end and chip.poll() is None:
                        time.sleep(0.1)
                        got = heard(out.read_bytes() if out.exists() else b"")
                        if got.stats.n_samples >= on_host.stats.n_samples:
                            break
            finally:
                chip.kill()
    return heard(out.read_bytes())


def test_build_when_measured_then_it_fits_a_small_chip(m4f: Path) -> None:
    run = subprocess.run(["arm-none-eabi-size", str(m4f)], capture_output=True, check=True)
    text, data, bss = map(int, run.stdout.split()[6:9])
    assert text + data <= 96 * 1024
    assert data + bss <= 24 * 1024


def test_samples_when_the_converter_gives_them_then_they_arrive_without_the_electrodes_offset(
    on_chip: Heard, lead: NDArray[np.float32]
) -> None:
    stats = on_chip.stats
    assert stats.n_lost == stats.n_crc == stats.n_rejected == stats.n_unknown == 0
    off = [k for block in on_chip.blocks if block.lead_off for k in range(block.start, block.end)]
    assert off == list(range(OFF.start, OFF.stop))
    assert {(b.fs, b.leads) for b in on_chip.blocks} == {(125.0, ("II",))}
    got = np.concatenate([block.mv[:, 0] for block in on_chip.blocks])
    assert len(got) > N - 5
    assert np.abs(got - (lead[: len(got)] - lead[0])).max() < 0.0011
    assert on_chip.firmware == [Firmware("heartwire-cortex-m4f 1", wire.VERSION, wire.VERSION)]


def test_beats_when_found_on_the_chip_then_they_are_those_of_the_build_for_this_machine(
    on_chip: Heard, on_host: Heard
) -> None:
    n = len(on_chip.beats)
    assert [replace(b, probs=(0,) * 5) for b in on_chip.beats] == [
        replace(b, probs=(0,) * 5) for b in on_host.beats[:n]
    ]
    pairs = zip(on_chip.beats, on_host.beats, strict=False)
    assert max(np.abs(np.subtract(a.probs, b.probs)).max() for a, b in pairs) <= 1e-3
    assert n >= len(on_host.beats) - 2
    assert n > 30


def test_beats_when_found_on_the_chip_then_the_pipeline_finds_the_same(on_chip: Heard) -> None:
    pipeline = Pipeline(load_models(), wave_ms=0.0)
    expected = []
    for block in on_chip.blocks:
        if block.start < OFF.start:
            expected += [event for event in pipeline.push(block) if isinstance(event, Beat)]
    got = on_chip.beats[: len(expected)]
    assert [(b.sample, b.aami, b.final) for b in got] == [
        (b.r_peak.sample, b.aami, b.final) for b in expected
    ]
    assert (
        max(np.abs(np.subtract(a.probs, b.probs)).max() for a, b in zip(got, expected, strict=True)) <= PROB
    )
    assert {b.aami for b in got} == {"N", "V"}


def test_beats_when_the_electrodes_were_off_then_none_lies_there_and_they_come_back(on_chip: Heard) -> None:
    at = [beat.sample for beat in on_chip.beats]
    assert [k for k in at if OFF.start + 10 < k < OFF.stop] == []
    assert sum(k > OFF.stop for k in at) > 4
