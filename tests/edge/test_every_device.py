"""`simulate --format NAME` on a pseudo-terminal, read by the real serial source: every device there is."""

from __future__ import annotations

import argparse
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.cli import simulate
from edge.io.asking import AskingSource
from edge.io.serial_source import SerialSource
from edge.io.source import Source, SourceLost
from firmware_bridge import devices
from firmware_bridge.device import Asker, DecoderOptions
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.simulator import rate_of
from firmware_bridge.types import Gap, SampleBlock

SCRIPT = "sinus:60s rate=70 wander=0"
DEADLINE_S = 30.0


@contextmanager
def simulated(name: str, link: Path, *words: str) -> Iterator[None]:
    """The verb in a thread, once its port is there."""
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    fixed = ["--format", name, "--to", f"pty:{link}", "--script", SCRIPT, "--wait"]
    args = parser.parse_args([*fixed, *words])
    thread = threading.Thread(target=simulate.run, args=(args,), daemon=True)
    thread.start()
    end_s = time.monotonic() + DEADLINE_S
    while not link.is_symlink() and time.monotonic() < end_s:
        time.sleep(0.005)
    yield
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def heard(name: str, source: Source, fs: float, n: int) -> list[SampleBlock | Gap]:
    """What the device's decoder makes of the port, until it has `n` samples or the port is gone."""
    device = devices.get(name)
    decoder = device.decoder(DecoderOptions(fs=fs))
    if device.start:
        assert isinstance(decoder, Asker)
        source = AskingSource(source, decoder)
    source.open()
    items: list[SampleBlock | Gap] = []
    turn = 0
    while decoder.stats.n_samples < n:
        turn += 1
        source.tick(0.25 * turn)
        if not select.select([source.fileno()], [], [], 0.02 if turn < 200 else 5.0)[0]:
            continue
        try:
            items += decoder.feed(source.read(), 0.25 * turn)
        except SourceLost:
            break
    source.close()
    return items


@pytest.mark.parametrize("name", [name for name in devices.names() if not devices.get(name).has_session])
def test_device_when_simulated_on_a_pty_then_the_serial_source_gets_every_sample(
    name: str, tmp_path: Path
) -> None:
    fs = rate_of(name, None)
    n = 8 * (int(4 * fs) // 8)
    link = tmp_path / "port"
    with simulated(name, link, "--seconds", str(n / fs), "--speed", "0"):
        items = heard(name, SerialSource(str(link), devices.get(name).baud), fs, n)
    assert [item for item in items if isinstance(item, Gap)] == []
    mv = np.concatenate([item.mv for item in items if isinstance(item, SampleBlock)])[:, 0]
    true = VirtualPatient(fs, 0, SCRIPT).read(n).mv[:, 0]
    assert mv.shape == (n,)
    assert np.abs(mv - np.clip(true, mv.min(), mv.max())).max() <= 0.011


@pytest.mark.parametrize("name", [name for name in devices.names() if devices.get(name).start])
def test_device_when_it_must_be_asked_then_it_is(name: str, tmp_path: Path) -> None:
    fs = {"bitalino": 100.0, "medlab": 100.0, "dri": 300.0, "intellivue": 500.0}.get(name, 128.0)
    link = tmp_path / "port"
    words = ["--seconds", "20", "--speed", "20", "--fs", str(fs), "--fault", "mute"]
    with simulated(name, link, *words):
        items = heard(name, SerialSource(str(link), devices.get(name).baud), fs, round(4 * fs))
    assert sum(len(item.mv) for item in items if isinstance(item, SampleBlock)) >= 4 * fs
    assert [item for item in items if isinstance(item, Gap)] == []


@pytest.mark.parametrize("name", [name for name in devices.names() if devices.get(name).has_session])
def test_monitor_when_it_is_asked_then_every_sample_from_then_on(name: str, tmp_path: Path) -> None:
    fs = rate_of(name, None)
    link = tmp_path / "port"
    with simulated(name, link, "--seconds", "30", "--speed", "15"):
        items = heard(name, SerialSource(str(link), devices.get(name).baud), fs, round(6 * fs))
    assert [item for item in items if isinstance(item, Gap)] == []
    mv = np.concatenate([item.mv for item in items if isinstance(item, SampleBlock)])[:, 0]
    true = VirtualPatient(fs, 0, SCRIPT).read(round(30 * fs)).mv[:, 0]
    begun = range(0, len(true) - len(mv), {"dri": 150, "intellivue": 128}[name])
    assert min(np.abs(mv - true[at : at + len(mv)]).max() for at in begun) <= 0.003


def test_device_when_unplugged_and_plugged_in_again_then_the_port_is_back(tmp_path: Path) -> None:
    link = tmp_path / "port"
    source = SerialSource(str(link), 115200)
    decoder = devices.get("cyton").decoder(DecoderOptions())
    items: list[SampleBlock | Gap] = []
    with simulated("cyton", link, "--seconds", "30", "--speed", "10", "--fault", "unplug@10+10"):
        end_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < end_s and not any(item.start >= 3000 for item in items):
            try:
                if source.fileno() < 0:
                    source.open()
                if select.select([source.fileno()], [], [], 0.2)[0]:
                    items += decoder.feed(source.read(), time.monotonic() * 10)
            except SourceLost:
                source.close()
                decoder.reset()
                time.sleep(0.01)
        source.close()
    # On a busy machine the reader may miss frames before as well: those are lost.
    away = [item.n_lost for item in items if isinstance(item, Gap) and item.reason == "no_signal"]
    assert away == [pytest.approx(2500, abs=900)]
