from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge import sketch, wire
from firmware_bridge.device import DecoderOptions
from firmware_bridge.devices.native import NativeDecoder
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import Firmware, Gap, SampleBlock

OFF = 32767


def test_files_when_laid_out_then_the_encoder_is_the_one_of_every_firmware() -> None:
    files = sketch.files()
    assert set(files) == {
        f"heartwire_ad8232/{name}" for name in ("heartwire_ad8232.ino", "protocol.h", "hw_frame.c")
    }
    assert files["heartwire_ad8232/hw_frame.c"] == (sketch.ROOT / "c" / "hw_frame.c").read_text()
    assert files["heartwire_ad8232/protocol.h"] == (sketch.ROOT / "protocol.h").read_text()


def test_sketch_when_it_runs_on_an_uno_then_samples_and_electrodes_arrive(
    arduino: tuple[str, str], tmp_path: Path
) -> None:
    mv = VirtualPatient(250.0, 3, "sinus:600s rate=72").read(2500).mv[:, 0]
    records = np.rint(1650 + 1100 * mv).astype(np.int16)
    records[1500:1800] = OFF
    records.tofile(tmp_path / "records")
    words = [*arduino, str(tmp_path / "records"), "fast"]
    sent = subprocess.run(words, capture_output=True, check=True, timeout=120).stdout
    decoder = NativeDecoder(DecoderOptions())
    blocks = [block for block in decoder.feed(sent) if isinstance(block, SampleBlock)]
    assert decoder.told() == [Firmware("heartwire-arduino 1", wire.VERSION, wire.VERSION)]
    assert decoder.stats.n_lost == decoder.stats.n_crc == decoder.stats.n_rejected == 0
    assert [(block.start, block.end) for block in blocks if block.lead_off] == [(1500, 1800)]
    got = np.concatenate([block.mv[:, 0] for block in blocks])
    on = records[: len(got)] != OFF
    error = got - (records[: len(got)] - 1650) / 1100
    assert len(got) > 2480
    assert np.abs(error[on]).max() < 0.008


def on_esp32(
    program: Path, records: NDArray[np.int16], folder: Path, *more: int
) -> tuple[NativeDecoder, list[Any]]:
    """What the host makes of what the sketch sends."""
    records.tofile(folder / "records")
    words = [str(program), str(folder / "records"), *map(str, more)]
    sent = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
    decoder = NativeDecoder(DecoderOptions())
    return decoder, decoder.feed(sent)


def heart(n: int) -> NDArray[np.int16]:
    """The virtual patient at the pin, mV."""
    mv = VirtualPatient(250.0, 3, "sinus:600s rate=72").read(n).mv[:, 0]
    return np.rint(1650 + 1100 * mv).astype(np.int16)


@pytest.mark.parametrize("start_us", [0, 2**32 - 3_000_000])
def test_sketch_when_built_for_an_esp32_then_samples_and_electrodes_arrive_also_where_its_clock_wraps(
    esp32: tuple[Path, Path], tmp_path: Path, start_us: int
) -> None:
    records = heart(2500)
    records[1500:1800] = OFF
    decoder, items = on_esp32(esp32[0], records, tmp_path, start_us)
    assert decoder.told() == [Firmware("heartwire-arduino 1", wire.VERSION, wire.VERSION)]
    stats = decoder.stats
    assert stats.n_lost == stats.n_crc == stats.n_rejected == stats.n_reboot == stats.n_resync == 0
    blocks = [item for item in items if isinstance(item, SampleBlock)]
    assert {(block.fs, block.leads) for block in blocks} == {(250.0, ("II",))}
    assert [(block.start, block.end) for block in blocks if block.lead_off] == [(1500, 1800)]
    got = np.concatenate([block.mv[:, 0] for block in blocks])
    on = records[: len(got)] != OFF
    error = got - (records[: len(got)] - 1650) / 1100
    assert len(got) > 2480
    assert np.abs(error[on]).max() < 0.001


def test_sketch_on_an_esp32_when_its_loop_stalls_then_the_samples_missed_are_a_gap(
    esp32: tuple[Path, Path], tmp_path: Path
) -> None:
    records = heart(1000)
    decoder, items = on_esp32(esp32[0], records, tmp_path, 0, 500)
    gaps = [item for item in items if isinstance(item, Gap)]
    assert [gap.reason for gap in gaps] == ["lost"]
    assert decoder.stats.n_lost == gaps[0].n_lost
    assert gaps[0].n_lost == pytest.approx(12, abs=1)
    after = [item for item in items if isinstance(item, SampleBlock) and item.start >= gaps[0].start]
    got = np.concatenate([block.mv[:, 0] for block in after])
    expected = (records[after[0].start :][: len(got)] - 1650) / 1100
    assert np.abs(got - expected).max() < 0.06  # the first after the stall was converted late


def test_sketch_on_an_esp32_when_the_line_leaves_what_it_converts_straight_then_marked(
    esp32: tuple[Path, Path], tmp_path: Path
) -> None:
    records = np.full(600, 1650, np.int16)
    records[200:205], records[300:305] = 3150, 100
    _, items = on_esp32(esp32[0], records, tmp_path)
    clipped = [k for b in items if isinstance(b, SampleBlock) and b.clipped for k in range(b.start, b.end)]
    assert clipped == [*range(200, 205), *range(300, 305)]


def test_sketch_when_compiled_for_a_chip_of_32_bits_then_without_a_warning(esp32: tuple[Path, Path]) -> None:
    if shutil.which("arm-none-eabi-g++") is None:
        pytest.skip("no arm-none-eabi-g++ (apt-get install gcc-arm-none-eabi)")
    stand_in = Path(__file__).parent / "firmware" / "esp32"
    words = [
        "arm-none-eabi-g++",
        "-std=gnu++11",
        "-fno-exceptions",
        "-DESP32",
        f"-I{stand_in}",
        f"-I{esp32[1]}",
    ]
    words += ["-O2", "-Wall", "-Wextra", "-Werror", "-c", "sketch.cpp", "-o", "sketch-32.o"]
    subprocess.run(words, cwd=esp32[1], check=True)
