"""Lines of text: what an AD8232 on an Arduino prints, and what anyone prints who wants to be read.

A line is ``!`` (an electrode is off), or one number for each lead with comma, semicolon, blank or tab
between, each perhaps after a label (``ECG:512``, as the Arduino plotter likes). ``nan`` is a sample without a
value. More numbers than leads are allowed: the first count. A line may also be a JSON object: ``lead_off: true``,
and the numbers of ``x`` (one or a list), else those named like the leads, else all but the usual by-work (`BY_WORK`)
in their order; null is a sample without a value. All other text is ignored and counted.

There is no counter, no checksum and no clock: lost lines are not seen, and a rate that is not given is
measured over the first 4 s (but for the very first) and then kept. The sketch that most boards run does not pace
its lines, the serial line does (5 or 6 bytes each at 9600 baud: 160 to 192 lines a second), so no default rate
would be right.

Source of the line format: SparkFun's AD8232 Heart Rate Monitor sketch.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from firmware_bridge.device import FS_MAX, FS_MIN, DecoderOptions, Device, Encoder, EncoderOptions
from firmware_bridge.devices.blocks import BlockBuilder, samples_between
from firmware_bridge.framing import DelimiterFramer
from firmware_bridge.types import F32, BadInput, Gap, LinkStats, SampleBlock

MAX_LINE = 200
MEASURE_S = 4.0
SETTLE_S = 1.0
"""So much of it is not looked at: a reader that has just started is late, and less so with every line."""
MAX_HELD = 40_000
USUAL_FS = (50, 100, 125, 128, 200, 250, 256, 300, 360, 400, 500, 512, 1000)
USUAL_WITHIN = 0.01
"""A measured rate this near (relative) to a usual one is that one: 4 s of jittery lines tell it no better."""

BY_WORK = frozenset(
    ["t", "t_ms", "t_us", "ts", "time", "timestamp", "millis", "n", "seq", "i", "fs", "hr", "bpm", "rr"]
)
"""Keys of a JSON object that are no sample, in small letters."""

_NUMBER = rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?|[nN][aA][nN]"
_VALUE = re.compile(_NUMBER)
_FIELD = re.compile(rb"(?:[A-Za-z_]\w{0,31}:)?(" + _NUMBER + rb")")
_BETWEEN = re.compile(rb"[ ]*[,;\t][ ]*|[ ]+")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a number in a line means: mV = (number - zero) * lsb_mv; valid from `low` to `high`.

    `has_rails`: these two are the ends of a converter, and a signal that stands there is clipped.
    """

    lsb_mv: float
    zero: float
    low: float
    high: float
    decimals: int = 0
    has_rails: bool = False


def adc_numbers(bits: int, vref_mv: float = 3300.0, gain: float = 1100.0) -> Numbers:
    """Give the numbers of an ADC behind an AD8232, whose output rests at half its supply.

    Gain 1100 is that of SparkFun's board, its supply and reference 3.3 V. On a board with a 5 V reference
    use ``scale=1.515``.
    """
    return Numbers(vref_mv / 2**bits / gain, 2 ** (bits - 1), 0, 2**bits - 1, has_rails=True)


MILLIVOLTS = Numbers(1.0, 0.0, -1000.0, 1000.0, decimals=4)


class TextDecoder:
    """Lines to blocks. See `firmware_bridge.device.Decoder`.

    Counted in `stats`: `n_frames` lines that were samples, `n_unknown` lines that were not, `n_rejected`
    numbers out of range (their samples are NaN) and samples of a rate that could not be, `n_resync` a first
    line that was cut by opening the port and lines beyond all measure.
    """

    def __init__(self, numbers: Numbers, options: DecoderOptions) -> None:
        self.stats = LinkStats()
        self._numbers = numbers
        self._leads = options.leads or ("ECG",)
        self._n_leads = len(self._leads)
        self._all_off = (1 << self._n_leads) - 1
        self._lsb_mv = numbers.lsb_mv * options.factor
        ends = sorted((end - numbers.zero) * self._lsb_mv for end in (numbers.low, numbers.high))
        self._low_mv, self._high_mv = ends if numbers.has_rails else (-math.inf, math.inf)
        self._framer = DelimiterFramer(b"\n", MAX_LINE, self.stats)
        self._blocks = BlockBuilder(options.device_id, self._leads, options.fs or 0.0, self.stats)
        self._arrivals: list[tuple[float, int]] = []
        self._fresh = True
        self._t_s: float | None = None
        self._reopened = False

    def feed(self, data: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        """Take the next bytes.

        Raises
        ------
        BadInput
            When the rate is neither given nor measurable, because no receive times come.
        """
        if self._blocks.fs == 0 and t_s is None:
            raise BadInput(
                "got no fs and no receive times, expected one of them, from a text device; give fs"
            )
        self.stats.n_bytes += len(data)
        for line in self._framer.feed(data):
            self._take(line.strip(), t_s)
        if self._blocks.total:
            self._t_s = t_s if t_s is not None else self._t_s
        if self._blocks.fs == 0 and not self._measure(t_s):
            return []
        return self._blocks.take()

    def reset(self) -> None:
        """Forget the partial line; time without signal becomes a gap where receive times tell it."""
        self._framer.reset()
        self._fresh = True
        self._reopened = self._blocks.total > 0
        if self._blocks.fs == 0:
            self._drop_held()

    def _take(self, line: bytes, t_s: float | None) -> None:
        if self._fresh:
            self._fresh = False
            self.stats.n_resync += line != b""
            return
        if not line:
            return
        row = self._read(line)
        if row is None:
            self.stats.n_unknown += 1
            return
        if self._reopened:
            self._reopened = False
            self._blocks.gap(samples_between(self._t_s, t_s, self._blocks.fs), "no_signal")
        self.stats.n_frames += 1
        values, off = row
        low, high, clipped = self._low_mv, self._high_mv, 0
        if min(values) <= low or max(values) >= high:
            clipped = sum(1 << k for k, value in enumerate(values) if value <= low or value >= high)
        self._blocks.add(values, self._all_off if off else 0, clipped)

    def _read(self, line: bytes) -> tuple[list[float], bool] | None:
        """Give the values of a line in mV and whether an electrode is off; None when it is not a sample."""
        if line == b"!":
            return [math.nan] * self._n_leads, True
        if line.startswith(b"{"):
            return self._read_json(line)
        values = self._read_numbers(line)
        return None if values is None else (values, False)

    def _read_json(self, line: bytes) -> tuple[list[float], bool] | None:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if found.get("lead_off") is True:
            return [math.nan] * self._n_leads, True
        numbers = _numbers_of(found, self._leads)[: self._n_leads]
        if len(numbers) < self._n_leads:
            return None
        return [math.nan if x is None else self._to_mv(float(x)) for x in numbers], False

    def _read_numbers(self, line: bytes) -> list[float] | None:
        if self._n_leads == 1 and _VALUE.fullmatch(line):
            return [self._to_mv(float(line))]
        fields = [_FIELD.fullmatch(field) for field in _BETWEEN.split(line.replace(b": ", b":"))]
        values = [self._to_mv(float(field[1])) for field in fields[: self._n_leads] if field]
        if len(values) < self._n_leads or None in fields:
            return None
        return values

    def _to_mv(self, number: float) -> float:
        if self._numbers.low <= number <= self._numbers.high:
            return (number - self._numbers.zero) * self._lsb_mv
        self.stats.n_rejected += number == number
        return math.nan

    def _measure(self, t_s: float | None) -> bool:
        """Measure the rate by the arrivals; True once it is known."""
        if t_s is None or not self._blocks.total:
            return False
        self._arrivals.append((t_s, self._blocks.total))
        if self._blocks.total > MAX_HELD or len(self._arrivals) > MAX_HELD:
            self._drop_held()
            return False
        if t_s - self._arrivals[0][0] < MEASURE_S:
            return False
        points = np.array(self._arrivals)
        settled = points[points[:, 0] >= points[0, 0] + SETTLE_S]
        points = settled if len(settled) > 2 else points
        t, count = (points - points.mean(axis=0)).T
        fs = float((t * count).sum() / (t * t).sum())
        if not FS_MIN <= fs <= FS_MAX:
            self._drop_held()
            return False
        self._blocks.fs = next((float(u) for u in USUAL_FS if abs(fs / u - 1) < USUAL_WITHIN), fs)
        self._arrivals.clear()
        return True

    def _drop_held(self) -> None:
        """Give up the samples held for want of a rate: measuring starts again."""
        self.stats.n_rejected += self._blocks.total
        self._blocks = BlockBuilder(self._blocks.device_id, self._leads, 0.0, self.stats)
        self._arrivals.clear()
        self._reopened = False


def _numbers_of(found: dict[str, Any], leads: tuple[str, ...]) -> list[Any]:
    """Give the samples in a JSON object, each a number or None."""
    named = [found[lead] for lead in leads if lead in found]
    values = found.get("x", named if len(named) == len(leads) else None)
    if values is None:
        values = [value for key, value in found.items() if key.lower() not in BY_WORK and key != "lead_off"]
    values = values if isinstance(values, list) else [values]
    return [x for x in values if x is None or (isinstance(x, (int, float)) and not isinstance(x, bool))]


class TextEncoder:
    """Samples to lines. See `firmware_bridge.device.Encoder`.

    Raises
    ------
    BadInput
        When `options` name no rate.
    """

    def __init__(self, numbers: Numbers, options: EncoderOptions) -> None:
        if options.fs is None:
            raise BadInput("got no fs, expected the rate in Hz, in the text encoder; give fs")
        self.fs = options.fs
        self._numbers = numbers
        self._n_leads = len(options.leads)

    def preamble(self) -> bytes:
        """An empty line, which ends whatever noise came before."""
        return b"\r\n"

    def encode(self, mv: F32, lead_off: int = 0) -> bytes:
        """Give a line for each sample of float32 `mv` (n, n_leads) in mV."""
        rows = mv.reshape(-1, self._n_leads).astype(np.float64)
        if lead_off:
            return b"!\r\n" * rows.shape[0]
        numbers = self._numbers
        scaled = np.clip(rows / numbers.lsb_mv + numbers.zero, numbers.low, numbers.high)
        return "".join(
            ",".join(f"{value:.{numbers.decimals}f}" for value in row) + "\r\n" for row in scaled.tolist()
        ).encode()


class JsonEncoder(TextEncoder):
    """Samples to lines of JSON, one object a sample: ``{"n": 7, "x": [0.1234]}``."""

    def __init__(self, numbers: Numbers, options: EncoderOptions) -> None:
        super().__init__(numbers, options)
        self._n = options.first_seq

    def encode(self, mv: F32, lead_off: int = 0) -> bytes:
        """Give a line for each sample of float32 `mv` (n, n_leads) in mV."""
        lines = []
        for row in mv.reshape(-1, self._n_leads).astype(np.float64).tolist():
            values = ",".join(f"{value:.4f}" if math.isfinite(value) else "null" for value in row)
            rest = '"lead_off":true' if lead_off else f'"x":[{values}]'
            lines.append(f'{{"n":{self._n},{rest}}}\r\n')
            self._n += 1
        return "".join(lines).encode()


def _device(
    name: str,
    title: str,
    baud: int,
    numbers: Numbers,
    encoder: Callable[[Numbers, EncoderOptions], Encoder] = TextEncoder,
) -> Device:
    return Device(
        name=name,
        title=title,
        fs=None,
        baud=baud,
        leads=("ECG",),
        decoder=partial(TextDecoder, numbers),
        encoder=partial(encoder, numbers),
        has_lead_off=True,
    )


DEVICE = _device("text", "lines of 10-bit numbers (AD8232 on an Arduino Uno)", 9600, adc_numbers(10))
ESP32 = _device("text-esp32", "lines of 12-bit numbers (AD8232 on an ESP32)", 115200, adc_numbers(12))
MV = _device("text-mv", "lines of millivolts", 115200, MILLIVOLTS)
NDJSON = _device("text-json", "lines of JSON, in millivolts", 115200, MILLIVOLTS, JsonEncoder)
