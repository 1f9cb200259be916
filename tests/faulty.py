"""Plays every device over a bad line: ``python tests/faulty.py [NAME ...] [--minutes 5] [--seeds 5] [--faults TEXT]``.

The virtual patient's samples go through the device's encoder, lose frames and have bits flipped on the way, and reach
decoder, link watch, pipeline and alarms as `heartwire run` has them: it is the same monitor, but that its clock is
played as well, so that a minute takes a second. What reached the pipeline is held against what was sent, sample by
sample: a line a device with what was counted and which alarms were raised.

How many damaged samples a checksum lets through at one flip in a thousand bits is arithmetic, and stands in
`MOST_WRONG`: none by 16 bits; a few by the sum of a byte (bmd101: two flips of the same bit of two of its bytes, in
opposite ways: 1.4e-5 a frame) and by 4 bits of CRC (bitalino: two flips 15 bits apart, 9e-6 a frame).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edge import monitor as shell  # noqa: E402
from edge import telling  # noqa: E402
from edge.artefact import Models, load_models  # noqa: E402
from edge.config import MqttConfig  # noqa: E402
from edge.io.source import SourceEnded  # noqa: E402
from edge.messages import Composer  # noqa: E402
from edge.pipeline import Item, Pipeline  # noqa: E402
from edge.types import Alarm, Beat, Event, Status  # noqa: E402
from firmware_bridge import devices, faults  # noqa: E402
from firmware_bridge.device import DecoderOptions  # noqa: E402
from firmware_bridge.patient import VirtualPatient  # noqa: E402
from firmware_bridge.simulator import byte_wire, rate_of  # noqa: E402
from firmware_bridge.types import F32, SampleBlock  # noqa: E402

SCRIPT = "sinus:3600s rate=72"
FAULTS = "drop=0.2; flip=1e-3"
LETHAL = ("asystole", "vf", "vt", "extreme_brady", "extreme_tachy")
STEP_S = 0.04
HEAD_S = 2.0
"""The line is good for so long at first: whose count is not known loses nothing."""
TAIL_S = 6.0
"""And at the end: what is then in its place was never out of it."""
SETTLE_S = 2.5
"""So much of that is not looked at: a decoder finds its frames again, of a monitor's two seconds long."""
BESIDE = 64
"""Where nothing is counted a sample is looked for so many places off from the one before."""
MOST_WRONG = {"bmd101": 5.0, "bitalino": 5.0}
"""Damaged samples a minute that may be taken for good ones; ten times what is to be expected of each checksum."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """What came of one device over one bad line.

    Attributes
    ----------
    name : str
        Which device.
    n_sent, n_got : int
        Samples that were sent, and of them those that reached the pipeline.
    n_wrong : int
        Those that were not sent so: there, or nearby where the format has no counter (see `foreign`).
    n_astray : int
        Samples that are missing or wrong at the end, when the line has been good again for some seconds.
    n_lost, n_told : int
        Losses as the decoder counted them, and in the monitor's last word.
    n_beats : int
        Beats that the monitor called.
    alarms : tuple of str
        Alarms that were raised.
    """

    name: str
    n_sent: int
    n_got: int
    n_wrong: int
    n_astray: int
    n_lost: int
    n_told: int
    n_beats: int
    alarms: tuple[str, ...]

    @property
    def lethal(self) -> tuple[str, ...]:
        """Alarms that none of this may raise."""
        return tuple(name for name in self.alarms if name in LETHAL)

    def trouble(self, minutes: float) -> list[str]:
        """What is not as it must be, in words."""
        device = devices.get(self.name)
        found = [f"{name} alarm" for name in self.lethal]
        if device.has_checksum and self.n_wrong > MOST_WRONG.get(self.name, 0.0) * max(1.0, minutes):
            found.append(f"{self.n_wrong} damaged samples taken")
        if device.has_counter and not self.n_sent - self.n_got == self.n_lost == self.n_told:
            found.append(f"{self.n_sent - self.n_got} lost, {self.n_lost} counted, {self.n_told} told")
        if device.has_counter and self.n_astray:
            found.append(f"{self.n_astray} samples out of place at the end")
        if not self.alarms and self.n_beats < 35 * minutes:
            found.append(f"{self.n_beats} beats, and no alarm tells why")
        return found

    def line(self, minutes: float) -> str:
        """As a person reads it."""
        device = devices.get(self.name)
        tells = ("counter " if device.has_counter else "") + ("checksum" if device.has_checksum else "")
        said = "; ".join(self.trouble(minutes)) or "good"
        return (
            f"{self.name:16} {tells:16} {self.n_got:7} of {self.n_sent:7}, {self.n_lost:6} counted as lost, "
            f"{self.n_wrong:5} damaged, {self.n_beats:4} beats, {', '.join(self.alarms) or 'no alarm'}: {said}"
        )


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        """Seconds since some time or other."""
        return self.now_s

    def time(self) -> float:
        """Seconds since 1970."""
        return 1.7e9 + self.now_s

    def sleep(self, seconds: float) -> None:
        """Wait, in no time."""
        self.now_s += seconds


class Line:
    """A source of bytes that come `step_s` after each other, by `clock`."""

    name = "a bad line"

    def __init__(self, pieces: Sequence[bytes], step_s: float, clock: Clock) -> None:
        self._pieces, self._step_s, self._clock = iter(pieces), step_s, clock
        self._near, self._far = os.pipe()
        os.write(self._far, b"!")  # there is always something to read

    def open(self) -> None:
        """It is."""

    def explain(self, error: OSError) -> str:
        """Nothing to add."""
        return str(error)

    def fileno(self) -> int:
        """Something that can be read."""
        return self._near

    def read(self) -> bytes:
        """The next piece, at its time."""
        piece = next(self._pieces, None)
        if piece is None:
            raise SourceEnded
        self._clock.sleep(self._step_s)
        return piece

    def tick(self, now_s: float) -> None:
        """Nobody has to be asked."""

    def close(self) -> None:
        """Let go."""
        for end in (self._near, self._far):
            if end >= 0:
                os.close(end)
        self._near = self._far = -1


class Seen(Pipeline):
    """A pipeline that keeps what came in and what went out."""

    def __init__(self, models: Models) -> None:
        super().__init__(models, device_id="bed1")
        self.blocks: list[SampleBlock] = []
        self.events: list[Event] = []

    def parts(self, item: Item) -> Iterator[list[Event]]:
        """As the pipeline's."""
        if isinstance(item, SampleBlock):
            self.blocks.append(item)
        for part in super().parts(item):
            self.events += part
            yield part


def play(
    name: str, models: Models, seconds: float = 60.0, seed: int = 0, text: str = FAULTS, script: str = SCRIPT
) -> Damaged:
    """The device `name` for so long, with the faults of `text` but for the beginning and the end."""
    device, fs = devices.get(name), rate_of(name, None)
    step = max(1, round(STEP_S * fs))
    n = round(seconds * fs) // step * step
    mv = VirtualPatient(fs, seed, script).read(n).mv
    while_s = f"@{HEAD_S:g}+{seconds - HEAD_S - TAIL_S:g}"
    wrong = faults.parse(";".join(part + while_s for part in text.split(";")))
    wire = byte_wire(name, fs, ("ECG",), wrong, seed, asked=True)
    pieces = [wire.hello(), *(wire.encode(mv[k : k + step]) for k in range(0, n, step))]
    decoder, seen, clock = device.decoder(DecoderOptions("bed1")), Seen(models), Clock()
    with patch.object(shell, "time", clock), patch.object(telling, "time", clock):
        line, composer = Line(pieces, step / fs, clock), Composer("bed1", "b00t")
        bed = shell.Monitor(line, decoder, lambda: seen, composer, MqttConfig(), lambda _: None)
        bed.run()
    assert bed.n_errors == 0
    sent, got = clean(name, fs, mv), placed(seen.blocks)
    told = [event.n_lost for event in seen.events if isinstance(event, Status)]
    alarms = {event.name for event in seen.events if isinstance(event, Alarm) and event.state == "active"}
    tail = round((TAIL_S - SETTLE_S) * fs)
    right = np.zeros(len(sent), bool)
    both = min(len(sent), len(got))
    right[:both] = sent[:both] == got[:both]
    return Damaged(
        name, len(sent), int(np.sum(~np.isnan(got))), foreign(sent, got, device.has_counter),
        int(np.sum(~right[-tail:])) + max(0, len(got) - len(sent)),
        decoder.stats.n_lost, told[-1] if told else -1,
        sum(isinstance(event, Beat) and event.final for event in seen.events), tuple(sorted(alarms)),
    )  # fmt: skip


def clean(name: str, fs: float, mv: F32) -> F32:
    """The samples `mv` (n, 1) as the device has them, in mV; those of a last frame that is not full are left out."""
    wire = byte_wire(name, fs, ("ECG",), asked=True)
    return placed(
        [
            item
            for item in devices.get(name).decoder(DecoderOptions(fs=fs)).feed(wire.hello() + wire.encode(mv))
            if isinstance(item, SampleBlock)
        ]
    )


def placed(blocks: Sequence[SampleBlock]) -> F32:
    """The first lead's samples at their places, NaN where there are none."""
    out = np.full(max((block.end for block in blocks), default=0), np.nan, np.float32)
    for block in blocks:
        out[block.start : block.end] = block.mv[:, 0]
    return out


def foreign(sent: F32, got: F32, counted: bool) -> int:
    """How many samples of `got` are none of `sent`: at their places, or where nothing counts them, nearby in order."""
    if counted:
        there = np.flatnonzero(~np.isnan(got))
        padded = np.append(sent, np.full(max(0, len(got) - len(sent)), np.nan, np.float32))
        return int(np.sum(got[there] != padded[there]))
    known, n, at = sent.tolist(), 0, 0
    for value in got[~np.isnan(got)].tolist():
        ahead, behind = known[at : at + BESIDE], known[max(0, at - BESIDE) : at]
        if value in ahead:
            at += ahead.index(value) + 1
        elif value in behind:
            at -= behind[::-1].index(value)
        else:
            n += 1
    return n


@cache
def _models() -> Models:
    return load_models()


def _play(job: tuple[str, float, int, str]) -> Damaged:
    name, seconds, seed, text = job
    return play(name, _models(), seconds, seed, text)


def main(argv: Sequence[str] | None = None) -> int:
    """Play them; 1 if one of them is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="devices; all unless named")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, default=5, help="patients, and lines, for each")
    parser.add_argument("--faults", default=FAULTS, help=f"what goes wrong (default: {FAULTS})")
    parser.add_argument("--jobs", type=int, default=2, help="so many at once")
    args = parser.parse_args(argv)
    jobs = [
        (name, 60.0 * args.minutes, seed, args.faults)
        for name in args.names or devices.names()
        for seed in range(args.seeds)
    ]
    good = True
    with ProcessPoolExecutor(args.jobs) as pool:
        for damaged in pool.map(_play, jobs):
            print(damaged.line(args.minutes), flush=True)
            good = good and not damaged.trouble(args.minutes)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
