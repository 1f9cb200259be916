"""Which format a stream is in: each device's own is recognised among all."""

from __future__ import annotations

import random

import numpy as np
import pytest

from edge.doctor.formats import Guess, Piece, bytes_per_sample, guesses
from firmware_bridge import devices
from firmware_bridge.device import EncoderOptions
from firmware_bridge.patient import VirtualPatient

SAME = ({"chords-npg", "chords-pico"}, {"text", "text-esp32"})
"""Formats that nothing tells apart but the board or the numbers' range."""


def spoken(
    name: str, seconds: float = 2.5, fs: float | None = None, cut: int = 5, script: str = "sinus:60s rate=70"
) -> list[Piece]:
    """What the virtual patient sends as `name`, in pieces of 20 ms, its first frame cut by opening the port."""
    device = devices.get(name)
    fs = fs or device.fs or 250.0
    patient = VirtualPatient(fs, 0, script)
    encoder = device.encoder(EncoderOptions(fs=fs, leads=patient.leads))
    pieces = [(0.0, encoder.preamble())]
    n = 0
    for k in range(round(seconds / 0.02)):
        due = round((k + 1) * 0.02 * fs)
        pieces.append((0.02 * (k + 1), encoder.encode(patient.read(due - n).mv)))
        n = due
    pieces = [(t_s, data) for t_s, data in pieces if data]
    return [(pieces[0][0], pieces[0][1][cut:]), *pieces[1:]]


@pytest.mark.parametrize("name", devices.names())
def test_stream_when_listened_to_then_its_format_is_the_first_guess(name: str) -> None:
    first = guesses(spoken(name))[0]
    assert first.name == name or {first.name, name} in SAME
    assert first.share > 0.7
    own = devices.get(name).fs or 250.0
    assert first.fs_seen == pytest.approx(own, rel=0.06)


@pytest.mark.parametrize("hz", [50, 60])
@pytest.mark.parametrize("name", devices.names())
def test_stream_when_the_mains_hum_loudly_then_its_format_is_the_first_guess_all_the_same(
    name: str, hz: int
) -> None:
    first = guesses(spoken(name, script=f"sinus:60s rate=70 mains=0.5 mains_hz={hz}"))[0]
    assert first.name == name or {first.name, name} in SAME


def test_stream_when_it_is_noise_then_no_format_fits() -> None:
    rng = random.Random(1)
    assert guesses([(0.02 * k, rng.randbytes(200)) for k in range(100)]) == []
    assert guesses([(0.02 * k, bytes(200)) for k in range(100)]) == []
    assert guesses([(0.0, b"")]) == []


def test_stream_when_the_speed_is_wrong_then_no_format_fits() -> None:
    """A UART at twice the speed reads each bit twice: bytes of doubled bits, and framing errors."""
    doubled = []
    for t_s, data in spoken("openview"):
        bits = np.repeat(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little"), 2)
        doubled.append((t_s, np.packbits(bits, bitorder="little").tobytes()))
    assert guesses(doubled) == []


def test_rates_when_two_devices_share_a_frame_then_the_nearer_wins() -> None:
    assert [guesses(spoken("olimex", fs=fs))[0].name for fs in (256.0, 125.0)] == ["olimex", "olimex-125"]


def test_bytes_of_a_sample_when_counted_then_as_on_the_wire() -> None:
    assert [bytes_per_sample(name) for name in ("cyton", "heartypatch", "medlab")] == [33, 55 / 8, 1]


def test_guess_when_made_then_it_says_how_far_the_rate_is_off() -> None:
    first = guesses(spoken("cyton", fs=500.0))[0]
    assert isinstance(first, Guess)
    assert (first.name, first.fs_off) == ("cyton", pytest.approx(np.log(2), abs=0.05))


def test_stream_when_every_byte_is_a_sample_then_only_believed_at_its_own_speed() -> None:
    pieces = spoken("medlab")
    own = devices.get("medlab").baud
    assert [guess.name for guess in guesses(pieces, own)][:1] == ["medlab"]
    assert [guess.name for guess in guesses(pieces)][:1] == ["medlab"]
    assert "medlab" not in [guess.name for guess in guesses(pieces, 115200)]
