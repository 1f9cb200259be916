"""Which format a stream of bytes is in: every device's decoder listens, and the one that understands most wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge.aside import line_about
from firmware_bridge import devices
from firmware_bridge.device import Decoder, DecoderOptions, Device, EncoderOptions, Teller
from firmware_bridge.types import BadInput, Firmware, LinkStats, SampleBlock

Piece = tuple[float, bytes]
"""Monotonic time of arrival in seconds, and what arrived."""

UNDERSTOOD = 0.6
"""A format that explains less of the bytes than this is not theirs."""
MIN_SAMPLES = 20
JUMPY = 0.25
"""Median step over the range of the signal: white noise has 0.3, an ECG under hum 0.15, one without less than 0.05."""
MOST_LAGS, COMES_AGAIN = 32, 0.15
"""Hum comes round within so many samples, and meets itself again to within this share of the range."""
FS_UNKNOWN = 250.0
RATE_COUNTS = 3.0
"""Where every byte is a sample, any bytes fit: only the right rate speaks for such a format."""


@dataclass(frozen=True, slots=True)
class Guess:
    """How well a format fits.

    Attributes
    ----------
    name : str
        The device's.
    share : float
        Of the bytes that it explains, 0 to 1.
    fs_seen : float
        Samples a second by the times of arrival [Hz].
    fs_off : float
        How far (logarithm) that is from the device's own rate; 0 where it has none.
    """

    name: str
    share: float
    fs_seen: float
    fs_off: float


def guesses(pieces: Sequence[Piece], baud: int | None = None) -> list[Guess]:
    """All formats that explain `pieces`, the best first; `baud`: the speed at which they were read, where there is one.

    Where every byte is a sample, what another device sends at another speed passes for one too: such a format is
    believed at its own speed alone.
    """
    found = [_try(name, pieces) for name in devices.names() if not _unlikely(name, baud)]
    return sorted((guess for guess in found if guess is not None), key=_rank)


def _unlikely(name: str, baud: int | None) -> bool:
    return baud not in (None, devices.get(name).baud) and bytes_per_sample(name) == 1


def other_version(pieces: Sequence[Piece]) -> str | None:
    """A line about native frames of another version than is read here; None where there are none."""
    decoder = devices.get("native").decoder(DecoderOptions())
    if not isinstance(decoder, Teller):
        return None
    told = [said for t_s, data in pieces for said in (decoder.feed(data, t_s), decoder.told())[1]]
    strange = [said for said in told if isinstance(said, Firmware) and said.speaks != said.expected]
    return line_about(strange[-1])[1] if strange else None


def _rank(guess: Guess) -> tuple[float, float, int, str]:
    """Better first: more explained, nearer its own rate, more redundancy in its frames, fewer assumptions."""
    device = devices.get(guess.name)
    redundancy = device.has_checksum + device.has_counter
    return -round(guess.share, 1), round(guess.fs_off, 1), -redundancy, guess.name


def _try(name: str, pieces: Sequence[Piece]) -> Guess | None:
    try:
        device = devices.get(name)
        decoder = device.decoder(DecoderOptions(fs=device.fs or FS_UNKNOWN))
    except BadInput:
        return None
    blocks = [
        item for t_s, data in pieces for item in decoder.feed(data, t_s) if isinstance(item, SampleBlock)
    ]
    n = sum(len(block.mv) for block in blocks)
    if n < MIN_SAMPLES or not _looks_alive(np.concatenate([block.mv[:, 0] for block in blocks])):
        return None
    share = understood(device, decoder, pieces)
    fs_seen = n / max(pieces[-1][0] - pieces[0][0], 1e-3)
    own = device.fs or (blocks[0].fs if device.has_clock else None)
    fs_off = abs(math.log(fs_seen / own)) if own else 0.0
    if bytes_per_sample(name) == 1:
        share *= math.exp(-RATE_COUNTS * fs_off)
    return Guess(name, share, fs_seen, fs_off) if share >= UNDERSTOOD else None


def understood(device: Device, decoder: Decoder, pieces: Sequence[Piece]) -> float:
    """Which share of the bytes of `pieces` the decoder has made samples of, 0 to 1."""
    stats = decoder.stats
    by_count = stats.n_frames / max(1, stats.n_frames + _n_bad(stats))
    if device.fs is None:
        return by_count * _numbers_fit(device, b"".join(data for _, data in pieces[:50]))
    ratio = stats.n_samples * bytes_per_sample(device.name) / max(1, stats.n_bytes)
    return by_count * math.exp(-abs(math.log(max(ratio, 1e-6))))


def _n_bad(stats: LinkStats) -> int:
    return stats.n_crc + stats.n_resync + stats.n_unknown + stats.n_rejected


@lru_cache
def bytes_per_sample(name: str) -> float:
    """Bytes on the wire for one sample of the device `name`, with its defaults."""
    device = devices.get(name)
    encoder = device.encoder(EncoderOptions(fs=device.fs or FS_UNKNOWN))
    n = 8 * round(encoder.fs)
    return len(encoder.encode(np.zeros((n, 1), np.float32))) / n


def _numbers_fit(device: Device, text: bytes) -> float:
    """Lines of text: which of their meanings the numbers themselves suggest, 1 or less."""
    if not device.name.startswith("text"):
        return 1.0
    is_json, has_point = b"{" in text, b"." in text
    if is_json:
        return 1.0 if device.name == "text-json" else 0.9
    wanted = "text-mv" if has_point else "text"
    return 1.0 if device.name == wanted else 0.9 if device.name != "text-json" else 0.8


def _looks_alive(mv: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
    """A signal goes on where it was, or under strong hum comes there again; bytes that were misread jump about."""
    values = mv[np.isfinite(mv)]
    if len(values) < 2:
        return True  # electrodes off: no value at all
    low, high = np.percentile(values, [5, 95])
    n_lags = min(MOST_LAGS, len(values) // 8)
    steps = [np.median(np.abs(values[k:] - values[:-k])) for k in range(1, n_lags + 1)]
    return bool(high == low or steps[0] < JUMPY * (high - low) or min(steps) < COMES_AGAIN * (high - low))
