"""Measurement by measurement: what ``mxm`` does, for heart rates and anything else in MEASURE marks ('=').

A mark's subtype says what was measured, its text is the value. Each test measurement is held against the
reference measurement nearest in time, the later of two that are equally near.

Quirks of the original that are kept:

- The number of measurements by which the sums are divided counts every test measurement that was read, those
  of the learning period among them, though their errors are not summed.
- Before the first reference measurement stands one of 0 at sample -1, which a test measurement may be nearest
  to.
- The comparison goes on until both lists are past the scope's end. Where the reference is not when the test
  is, one test measurement past the end is compared too; where the test list has none, its last one is compared
  once more, and is not counted.
- A mark without text repeats the value before it; a text that is no number is 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.recording.annotations import Mark
from train.ec57.errors import Ec57Error
from train.ec57.scope import LEARNING_S, NEVER, scope_of

MEASURE = "="
LINE_TITLE = "(Measurement errors)\n"
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")


@dataclass(frozen=True, slots=True)
class Measurements:
    """What :func:`mxm` found: sums over all pairs, in the unit of the measurement.

    Attributes
    ----------
    kind : int
        What was measured: the subtype of the marks.
    n : int
        Test measurements that were read.
    squares : float
        Sum of the squared errors.
    reference_sum : float
        Sum of the reference measurements.
    """

    kind: int
    n: int
    squares: float
    reference_sum: float

    @property
    def rms_error(self) -> float:
        """Root of the mean squared error."""
        return math.sqrt(self.squares / self.n)

    @property
    def rms_percent(self) -> float:
        """The same as a share of the mean reference measurement [percent]. Raises Ec57Error where that is 0."""
        if self.reference_sum == 0:
            raise Ec57Error("mxm: reference measurements have zero mean; ask for the unnormalized error (-u)")
        return 100.0 * math.sqrt(self.squares * self.n / (self.reference_sum * self.reference_sum))

    @property
    def mean_reference(self) -> float:
        """Mean of the reference measurements."""
        return self.reference_sum / self.n


def mxm(
    reference: Iterable[Mark],
    test: Iterable[Mark],
    fs: float,
    n_samples: int | None = None,
    *,
    kind: int = 0,
    start_s: float = LEARNING_S,
    end_s: float | None = None,
) -> Measurements:
    """Compare two annotation lists measurement by measurement.

    Parameters
    ----------
    reference, test : iterable of Mark
        The two lists, in order of time; other marks than MEASURE ones of this kind are passed over.
    fs, n_samples, start_s, end_s
        As for :func:`train.ec57.bxb`.
    kind : int
        Subtype of the marks to compare.

    Raises
    ------
    Ec57Error
        When nothing is to be scored, or one of the lists holds no such measurement.
    """
    scope = scope_of("mxm", fs, n_samples, start_s, end_s)
    ref, tst = _Meter(reference, kind), _Meter(test, kind)
    ref.time = -1
    tst.advance()
    while tst.time < scope.start:
        tst.advance()
    squares = total = 0.0
    before_time, before_value = 0, 0.0
    while scope.goes_on(ref.time, tst.time):
        while ref.time < tst.time:
            before_time, before_value = ref.time, ref.value
            ref.advance()
        earlier = tst.time - before_time < ref.time - tst.time
        value = before_value if earlier else ref.value
        total += value
        squares += (value - tst.value) * (value - tst.value)
        tst.advance()
    for name, meter in (("reference", ref), ("test", tst)):
        if meter.n == 0:
            raise Ec57Error(f"mxm: no measurements of type {kind} in the {name} list: expected '=' marks")
    return Measurements(kind, tst.n, squares, total)


def standard(record: str, result: Measurements, reference: str, test: str, normalized: bool = True) -> str:
    """The report of one record; `reference` and `test` are the annotators' names."""
    if normalized:
        error = f"     Normalized RMS error: {result.rms_percent:7.4f}% (n = {result.n})"
    else:
        error = f"   Unnormalized RMS error: {result.rms_error:7.4f} (n = {result.n})"
    return (
        f"Measurement-by-measurement comparison results for record {record}\n"
        f"Measurement number {result.kind}\n"
        f"Reference annotator: {reference}\n     Test annotator: {test}\n\n"
        f"{error}\nMean reference measurement: {result.mean_reference:g}\n"
    )


def line_header(kind: int) -> str:
    """The three lines that stand above the lines of a file."""
    return f"{LINE_TITLE}Measurement {kind}\nRecord\tRMS error (%)\tMean reference measurement\n"


def line(record: str, result: Measurements, normalized: bool = True) -> str:
    """One record as one line under :func:`line_header`."""
    error = result.rms_percent if normalized else result.rms_error
    note = "" if normalized else " (unnormalized)"
    return f"{record:>6s}\t{error:7.4f}\t\t{result.mean_reference:g}{note}\n"


def number(text: str) -> float:
    """The number that a text begins with, 0 where it begins with none."""
    found = _NUMBER.match(text)
    return float(found[1]) if found else 0.0


class _Meter:
    """The measurements of one kind in a list: `time` and `value` of the current one, `n` read so far."""

    def __init__(self, marks: Iterable[Mark], kind: int) -> None:
        self._marks: Iterator[Mark] = iter(marks)
        self._kind = kind
        self.time, self.value, self.n = 0, 0.0, 0

    def advance(self) -> None:
        """Step to the next measurement; at the list's end the time is :data:`NEVER` and the value stays."""
        for mark in self._marks:
            if mark.symbol == MEASURE and mark.subtype == self._kind:
                self.time, self.n = mark.sample, self.n + 1
                if mark.aux:
                    self.value = number(mark.aux)
                return
        self.time = NEVER
