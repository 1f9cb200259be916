"""Run by run: what ``rxr`` does. Couplets, short runs (3 to 5 beats) and long runs (6 or more, VF, AF).

Each list in turn says where runs are (the reference for sensitivity, the test for positive predictivity), and
the other is searched for its longest run there, a window wider at both ends.

Quirks of the original that are kept:

- F beats are as good as V in a ventricular run; atrial flutter is AF, and normal beats in AF are S.
- VF or AF that begins within a run of beats does not lengthen it; where no end is marked, the stretch searched
  ends where that of the run before ended.
- A run still going on at the end of the scope is not counted, but one that goes on to the end of the list is.
- Once the searched list has shown VF (AF) that ends after a run's start, every run that starts before that
  end has found a run of full length; VF (AF) that no mark ends is found by all later runs.
- In VF of the searched list AF begun (in AF, VF begun) or an unreadable stretch count as its end.
- A mark at which a search stopped is looked at once more by the next search, when it may mean nothing new.
- The search of positive predictivity first meets the last mark of the search before it, at sample 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from edge.recording.annotations import Mark
from train.ec57.errors import Ec57Error
from train.ec57.matrix import Rate
from train.ec57.run_labels import AF_OFF, AF_ON, SHUT, VF_OFF, VF_ON, RunLabels
from train.ec57.scope import LEARNING_S, WINDOW_S, Scope, scope_of

#: Longest run that is told apart: 6 means 6 beats or more, VF, AF.
LONGEST = 6
_ENDED = -1


@dataclass(frozen=True, slots=True)
class Run:
    """Lengths 0 to 6 of the runs of both sides between the samples `start` and `end`."""

    reference: int
    test: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Runs:
    """What :func:`rxr` found of one kind: `by_reference` gives sensitivity, `by_test` positive predictivity."""

    by_reference: tuple[Run, ...]
    by_test: tuple[Run, ...]

    def n_se(self, reference: Iterable[int], test: Iterable[int]) -> int:
        """Reference runs of one of the lengths `reference` where the test has one of the lengths `test`."""
        return _count(self.by_reference, reference, test)

    def n_ppv(self, reference: Iterable[int], test: Iterable[int]) -> int:
        """Test runs of one of the lengths `test` where the reference has one of the lengths `reference`."""
        return _count(self.by_test, reference, test)

    @property
    def couplet_se(self) -> Rate:
        """Sensitivity to couplets: the test has two beats or more there."""
        return Rate(self.n_se([2], range(2, 7)), self.n_se([2], range(7)))

    @property
    def couplet_ppv(self) -> Rate:
        """Positive predictivity of couplets: the reference has two beats or more there."""
        return Rate(self.n_ppv(range(2, 7), [2]), self.n_ppv(range(7), [2]))

    @property
    def short_se(self) -> Rate:
        """Sensitivity to short runs: the test has three beats or more there."""
        return Rate(self.n_se(range(3, 6), range(3, 7)), self.n_se(range(3, 6), range(7)))

    @property
    def short_ppv(self) -> Rate:
        """Positive predictivity of short runs: the reference has three beats or more there."""
        return Rate(self.n_ppv(range(3, 7), range(3, 6)), self.n_ppv(range(7), range(3, 6)))

    @property
    def long_se(self) -> Rate:
        """Sensitivity to long runs: the test has six beats or more there."""
        return Rate(self.n_se([6], [6]), self.n_se([6], range(7)))

    @property
    def long_ppv(self) -> Rate:
        """Positive predictivity of long runs: the reference has six beats or more there."""
        return Rate(self.n_ppv([6], [6]), self.n_ppv(range(7), [6]))


@dataclass(frozen=True, slots=True)
class RunComparison:
    """What :func:`rxr` found: ventricular (`ve`) and supraventricular (`sve`) ectopic runs."""

    ve: Runs
    sve: Runs


def rxr(
    reference: Iterable[Mark],
    test: Iterable[Mark],
    fs: float,
    n_samples: int | None = None,
    *,
    start_s: float = LEARNING_S,
    end_s: float | None = None,
    window_s: float = WINDOW_S,
) -> RunComparison:
    """Compare two annotation lists run by run.

    Parameters
    ----------
    reference, test : iterable of Mark
        The two lists, in order of time: beats, VF ([ ]), rhythm (+) and NOISE (~) marks.
    fs, n_samples, start_s, end_s, window_s
        As for :func:`train.ec57.bxb`; without `n_samples` and `end_s`, and for `end_s` 0, runs are sought to
        the end of each list.

    Raises
    ------
    Ec57Error
        When nothing is to be scored, or one of the lists has no mark in the scope.
    """
    scope = scope_of("rxr", fs, n_samples, start_s, end_s, window_s)
    ref, tst = _Stream("reference", tuple(reference)), _Stream("test", tuple(test))
    ve = _both(ref, tst, scope, _VE)
    return RunComparison(ve, _both(ref, tst, scope, _SVE))


@dataclass(frozen=True, slots=True)
class _Kind:
    """Which labels belong to a run, begin and end VF (AF), end a run, and end a run that is sought."""

    beats: str
    on: str
    off: str
    ends: str
    ends_sought: str
    ends_episode: str


_VE = _Kind("VF", VF_ON, VF_OFF, f"NQ{SHUT}S", f"NQ{SHUT}S{AF_ON}", VF_OFF + AF_ON + SHUT)
_SVE = _Kind("S", AF_ON, AF_OFF, f"NQ{SHUT}VF", f"NQ{SHUT}VF{VF_ON}", AF_OFF + VF_ON + SHUT)


class _Stream:
    """One list, read mark by mark; the current mark outlives its reading."""

    def __init__(self, name: str, marks: Sequence[Mark]) -> None:
        self.name = name
        self._marks = marks
        self.current = Mark(0, " ")
        self.rewind()

    def rewind(self) -> None:
        """Back to the start; the mark read last stays, at sample 0."""
        self._next = 0
        self._labels = RunLabels()
        self.current = replace(self.current, sample=0)

    def advance(self) -> bool:
        """Read one more mark; False, and all as it was, at the list's end."""
        if self._next >= len(self._marks):
            return False
        self.current = self._marks[self._next]
        self._next += 1
        return True

    def label(self) -> str:
        return self._labels.label(self.current)


def _both(ref: _Stream, test: _Stream, scope: Scope, kind: _Kind) -> Runs:
    by_reference = tuple(Run(own, other, t0, t1) for own, other, t0, t1 in _seek(ref, test, scope, kind))
    by_test = tuple(Run(other, own, t0, t1) for own, other, t0, t1 in _seek(test, ref, scope, kind))
    return Runs(by_reference, by_test)


def _seek(own: _Stream, other: _Stream, scope: Scope, kind: _Kind) -> Iterator[tuple[int, int, int, int]]:
    """Each run of `own`: its length, the length of the longest of `other` there, and from where to where."""
    own.rewind()
    other.rewind()
    search = _Search(other, kind)
    length = _length_at_start(own, scope, kind)
    start, end = (scope.start - scope.window, scope.start + scope.window) if length else (0, 0)
    going = True
    while going:
        label, at = own.label(), own.current.sample
        if length and label in kind.ends:
            yield length, search.longest(start, end), start, end
            length = 0
        elif label in kind.beats:
            start, length = (start, min(length + 1, LONGEST)) if length else (at - scope.window, 1)
            end = at + scope.window
        elif length and label == kind.off:
            end = at + scope.window
        elif not length and label == kind.on:
            start, length = at - scope.window, LONGEST
        going = _go_on(own, length, scope)


def _go_on(own: _Stream, length: int, scope: Scope) -> bool:
    if not own.advance():
        if not length:
            return False
        own.current = replace(own.current, symbol="Q")  # an unknown beat ends the run that is going on
    return scope.end <= 0 or own.current.sample <= scope.end


def _length_at_start(own: _Stream, scope: Scope, kind: _Kind) -> int:
    """Length of the run that goes on at the scope's start: 6 in VF (AF), else 0."""
    length = None
    while own.advance():
        if own.current.sample >= scope.start:
            return length or 0
        label = own.label()
        if label == kind.on:
            length = LONGEST
        elif label in (VF_OFF, AF_OFF):
            length = 0
    if length is None:
        raise Ec57Error(
            f"rxr: the {own.name} list has no mark from sample {scope.start} on; give an earlier start"
        )
    return length


class _Search:
    """Seeks the longest run of a list in stretches that only ever move on."""

    def __init__(self, other: _Stream, kind: _Kind) -> None:
        self._other = other
        self._kind = kind
        self._ended = False  # the list has no more marks
        self._until: int | None = 0  # end of the VF (AF) seen last; None when it never ends

    def longest(self, start: int, end: int) -> int:
        """Length of the longest run between the samples `start` and `end`, 6 at most."""
        if self._until is None or self._until > start:
            return LONGEST
        if self._ended or not self._come_to(start):
            return 0
        return LONGEST if self._until is None or self._until > start else self._count(end)

    def _come_to(self, start: int) -> bool:
        """Read up to the first mark from `start` on, or into VF (AF) that reaches it; False at the end."""
        other = self._other
        while other.current.sample < start:
            if other.label() == self._kind.on:
                until = self._end_of_episode()
                if until is None or until > start:
                    self._until = until
                    return True
            if not other.advance():
                self._ended = True
                return False
        return True

    def _count(self, end: int) -> int:
        longest = length = 0
        while self._other.current.sample <= end:
            label = self._other.label()
            if label in self._kind.beats:
                length = min(length + 1, LONGEST)
            elif label == self._kind.on:
                self._until = self._end_of_episode()
                return LONGEST
            elif label in self._kind.ends_sought:
                longest, length = max(longest, length), 0
            if not self._other.advance():
                self._ended = True
                break
        return max(longest, length)

    def _end_of_episode(self) -> int | None:
        """Sample of the mark that ends the VF (AF) which begins at the current one."""
        while self._other.advance():
            if self._other.label() in self._kind.ends_episode:
                return self._other.current.sample
        return None


def _count(runs: tuple[Run, ...], reference: Iterable[int], test: Iterable[int]) -> int:
    rows, columns = frozenset(reference), frozenset(test)
    return sum(run.reference in rows and run.test in columns for run in runs)
