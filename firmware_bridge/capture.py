"""[io] Captures: what came from a device and when, as lines of JSON that can be read again. And golden logs.

A capture has a line ``{"t_s": 0.12, "hex": "a0 ..."}`` for each piece, in seconds since the first. A golden log is one
with a line before, ``{"origin": "...", "format": "...", "options": {...}}``, which says where the bytes are from and
how they are to be decoded, and one after, ``{"expected": [...]}``, with the events that come of them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firmware_bridge import devices
from firmware_bridge.device import Decoder, DecoderOptions
from firmware_bridge.types import F32, BadInput, Gap, SampleBlock

Piece = tuple[float, bytes]
"""Time of arrival in seconds, and what arrived."""
STEP_MV = 1e-4
"""Expected values are compared in steps of this."""
NO_VALUE = -(1 << 31)


@dataclass(frozen=True)
class Log:
    """What a file held.

    Attributes
    ----------
    pieces : list of Piece
        What came.
    origin : str
        Where from; empty in a plain capture.
    format : str
        The device's name; empty in a plain capture.
    options : dict
        What the decoder is to be told: `fs`, `leads`.
    expected : list or None
        What `events` gives of it; None in a plain capture.
    """

    pieces: list[Piece]
    origin: str = ""
    format: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    expected: list[Any] | None = None

    def decoder(self) -> Decoder:
        """A new decoder as the log wants it. Raises BadInput."""
        leads = self.options.get("leads")
        options = DecoderOptions(fs=self.options.get("fs"), leads=tuple(leads) if leads else None)
        return devices.get(self.format).decoder(options)


def write(path: Path, pieces: Sequence[Piece]) -> None:
    """Write a capture. Raises BadInput where that is impossible."""
    _write(path, _lines(pieces))


def write_golden(path: Path, log: Log) -> None:
    """Write a golden log, with what comes of it now as what is expected. Raises BadInput."""
    if not log.origin:
        raise BadInput(
            f"{path}: got no origin, expected where the bytes are from; name device, place and day"
        )
    head = {"origin": log.origin, "format": log.format, "options": log.options}
    expected = {"expected": events(log.decoder(), log.pieces)}
    _write(path, [json.dumps(head), *_lines(log.pieces), json.dumps(expected)])


def _lines(pieces: Sequence[Piece]) -> list[str]:
    first_s = pieces[0][0] if pieces else 0.0
    return [json.dumps({"t_s": round(t_s - first_s, 6), "hex": data.hex()}) for t_s, data in pieces]


def _write(path: Path, lines: Iterable[str]) -> None:
    try:
        path.write_text("\n".join(lines) + "\n", encoding="ascii")
    except OSError as error:
        raise BadInput(f"{path}: cannot write it: {error.strerror or error}; choose another place") from None


def read(path: Path) -> Log:
    """Read a capture or a golden log. Raises BadInput for anything else."""
    head: dict[str, Any] = {}
    pieces: list[Piece] = []
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            row: dict[str, Any] = json.loads(line)
            if not isinstance(row, dict):
                raise TypeError
            if "t_s" in row:
                pieces.append((float(row["t_s"]), bytes.fromhex(row["hex"])))
            else:
                head.update(row)
        return Log(pieces, **head)
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"{path}: got some other file, expected one that `doctor --capture` has written"
        ) from None


def events(decoder: Decoder, pieces: Iterable[Piece]) -> list[Any]:
    """What `decoder` makes of `pieces`: one row for each unbroken stretch, and each gap, and the counts at the end."""
    items = [item for t_s, data in pieces for item in decoder.feed(data, t_s)]
    return summary(items) + [{"counts": {name: n for name, n in asdict(decoder.stats).items() if n}}]


def summary(items: Iterable[SampleBlock | Gap]) -> list[Any]:
    """Rows that are the same however blocks were cut.

    A stretch is ``{"start", "n", "fs", "leads", "lead_off", "clipped", "pace", "crc"}``, the last over its values
    [0.1 uV] as int32, little-endian; a gap is ``{"gap": start, "n_lost", "reason"}``.
    """
    rows: list[dict[str, Any]] = []
    held: list[F32] = []
    facts: dict[str, Any] | None = None

    def close() -> None:
        nonlocal facts
        if facts is not None:
            mv = np.concatenate(held).astype(np.float64)
            values = np.where(np.isnan(mv), NO_VALUE, np.rint(np.nan_to_num(mv) / STEP_MV)).astype("<i4")
            rows.append({**facts, "n": len(mv), "crc": zlib.crc32(values.tobytes())})
        facts = None
        held.clear()

    for item in items:
        if isinstance(item, Gap):
            close()
            rows.append({"gap": item.start, "n_lost": item.n_lost, "reason": item.reason})
            continue
        same = {"fs": item.fs, "leads": list(item.leads), "lead_off": item.lead_off, "clipped": item.clipped}
        if facts is None or any(facts[key] != value for key, value in same.items()):
            close()
            facts = {"start": item.start, **same, "pace": []}
        facts["pace"] += item.pace
        held.append(item.mv)
    close()
    return rows
