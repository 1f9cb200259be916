"""Beat by beat: what ``bxb`` does.

Quirks of the original that are kept, because a score without them is another score:

- F and Q beats called V are no false VEB, and of F and Q beats called S only the F ones are a false SVEB.
- The RR error counts one term for every pair, missed and extra beats included, and there with the RR interval
  of the side that did not move.
- The last beat of the learning period may still match the first reference beat after it; a first test beat
  within one window of the start is dropped uncounted where the next one is closer.
- A comparison from sample 0 drops a test beat at sample 0 uncounted where the reference has none there, and a
  beat there begins no RR interval.
- A flutter wave ('!') outside VF marks takes part in the matching and is counted nowhere.
- Test beats inside reference VF are not counted; reference beats inside test VF are counted as usual.
- VF that never ends hides test beats only when it is the first VF of the record; likewise a test shutdown that
  never ends: when it is a later one, what is missed in it is plainly missed.
- One NOISE mark alone, without its end, is a shutdown from the beat before it to the mark after it, a window
  short at both ends.
- Only the two latest stretches of VF and of shutdown are remembered.
- Shutdown time is rounded down to whole seconds after half a second was added; all of it counts, that of the
  learning period too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.recording.annotations import Mark
from train.ec57.matrix import ABSENT, CLASSES, LABELS, SHUT, Matrix
from train.ec57.scope import LEARNING_S, WINDOW_S, Scope, scope_of
from train.ec57.times import samples
from train.ec57.walk import UNCOUNTED, Walk


@dataclass(frozen=True, slots=True)
class BeatPair:
    """Two labels that were held against each other.

    Attributes
    ----------
    reference, test : str
        N S V F Q, or O or X on the side that has no beat; other letters, or none, are counted nowhere.
    at_reference, at_test : int
        Time of the current beat of each side [sample].
    rr_error : int or None
        Difference of the two current RR intervals [samples], where both are intervals.
    mark : Mark or None
        The test annotator's mark.
    """

    reference: str
    test: str
    at_reference: int
    at_test: int
    rr_error: int | None = None
    mark: Mark | None = None

    @property
    def counted(self) -> bool:
        """Whether the pair has a cell in the matrix."""
        known = self.reference in LABELS and self.test in LABELS
        return known and (self.reference in CLASSES or self.test in CLASSES)

    @property
    def at(self) -> int:
        """Where a difference is: the test beat's time, the reference beat's where the test has none."""
        return self.at_reference if self.test in (ABSENT, SHUT) else self.at_test


@dataclass(frozen=True, slots=True)
class Comparison:
    """What :func:`bxb` found.

    `rr_squares` is the sum over `n_rr` terms of the squared RR error [samples squared]; `shutdown_s` the time
    that the test annotator was shut down [whole seconds]; `fs` the rate of both lists [Hz]; `pairs` every pair
    in the order in which it was found; `never_ended` the start [sample] of a shutdown of which neither list
    nor record told the end, and which is not in `shutdown_s`.
    """

    matrix: Matrix
    n_rr: int
    rr_squares: int
    shutdown_s: int
    fs: float
    pairs: tuple[BeatPair, ...] = ()
    never_ended: int | None = None

    @property
    def rr_error_ms(self) -> float | None:
        """Root of the mean squared RR interval error [ms], None where there was no pair of intervals."""
        if not self.n_rr:
            return None
        return math.sqrt(self.rr_squares / self.n_rr) * 1000.0 / samples(1.0, self.fs)


def bxb(
    reference: Iterable[Mark],
    test: Iterable[Mark],
    fs: float,
    n_samples: int | None = None,
    *,
    start_s: float = LEARNING_S,
    end_s: float | None = None,
    window_s: float = WINDOW_S,
) -> Comparison:
    """Compare two annotation lists beat by beat.

    Parameters
    ----------
    reference, test : iterable of Mark
        The two lists, in order of time; other marks than beats, VF ([ ]) and NOISE (~) are passed over.
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
    Ec57Error
        When the record, or `end_s`, ends before `start_s`.
    """
    scope = scope_of("bxb", fs, n_samples, start_s, end_s, window_s)
    ref, tst = Walk(reference, scope), Walk(test, scope, is_test=True)
    pairs = tuple(_pairs(ref, tst, scope))
    errors = [pair.rr_error for pair in pairs if pair.rr_error is not None]
    shutdown_s = int((samples(0.5, fs) + tst.shut_samples) / samples(1.0, fs))
    return Comparison(
        Matrix(Counter((pair.reference, pair.test) for pair in pairs if pair.counted)),
        len(errors),
        sum(error * error for error in errors),
        shutdown_s,
        fs,
        pairs,
        tst.never_ended,
    )


def to_start(ref: Walk, test: Walk, start: int) -> None:
    """Leave the learning period: `ref` comes to its first beat after it, `test` to its last beat in it."""
    ref.advance()
    while ref.time < start:
        ref.advance()
    test.advance()
    while test.next_time < start:
        test.advance()


def absent_from_reference(ref: Walk, at: int) -> str:
    """Label that a test beat at sample `at` without a partner is held against."""
    if ref.vf.holds(at):
        return UNCOUNTED
    return SHUT if ref.shutdown.holds(at) else ABSENT


def absent_from_test(test: Walk, at: int) -> str:
    """Label that a reference beat at sample `at` without a partner is held against."""
    return SHUT if test.shutdown.holds(at) else ABSENT


def _pairs(ref: Walk, test: Walk, scope: Scope) -> Iterator[BeatPair]:
    """Every pair, from the learning period's end on."""
    to_start(ref, test, scope.start)
    yield from _first(ref, test, scope)
    while scope.goes_on(ref.time, test.time):
        if test.time < ref.time:
            if _match(test, ref, scope.window):
                yield _pair(ref, test)
                ref.advance()
            else:
                yield _pair(ref, test, reference=absent_from_reference(ref, test.time))
            test.advance()
        else:
            if _match(ref, test, scope.window):
                yield _pair(ref, test)
                test.advance()
            else:
                yield _pair(ref, test, test_label=absent_from_test(test, ref.time))
            ref.advance()


def _first(ref: Walk, test: Walk, scope: Scope) -> Iterator[BeatPair]:
    """The pair that spans the end of the learning period, if there is one."""
    apart = ref.time - test.time
    if apart < abs(ref.time - test.next_time) and apart <= scope.window:
        if ref.label or test.label:
            yield _pair(ref, test)
        ref.advance()
        test.advance()
        return
    test.advance()
    near_start = test.time - scope.start <= scope.window
    if near_start and abs(ref.time - test.next_time) < abs(ref.time - test.time):
        test.advance()


def _match(first: Walk, second: Walk, window: int) -> bool:
    """Whether `second` is in the window of `first`, and the next of `first` is no better a partner.

    The next of `first` is none either where it and the next of `second` are closer (the rule that the original
    was given in November 2002).
    """
    apart = second.time - first.time
    if apart > window:
        return False
    to_next = abs(second.time - first.next_time)
    return apart < to_next or abs(second.next_time - first.next_time) < to_next


def _pair(ref: Walk, test: Walk, reference: str | None = None, test_label: str | None = None) -> BeatPair:
    return BeatPair(
        ref.label if reference is None else reference,
        test.label if test_label is None else test_label,
        ref.time,
        test.time,
        ref.rr - test.rr if ref.rr > 0 and test.rr > 0 else None,
        test.mark,
    )
