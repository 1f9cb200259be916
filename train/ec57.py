"""Beat-by-beat comparison of two annotation lists as ANSI/AAMI EC57 asks for it: ``bxb`` in Python.

Gives the figures of the WFDB program ``bxb`` digit for digit, on lists that come from anywhere. Needs nothing
but the standard library and :mod:`train.labels`; :func:`marks` takes what ``wfdb.rdann`` returns. The reports
are in :mod:`train.ec57_report`.

Quirks of the original that are kept, because a score without them is another score:

- F and Q beats called V are no false VEB, and F, Q beats called S: only the F ones are a false SVEB.
- The RR error counts one term for every pair, missed and extra beats included, and there with the RR interval
  of the side that did not move.
- The last beat of the learning period may still match the first reference beat after it; a first test beat
  within one window of the start is dropped uncounted where the next one is closer.
- A flutter wave ('!') outside VF marks takes part in the matching and is counted nowhere.
- Test beats inside reference VF are not counted; reference beats inside test VF are counted as usual.
- VF that never ends hides test beats only when it is the first VF of the record.
- One NOISE mark alone, without its end, is a shutdown from the beat before it to the mark after it, a window
  short at both ends.
- Shutdown time is rounded down to whole seconds after half a second was added.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from train.labels import TABLE

CLASSES = ("N", "S", "V", "F", "Q")
#: Later than any sample: the time of an annotation list that has ended.
NEVER = 1 << 62
_NONE = -1
_NOISE, _VF_ON, _VF_OFF, _FLUTTER = "~", "[", "]", "!"
_UNREADABLE = 0x30  # bits 4 and 5 of a NOISE mark's subtype: both signals unreadable


@dataclass(frozen=True, slots=True)
class Mark:
    """One annotation: sample index, WFDB symbol, and subtype (used by NOISE marks '~' alone)."""

    sample: int
    symbol: str
    subtype: int = 0


def marks(annotation: Any) -> list[Mark]:
    """The list of :class:`Mark` of a ``wfdb.Annotation``."""
    columns = zip(annotation.sample, annotation.symbol, annotation.subtype, strict=True)
    return [Mark(int(sample), symbol, int(subtype)) for sample, symbol, subtype in columns]


@dataclass(frozen=True, slots=True)
class Rate:
    """A quotient of two counts: `hits` of `total`."""

    hits: int
    total: int

    @property
    def percent(self) -> float | None:
        """In percent, or None where `total` is 0."""
        return 100.0 * self.hits / self.total if self.total > 0 else None


class Matrix:
    """Counts of label pairs: reference N S V F Q O X against test N S V F Q O X.

    O is a beat that the other side does not have, X one that it does not have because it was shut down.
    """

    __slots__ = ("counts",)

    def __init__(self, counts: Counter[tuple[str, str]] | None = None) -> None:
        self.counts: Counter[tuple[str, str]] = Counter() if counts is None else counts

    def __add__(self, other: Matrix) -> Matrix:
        return Matrix(self.counts + other.counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matrix) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]

    def n(self, reference: str, test: str) -> int:
        """Pairs whose reference label is one of the letters of `reference` and test label one of `test`."""
        return sum(self.counts[row, column] for row in reference for column in test)

    @property
    def qrs_se(self) -> Rate:
        """Sensitivity to QRS complexes."""
        return Rate(self.n("NSVFQ", "NSVFQ"), self.n("NSVFQ", "NSVFQOX"))

    @property
    def qrs_ppv(self) -> Rate:
        """Positive predictivity of QRS complexes."""
        return Rate(self.n("NSVFQ", "NSVFQ"), self.n("NSVFQOX", "NSVFQ"))

    @property
    def veb_se(self) -> Rate:
        """Sensitivity to ventricular ectopic beats."""
        return Rate(self.n("V", "V"), self.n("V", "NSVFQOX"))

    @property
    def veb_ppv(self) -> Rate:
        """Positive predictivity of ventricular ectopic beats; F and Q called V do not count against it."""
        return Rate(self.n("V", "V"), self.n("NSVOX", "V"))

    @property
    def sveb_se(self) -> Rate:
        """Sensitivity to supraventricular ectopic beats."""
        return Rate(self.n("S", "S"), self.n("S", "NSVFQOX"))

    @property
    def sveb_ppv(self) -> Rate:
        """Positive predictivity of supraventricular ectopic beats; Q called S does not count against it."""
        return Rate(self.n("S", "S"), self.n("NSVFOX", "S"))

    def in_shutdown(self, label: str) -> Rate:
        """Reference beats of a class that were missed in a shutdown of the test annotator."""
        return Rate(self.n(label, "X"), self.n(label, "NSVFQOX"))

    @property
    def beats_in_shutdown(self) -> Rate:
        """All reference beats missed in shutdown; the original leaves the S beats out of the numerator."""
        return Rate(self.n("NVFQ", "X"), self.qrs_se.total)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What :func:`bxb` found.

    `rr_squares` is the sum over `n_rr` terms of the squared RR error [samples squared]; `shutdown_s` the time
    that the test annotator was shut down [whole seconds]; `fs` the rate of both lists [Hz].
    """

    matrix: Matrix
    n_rr: int
    rr_squares: int
    shutdown_s: int
    fs: float

    @property
    def rr_error_ms(self) -> float | None:
        """Root of the mean squared RR interval error [ms], None where there was no pair of intervals."""
        if not self.n_rr:
            return None
        return math.sqrt(self.rr_squares / self.n_rr) * 1000.0 / samples(1.0, self.fs)


def samples(seconds: float, fs: float) -> int:
    """Seconds as a whole number of samples, halves rounded up."""
    return int(seconds * fs + 0.5)


@dataclass(slots=True)
class _Stretch:
    """The two latest stretches of a kind (VF or shutdown) that one side has marked."""

    on: int = _NONE
    off: int = _NONE
    on_before: int = _NONE
    off_before: int = _NONE

    def begin(self, at: int) -> None:
        self.on_before, self.off_before, self.on = self.on, self.off, at

    def holds(self, at: int) -> bool:
        """Whether `at` lies in one of the two; the latest is open while no end was ever seen."""
        latest = self.on != _NONE and self.on <= at and (at <= self.off or self.off == _NONE)
        return latest or (self.on_before != _NONE and self.on_before <= at <= self.off_before)

    def begins_within(self, start: int, end: int) -> bool:
        return start <= self.on < end or start <= self.on_before < end


class _Side:
    """One annotation list, walked beat by beat with one beat of look-ahead."""

    def __init__(self, given: Iterable[Mark], window: int, end: int, is_test: bool) -> None:
        self._marks: Sequence[Mark] = sorted(given, key=lambda mark: mark.sample)
        self._i = 0
        self._window = window
        self._end = end
        self._is_test = is_test
        self.time, self.label = 0, ""
        self.next_time, self.next_label = 0, ""
        self.rr = 0
        self.shut_samples = 0
        self.vf = _Stretch()
        self.shutdown = _Stretch()

    def advance(self) -> None:
        """Step to the next beat; `rr` is the interval before it, or 0 where that is no interval."""
        before, self.time, self.label = self.time, self.next_time, self.next_label
        broken = self.vf.begins_within(before, self.time) or self.shutdown.begins_within(before, self.time)
        self.rr = 0 if before == 0 or self.time == NEVER or broken else self.time - before
        self._look_ahead()

    def _look_ahead(self) -> None:
        while (mark := self._take()) is not None:
            if mark.symbol in TABLE or mark.symbol == _FLUTTER:
                # A flutter wave outside VF is matched like a beat, and its label is counted nowhere.
                self.next_time, self.next_label = mark.sample, TABLE.get(mark.symbol, "O")
                return
            ended = False
            if mark.symbol == _NOISE and mark.subtype & _UNREADABLE == _UNREADABLE:
                ended = not self._shut_down(mark.sample)
            elif mark.symbol == _VF_ON:
                ended = not self._fibrillate(mark.sample)
            if ended:
                break
        self.next_time, self.next_label = NEVER, "*"

    def _take(self) -> Mark | None:
        if self._i >= len(self._marks):
            return None
        self._i += 1
        return self._marks[self._i - 1]

    def _shut_down(self, at: int) -> bool:
        """Read a shutdown that begins `at`; False when the list ends in it."""
        stretch = self.shutdown
        stretch.begin(at)
        mark = self._take()
        if mark is None:
            if not self._is_test:
                stretch.off = NEVER
            elif self._end > 0:
                self.shut_samples += self._end - at
            return False
        if mark.symbol == _NOISE and mark.subtype & _UNREADABLE != _UNREADABLE:
            stretch.off = mark.sample
        else:
            self._i -= 1
            stretch.off = mark.sample - self._window
            stretch.on = min(max(self.vf.off, self.time) + self._window, stretch.off)
        self.shut_samples += stretch.off - stretch.on
        return True

    def _fibrillate(self, at: int) -> bool:
        """Skip to the end of a VF stretch that begins `at`; False when the list ends in it."""
        self.vf.begin(at)
        while (mark := self._take()) is not None:
            if mark.symbol == _VF_OFF:
                self.vf.off = mark.sample
                return True
        return False


class _Comparator:
    """Walks the two sides together and counts pairs."""

    def __init__(self, reference: _Side, test: _Side, window: int) -> None:
        self.ref, self.test, self.window = reference, test, window
        self.counts: Counter[tuple[str, str]] = Counter()
        self.n_rr = 0
        self.rr_squares = 0

    def skip_to(self, start: int) -> None:
        """Leave the learning period: count a pair that spans its end, drop a test beat at its edge."""
        ref, test = self.ref, self.test
        ref.advance()
        while ref.time < start:
            ref.advance()
        test.advance()
        while test.next_time < start:
            test.advance()
        if ref.time - test.time < abs(ref.time - test.next_time) and ref.time - test.time <= self.window:
            if ref.label or test.label:
                self.pair(ref.label, test.label)
            ref.advance()
            test.advance()
            return
        test.advance()
        if test.time - start <= self.window and abs(ref.time - test.next_time) < abs(ref.time - test.time):
            test.advance()

    def step(self) -> None:
        """Count one pair: two beats that match, or one beat without a partner."""
        ref, test = self.ref, self.test
        if test.time < ref.time:
            if self._match(test, ref):
                self.pair(ref.label, test.label)
                ref.advance()
                test.advance()
            else:
                self.pair(self._absent_from_reference(), test.label)
                test.advance()
        elif self._match(ref, test):
            self.pair(ref.label, test.label)
            test.advance()
            ref.advance()
        else:
            self.pair(ref.label, "X" if test.shutdown.holds(ref.time) else "O")
            ref.advance()

    def _match(self, first: _Side, second: _Side) -> bool:
        """Whether `second` is in the window of `first`, and the next of `first` is no better a partner."""
        apart = second.time - first.time
        if apart > self.window:
            return False
        to_next = abs(second.time - first.next_time)
        return apart < to_next or abs(second.next_time - first.next_time) < to_next

    def _absent_from_reference(self) -> str:
        at = self.test.time
        if self.ref.vf.holds(at):
            return "*"  # beats in reference VF are not counted
        return "X" if self.ref.shutdown.holds(at) else "O"

    def pair(self, reference: str, test: str) -> None:
        """Count a pair of labels and the error of the two current RR intervals."""
        if reference in _ROWS and test in _ROWS and (reference in CLASSES or test in CLASSES):
            self.counts[reference, test] += 1
        if self.ref.rr > 0 and self.test.rr > 0:
            self.rr_squares += (self.ref.rr - self.test.rr) ** 2
            self.n_rr += 1


_ROWS = frozenset("NSVFQOX")


def bxb(
    reference: Iterable[Mark],
    test: Iterable[Mark],
    fs: float,
    n_samples: int | None = None,
    *,
    start_s: float = 300.0,
    end_s: float | None = None,
    window_s: float = 0.15,
) -> Comparison:
    """Compare two annotation lists beat by beat.

    Parameters
    ----------
    reference, test : iterable of Mark
        The two lists; other marks than beats, VF ([ ]) and NOISE (~) are passed over.
    fs : float
        Rate that the sample indices count in [Hz].
    n_samples : int, optional
        Length of the record. Without it the comparison ends with the reference list.
    start_s : float
        Length of the learning period that is not scored [s]; EC57 has 300.
    end_s : float, optional
        Where to stop [s]: by default at the end of the record; 0 stops where either list ends.
    window_s : float
        Largest distance of two beats that match [s]; EC57 has 0.15.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When the record, or `end_s`, ends before `start_s`.
    """
    start, window = samples(start_s, fs), samples(window_s, fs)
    end = (n_samples or -1) if end_s is None else samples(end_s, fs)
    if 0 < end < start:
        raise ValueError(f"bxb: nothing to score: ends at sample {end}, scoring starts at {start}")
    pairs = _Comparator(_Side(reference, window, end, False), _Side(test, window, end, True), window)
    pairs.skip_to(start)
    ref, tst = pairs.ref, pairs.test
    while (
        (end > 0 and (ref.time <= end or tst.time <= end))
        or (end == -1 and ref.time != NEVER)
        or (end == 0 and ref.time != NEVER and tst.time != NEVER)
    ):
        pairs.step()
    shutdown_s = (samples(0.5, fs) + tst.shut_samples) // samples(1.0, fs)
    return Comparison(Matrix(pairs.counts), pairs.n_rr, pairs.rr_squares, shutdown_s, fs)
