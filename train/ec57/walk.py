"""One annotation list, walked beat by beat with one beat of look-ahead, as ``bxb`` reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge.recording.annotations import Mark
from train.ec57.matrix import ABSENT
from train.ec57.scope import NEVER, Scope
from train.labels import TABLE

_NONE = -1
_NOISE, _VF_ON, _VF_OFF, _FLUTTER = "~", "[", "]", "!"
_UNREADABLE = 0x30  # bits 4 and 5 of a NOISE mark's subtype: both signals unreadable
#: Label of a beat that is counted nowhere.
UNCOUNTED = "*"


def unreadable(mark: Mark) -> bool:
    """Whether a mark says that neither signal can be read any more."""
    return mark.symbol == _NOISE and mark.subtype & _UNREADABLE == _UNREADABLE


def label_of(mark: Mark) -> str:
    """AAMI label of a mark, O where it is no beat of any class."""
    return TABLE.get(mark.symbol, ABSENT)


class Stretch:
    """The two latest stretches of a kind (VF or shutdown) that one side has marked, in samples."""

    __slots__ = ("off", "off_before", "on", "on_before")

    def __init__(self) -> None:
        self.on = self.off = self.on_before = self.off_before = _NONE

    def begin(self, at: int) -> None:
        """A stretch begins; its end is that of the one before until it is known."""
        self.on_before, self.off_before, self.on = self.on, self.off, at

    def holds(self, at: int) -> bool:
        """Whether `at` lies in one of the two; the latest is open while no end was ever seen."""
        latest = self.on != _NONE and self.on <= at and (at <= self.off or self.off == _NONE)
        return latest or (self.on_before != _NONE and self.on_before <= at <= self.off_before)

    def begins_within(self, start: int, end: int) -> bool:
        """Whether one of the two begins at `start` or later, and before `end`."""
        return start <= self.on < end or start <= self.on_before < end


class Walk:
    """One annotation list, one beat at a time.

    Parameters
    ----------
    given : iterable of Mark
        The list, in the order of its file.
    scope : Scope
        Its window makes the edges of a shutdown that is marked once, its end that of one which never ends.
    is_test : bool
        Whether it is the test annotator's list, whose shutdown time is tallied.
    all_marks : bool
        Take every mark for a beat: no VF, no shutdown (what an expanded output file wants).

    Attributes
    ----------
    time, label, mark : int, str, Mark or None
        The current beat; `time` 0 and an empty label before the first one.
    next_time, next_label : int, str
        The beat after it; :data:`NEVER` and '*' once there is none.
    rr : int
        Interval before the current beat [samples], 0 where that is no interval.
    shut_samples : int
        Time in shutdown so far [samples].
    never_ended : int or None
        Start of a shutdown that no end was marked for, where the scope has no end either.
    """

    def __init__(
        self, given: Iterable[Mark], scope: Scope, is_test: bool = False, all_marks: bool = False
    ) -> None:
        self._marks: Sequence[Mark] = tuple(given)
        self._i = 0
        self._scope = scope
        self._is_test = is_test
        self._all_marks = all_marks
        self.time, self.label = 0, ""
        self.next_time, self.next_label = 0, ""
        self.mark: Mark | None = None
        self.rr = 0
        self.shut_samples = 0
        self.never_ended: int | None = None
        self.vf = Stretch()
        self.shutdown = Stretch()
        self._last: Mark | None = None

    def advance(self) -> None:
        """Step to the next beat."""
        before, self.time, self.label = self.time, self.next_time, self.next_label
        self.mark = self._last
        broken = self.vf.begins_within(before, self.time) or self.shutdown.begins_within(before, self.time)
        self.rr = 0 if before == 0 or self.time == NEVER or broken else self.time - before
        if not self._look_ahead():
            self.next_time, self.next_label = NEVER, UNCOUNTED

    def _look_ahead(self) -> bool:
        """Read up to the beat after the current one; False where there is none."""
        while (mark := self._take()) is not None:
            if self._all_marks or mark.symbol in TABLE or mark.symbol == _FLUTTER:
                self.next_time, self.next_label = mark.sample, label_of(mark)
                return True
            if unreadable(mark) and not self._shut_down(mark.sample):
                return False
            if mark.symbol == _VF_ON and not self._fibrillate(mark.sample):
                return False
        return False

    def _take(self) -> Mark | None:
        if self._i >= len(self._marks):
            return None
        self._i += 1
        self._last = self._marks[self._i - 1]
        return self._last

    def _shut_down(self, at: int) -> bool:
        """Read a shutdown that begins `at`; False when the list ends in it."""
        stretch = self.shutdown
        stretch.begin(at)
        mark = self._take()
        if mark is None:
            self._shut_to_the_end(at)
            return False
        if mark.symbol == _NOISE and not unreadable(mark):
            stretch.off = mark.sample
        else:
            self._i -= 1
            stretch.off = mark.sample - self._scope.window
            stretch.on = min(max(self.vf.off, self.time) + self._scope.window, stretch.off)
        self.shut_samples += stretch.off - stretch.on
        return True

    def _shut_to_the_end(self, at: int) -> None:
        if not self._is_test:
            self.shutdown.off = NEVER
        elif self._scope.end > 0:
            self.shut_samples += self._scope.end - at
        else:
            self.never_ended = at

    def _fibrillate(self, at: int) -> bool:
        """Skip to the end of a VF stretch that begins `at`; False when the list ends in it."""
        self.vf.begin(at)
        while (mark := self._take()) is not None:
            if mark.symbol == _VF_OFF:
                self.vf.off = mark.sample
                return True
        return False
