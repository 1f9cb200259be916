"""How fast each decoder is: on what its device sends, and on bytes that are as bad as they come."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import chain
from time import perf_counter_ns

import numpy as np

from firmware_bridge import devices
from firmware_bridge.device import DecoderOptions, Device, EncoderOptions
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import F32

BULK, LIVE = 4096, 64
"""Bytes a read where much has come (a recording, a fast device), and where a port gives a few frames at a time."""
GOOD_BYTES, BAD_BYTES = 400_000, 40_000
PIECE = 1000
SCRIPT = "sinus:3600s rate=72 pvc=0.06"


@dataclass(frozen=True, slots=True)
class Speed:
    """One decoder: MB (10^6 bytes) a second in reads of `BULK` and of `LIVE` bytes; ms a kB on the worst bytes, of all
    kinds (`bad_streams`), and which they were."""

    bulk_mb_s: float
    live_mb_s: float
    worst_ms_kb: float
    worst: str


def speed(name: str, n_rounds: int = 3, scale: float = 1.0) -> Speed:
    """Measure the decoder of device `name`: the best of so many rounds, on `scale` times the usual bytes."""
    device = devices.get(name)
    good = b"".join(frames(device, round(scale * GOOD_BYTES)))
    bad = bad_streams(device, round(scale * BAD_BYTES))
    worst, what = max(
        (PIECE * _ns_a_byte(device, data, PIECE, n_rounds) / 1e6, kind) for kind, data in bad.items()
    )
    return Speed(
        1000 / _ns_a_byte(device, good, BULK, n_rounds),
        1000 / _ns_a_byte(device, good, LIVE, n_rounds),
        worst,
        what,
    )


def frames(device: Device, n_bytes: int, rails: bool = False) -> list[bytes]:
    """What the device sends of the virtual patient, call by call, until there are `n_bytes`.

    `rails`: of a signal that stands at an end of the converter every other sample.
    """
    fs = device.fs or 250.0
    encoder = device.encoder(EncoderOptions(fs))
    out = [encoder.preamble()]
    n, patient = 0, VirtualPatient(fs, 0, SCRIPT)
    while n < n_bytes:
        mv: F32 = patient.read(round(fs)).mv
        if rails:
            mv[::2] = 1e6
        out += [encoder.encode(mv[k : k + 1]) for k in range(len(mv))]
        n += sum(map(len, out[-len(mv) :]))
    return [frame for frame in out if frame]


def bad_streams(device: Device, n_bytes: int) -> dict[str, bytes]:
    """Bytes that no decoder should be slow on, by what they are."""
    rng = random.Random(1)
    sent = frames(device, n_bytes)
    first = sent[len(sent) // 2]
    head = first[: max(1, len(first) // 2)]
    mixed = rng.sample(sent, len(sent))
    junk = rng.randbytes(n_bytes)
    made = {
        "noise": junk,
        "zeros": bytes(n_bytes),
        "ones": b"\xff" * n_bytes,
        "first byte of a frame, again and again": first[:1] * n_bytes,
        "first two bytes of a frame, again and again": first[:2] * (n_bytes // 2),
        "first three bytes of a frame, again and again": first[:3] * (n_bytes // 3),
        "half a frame, again and again": head * (n_bytes // len(head)),
        "one frame, again and again": first * (n_bytes // len(first)),
        "frames in any order": b"".join(mixed),
        "each frame twice": b"".join(chain.from_iterable(zip(sent, sent, strict=True))),
        "one frame in five lost": b"".join(frame for frame in sent if rng.random() > 0.2),
        "a byte of noise after each third frame": b"".join(
            frame + junk[k : k + 1] * (k % 3 == 0) for k, frame in enumerate(sent)
        ),
        "a byte of noise after each sixth frame": b"".join(
            frame + junk[k : k + 1] * (k % 6 == 0) for k, frame in enumerate(sent)
        ),
        "every other sample at a rail": b"".join(frames(device, n_bytes, rails=True)),
    }
    return made | {f"one bit in {n} flipped": _flipped(b"".join(sent), n, rng) for n in (1000, 100)}


def _flipped(data: bytes, n: int, rng: random.Random) -> bytes:
    out = np.frombuffer(data, np.uint8).copy()
    for _ in range(8 * len(data) // n):
        out[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return out.tobytes()


def _ns_a_byte(device: Device, data: bytes, n: int, n_rounds: int) -> float:
    """Nanoseconds a byte in reads of `n` bytes, the best of the rounds."""
    parts = [data[k : k + n] for k in range(0, len(data), n)]
    took = []
    for _ in range(n_rounds):
        feed = device.decoder(DecoderOptions(fs=device.fs or 250.0)).feed
        begun = perf_counter_ns()
        for k, part in enumerate(parts):
            feed(part, 1e-3 * k)
        took.append((perf_counter_ns() - begun) / len(data))
    return min(took)
