"""Episode by episode: what ``epicmp`` does for VF (marks [ ]) and AF (rhythm marks that begin '(AFIB').

Each list in turn gives the episodes (the reference for sensitivity, the test for positive predictivity); one
that overlaps any of the other list's is matched. Episodes of ST deviation are not compared here.

Quirks of the original that are kept:

- An episode that no mark ends lasts to the end of the scope, or to the list's last mark where that is later.
- Without a known end of the scope nothing is compared at all; with the end 0, everything.
- An episode that ends in the learning period is left out, one that spans its end is cut there.
- Episodes that touch in one sample overlap by 0 samples and do not match.
- The other list is walked once: an episode of it that was left behind is not looked at again, and one that
  ended where the own episode ended is kept for the next.
- Too short episodes are left out of the counts and durations of their own list only, unless `short_in_both`.
- A rhythm mark ends AF unless it begins AF again, atrial flutter '(AFL' included.
- Where flutter is left out, AF that begins in it begins at its end, and its duration grows by what was cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from edge.recording.annotations import Mark
from train.ec57.matrix import Rate
from train.ec57.scope import LEARNING_S, Scope, scope_of
from train.ec57.times import samples


@dataclass(frozen=True, slots=True)
class Kind:
    """What begins an episode, and what ends it."""

    name: str
    begins: Callable[[Mark], bool]
    ends: Callable[[Mark], bool]


def _rhythm(name: str, text: str) -> Kind:
    return Kind(
        name,
        lambda mark: mark.symbol == "+" and mark.aux.startswith(text),
        lambda mark: mark.symbol == "+" and not mark.aux.startswith(text),
    )


AF = _rhythm("AF", "(AFIB")
VF = Kind("VF", lambda mark: mark.symbol == "[", lambda mark: mark.symbol == "]")
_FLUTTER = _rhythm("AFL", "(AFL")


@dataclass(frozen=True, slots=True)
class Tally:
    """Episodes of one list: how many `matched` and `missed`, their `duration` and what of it both lists have.

    `duration` and `overlap` are in samples.
    """

    matched: int = 0
    missed: int = 0
    duration: int = 0
    overlap: int = 0

    @property
    def episodes(self) -> Rate:
        """Share of the episodes that the other list has, too."""
        return Rate(self.matched, self.matched + self.missed)

    @property
    def durations(self) -> Rate:
        """Share of the time in episodes that lies in those of the other list, too."""
        return Rate(self.overlap, self.duration)


@dataclass(frozen=True, slots=True)
class EpisodeComparison:
    """What :func:`epicmp` found: `reference` gives sensitivity, `test` positive predictivity."""

    kind: Kind
    reference: Tally
    test: Tally
    fs: float


def epicmp(
    reference: Iterable[Mark],
    test: Iterable[Mark],
    kind: Kind,
    fs: float,
    n_samples: int | None = None,
    *,
    start_s: float = LEARNING_S,
    end_s: float | None = None,
    shortest_s: float = 0.0,
    short_in_both: bool = False,
    without_flutter: bool = False,
) -> EpisodeComparison:
    """Compare two annotation lists episode by episode.

    Parameters
    ----------
    reference, test : iterable of Mark
        The two lists, in order of time.
    kind : Kind
        :data:`AF` or :data:`VF`.
    fs : float
        Rate that the sample indices count in [Hz].
    n_samples : int, optional
        Length of the record.
    start_s : float
        Length of the learning period that is not scored [s]; EC57 has 300.
    end_s : float, optional
        Where to stop [s]: by default at the end of the record; 0 stops nowhere.
    shortest_s : float
        Shorter episodes are left out [s].
    short_in_both : bool
        Leave them out on both sides, also where they overlap others.
    without_flutter : bool
        Leave reference atrial flutter out of AF positive predictivity, as EC38:1998 has it.

    Raises
    ------
    Ec57Error
        When the record, or `end_s`, ends before `start_s`.
    """
    scope = scope_of("epicmp", fs, n_samples, start_s, end_s)
    ref, tst = tuple(reference), tuple(test)
    rule = _Rule(kind, scope, samples(shortest_s, fs), short_in_both)
    flutter = _flutter(ref, scope) if without_flutter and kind is AF else []
    return EpisodeComparison(kind, _tally(ref, tst, rule, []), _tally(tst, ref, rule, flutter), fs)


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: Kind
    scope: Scope
    shortest: int
    short_in_both: bool


class _Episodes:
    """The episodes of a list, one after another: `start` and `end` of the current one, 0 when there is none."""

    def __init__(self, marks: Sequence[Mark], kind: Kind, scope: Scope) -> None:
        self._marks: Iterator[Mark] = iter(marks)
        self._kind = kind
        self._scope = scope
        self.start = self.end = 0

    def advance(self) -> None:
        self.start = self.end = 0
        begin = next((mark for mark in self._marks if self._kind.begins(mark)), None)
        if begin is None:
            return
        self.start = last = begin.sample
        for mark in self._marks:
            last = mark.sample
            if self._kind.ends(mark):
                self.end = last
                return
        self.end = max(self._scope.end, last)

    def first(self) -> None:
        """Come to the first episode that does not end in the learning period."""
        self.advance()
        while 0 < self.end < self._scope.start:
            self.advance()

    @property
    def in_scope(self) -> bool:
        end = self._scope.end
        return self.end != 0 and (end == 0 or self.start < end)


def _tally(
    marks: Sequence[Mark], others: Sequence[Mark], rule: _Rule, excluded: list[tuple[int, int]]
) -> Tally:
    own, other = _Episodes(marks, rule.kind, rule.scope), _Episodes(others, rule.kind, rule.scope)
    matched = missed = duration = overlap = 0
    own.first()
    own.start = max(own.start, rule.scope.start) if own.end else 0
    other.advance()
    while own.in_scope:
        if rule.scope.end > 0:
            own.end = min(own.end, rule.scope.end)
        lasts = _outside(own, excluded)
        if lasts >= rule.shortest:
            shared = _overlap(own, other, rule)
            duration, overlap = duration + lasts, overlap + shared
            matched, missed = matched + (shared > 0), missed + (shared <= 0)
        own.advance()
    return Tally(matched, missed, duration, overlap)


def _overlap(own: _Episodes, other: _Episodes, rule: _Rule) -> int:
    """Samples of the own episode that lie in those of the other list, which moves on past them."""
    while other.end and other.end < own.start:
        other.advance()
    if other.end == 0 or other.start > own.end:
        return 0
    shared = 0
    while True:
        if not rule.short_in_both or other.end - other.start >= rule.shortest:
            shared += min(other.end, own.end) - max(other.start, own.start)
            if other.end >= own.end:
                return shared
        other.advance()
        if not 0 < other.start < own.end:
            return shared


def _outside(own: _Episodes, excluded: list[tuple[int, int]]) -> int:
    """Samples of the own episode outside the excluded stretches, by which it is cut; -1 when all is inside."""
    duration = own.end - own.start
    for start, end in excluded:
        if own.end <= start:
            break
        if start <= own.start <= end:
            if own.end <= end:
                return -1
            duration -= own.start - end  # what is cut off is added: so the original has it
            own.start = end
        elif own.start <= start <= own.end:
            if end < own.end:
                duration -= end - start
            else:
                duration -= own.end - start
                own.end = start
    return duration


def _flutter(reference: Sequence[Mark], scope: Scope) -> list[tuple[int, int]]:
    """Stretches of atrial flutter in the reference."""
    found = []
    episodes = _Episodes(reference, _FLUTTER, scope)
    episodes.first()
    while episodes.in_scope:
        found.append((episodes.start, episodes.end))
        episodes.advance()
    return found
