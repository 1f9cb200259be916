from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from firmware_bridge import sketch, wire
from firmware_bridge.device import DecoderOptions
from firmware_bridge.devices.native import NativeDecoder
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import Firmware, SampleBlock

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
