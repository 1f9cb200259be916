"""Frames found by what they look like: no checksum, a weak one, or no sync word at all. Pure, bounded, resynchronising.

What looks like a frame by chance is told from a real one by its neighbours: out of lock a frame is believed
only when others follow it at once. After a false start the search goes on from the byte after it, so that a
true frame inside is not lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import msgspec

from firmware_bridge.types import LinkStats

MORE = 0
"""What a `measure` says when it needs more bytes."""
NO_FRAME = -1
"""What a `measure` says when no frame begins there."""
DAMAGED = -2
"""What a `measure` says of a frame whose checksum is wrong."""

NEAR = 8
"""So many frames may be missing between two that bear each other out."""
MORE_DOUBT = 4
LINKS, LONGEST_CHAIN = 3, 32
"""Where frames are lost by the dozen few of a weak mark follow each other at once. In step with the last one, no more
than `LONGEST_CHAIN` frames' bytes on, `LINKS` do that are near enough to each other."""

MOST_WAITS = 8
"""After runs that ended soon the next is looked for twice as late each time, at most so many times as late."""

MAX_TEXT = 256
_LINE = re.compile(rb"[\t -~]{5,}\r?\n")


class Found(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One frame.

    A `msgspec.Struct` and not a dataclass, as `SampleBlock`: made for every frame. Where it is the same, `n_left` may
    differ.

    Attributes
    ----------
    frame : bytes
        All of it, from its first sync byte to its last.
    n_skipped : int
        Bytes dropped between the frame before and this one, lines of text not counted; 0 before the first
        frame of a link, whatever came.
    text : bool
        Among the bytes dropped was a line of text: a device that has begun again says so in words.
    n_left : int
        Bytes that came after it and were there already: how much later than it they were sent.
    """

    frame: bytes
    n_skipped: int = 0
    text: bool = False
    n_left: int = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Found):
            return NotImplemented
        return (self.frame, self.n_skipped, self.text) == (other.frame, other.n_skipped, other.text)


@dataclass(frozen=True, slots=True)
class Run:
    """Frames of one length that lie one after the other, each due where it stands: none needs a second look.

    Attributes
    ----------
    frames : bytes
        All of them.
    n : int
        How many.
    n_left : int
        As `Found.n_left`, of the last.
    """

    frames: bytes
    n: int
    n_left: int

    def each(self) -> Iterator[Found]:
        """Give them one by one."""
        stride = len(self.frames) // self.n
        for k in range(0, len(self.frames), stride):
            n_left = len(self.frames) - k - stride + self.n_left
            yield Found(self.frames[k : k + stride], n_left=n_left)


class Starts(Protocol):
    """Where frames may begin that no sync word marks; may remember what it found in the buffer at hand."""

    def after(self, buffer: bytes, at: int) -> int:
        """The first place from `at` on where one may; before it there is none that would be believed, nor part of one.

        `at` itself where it was not looked for.
        """
        ...

    def forget(self) -> None:
        """The next buffer will be another."""
        ...


class Scanner:
    """Cuts a stream into frames. Any split of the same bytes gives the same frames.

    Parameters
    ----------
    measure : callable
        Given the buffer and a position where `sync` stands: the frame's length in bytes, or `MORE`,
        `NO_FRAME` or `DAMAGED`.
    stats : LinkStats
        `n_resync` counts losses of lock, `n_crc` those by a wrong checksum.
    sync : bytes
        What every frame begins with; may be empty.
    confirm : callable
        Given a frame that is not yet believed, and whether it stands where one was due: how many must follow
        it; 0 where a checksum vouches for it.
    distance : callable, optional
        Given a frame and a later one: how many frames the second is after the first by the counter in them; 0 or
        less where it comes again or late.
    chained : bool
        Frames, all of one length, are marked so weakly that even where one was due the next must follow it by the
        counter.
    run : callable, optional
        Given the buffer, where a frame is due and the frame before it: how many frames of which length stand there,
        one after the other, each right by `measure` and by `distance` the next after the one before it.
    least : int
        Runs of fewer bytes are not asked for.
    starts : Starts, optional
        Knows, out of lock, where the next frame may begin.

    Notes
    -----
    Where a frame was due and its counter jumps, it is believed only when those after it go on from there: the next,
    or where that one came late the next but one; after more than `NEAR` frames both. Else its counter was damaged,
    and it is dropped: a jump that nothing bears out would put all that follows in the wrong place, for ever. Out of
    lock a frame that does not go on from the last one, as far as the bytes between tell, needs `MORE_DOUBT` more.
    """

    __slots__ = (
        "_before", "_buffer", "_chained", "_confirm", "_distance", "_heard", "_is_next", "_least", "_locked",
        "_measure", "_n_alone", "_n_skipped", "_run", "_skipped", "_starts", "_stats", "_sync", "_wait",
    )  # fmt: skip

    def __init__(
        self,
        measure: Callable[[bytes, int], int],
        stats: LinkStats,
        sync: bytes = b"",
        confirm: Callable[[bytes, bool], int] = lambda frame, due: 1,
        distance: Callable[[bytes, bytes], int] = lambda before, frame: 1,
        chained: bool = False,
        run: Callable[[bytes, int, bytes], tuple[int, int]] | None = None,
        least: int = 0,
        starts: Starts | None = None,
    ) -> None:
        self._measure = measure
        self._stats = stats
        self._sync = sync
        self._confirm = confirm
        self._distance = distance
        self._chained = chained
        self._run = run
        self._least = self._wait = least
        self._n_alone = 0  # bytes from which frames are taken alone: it is not worth while to look for a run
        self._starts = starts
        self.reset()

    @property
    def n_buffered(self) -> int:
        """Bytes held, never more than the frame in question, those that must follow, and a part of one more."""
        return len(self._buffer)

    def reset(self) -> None:
        """Forget the partial frame and the lock: the link was opened again. What came before is not skipped."""
        self._buffer = b""
        self._locked = self._heard = self._is_next = False
        self._before = b""
        self._n_skipped = 0
        self._skipped = b""

    def feed(self, data: bytes) -> Iterator[Found]:
        """As `runs`, all of them one by one."""
        for item in self.runs(data):
            yield from item.each() if isinstance(item, Run) else (item,)

    def runs(self, data: bytes) -> Iterator[Found | Run]:
        """Give the frames that `data` completes, one by one, or a run of them where `run` finds one.

        What a frame says may change what `measure` makes of those after it, as long as each is looked at
        before the next is asked for.
        """
        buffer = self._buffer + data
        at = 0
        last = len(buffer) - self._least if self._run else -1
        run_at = self._n_alone
        try:
            while (n := self._judge(buffer, at)) != MORE:
                if n > 0:
                    at += n
                    frame, n_left = buffer[at - n : at], len(buffer) - at
                    if self._is_next and not self._n_skipped:  # nearly always
                        self._before = frame
                        yield Found(frame, 0, False, n_left)
                    else:
                        yield self._accept(frame, n_left)
                    if run_at <= at <= last:
                        n, stride = self._run(buffer, at, self._before)  # type: ignore[misc]
                        long = n * stride >= self._least
                        self._wait = self._least if long else min(2 * self._wait, MOST_WAITS * self._least)
                        run_at = at + max((n + 1) * stride, self._wait)
                        if long:
                            at += n * stride
                            self._before = buffer[at - stride : at]
                            yield Run(buffer[at - n * stride : at], n, len(buffer) - at)
                elif n == DAMAGED and self._locked and self._look(buffer, at) > 0:
                    self._stats.n_crc += 1
                    at = self._skip(buffer, at, at + self._look(buffer, at))
                else:
                    self._lose(n)
                    at = self._skip(buffer, at, self._next(buffer, at))
        finally:
            self._buffer = buffer[at:]
            self._n_alone = max(0, run_at - at)
            if self._starts is not None:
                self._starts.forget()

    def _lose(self, n: int) -> None:
        if self._locked:
            self._locked = False
            self._stats.n_resync += 1
            self._stats.n_crc += n == DAMAGED

    def _accept(self, frame: bytes, n_left: int) -> Found:
        text, n_skipped = False, self._n_skipped
        if n_skipped:
            lines = _LINE.findall(self._skipped)
            text = bool(lines)
            n_skipped -= sum(map(len, lines))
        out = Found(frame, n_skipped if self._heard else 0, text and self._heard, n_left)
        if not self._locked or self._distance(self._before, frame) > 0:
            self._before = frame
        self._locked = self._heard = True
        self._n_skipped = 0
        self._skipped = b""
        return out

    def _next(self, buffer: bytes, at: int) -> int:
        """Where the next frame may begin, at least one byte on."""
        after = at + 1 if self._starts is None else self._starts.after(buffer, at + 1)
        sync = self._sync
        if not sync:
            return after
        found = buffer.find(sync, after)
        if found >= 0:
            return found
        for n in range(min(len(sync), len(buffer) - at) - 1, 0, -1):  # its beginning, cut by the end
            if buffer.endswith(sync[:n]):
                return len(buffer) - n
        return len(buffer)

    def _skip(self, buffer: bytes, at: int, after: int) -> int:
        """Drop what is before `after`; gives it back."""
        self._n_skipped += after - at
        self._skipped = (self._skipped + buffer[at:after])[-MAX_TEXT:]
        return after

    def _judge(self, buffer: bytes, at: int) -> int:
        """The length of the frame at `at` if it is to be believed, else why not."""
        self._is_next = False
        found = at < len(buffer) and buffer.startswith(self._sync, at)
        n = self._measure(buffer, at) if found else self._look(buffer, at)
        if n <= 0:
            return n
        frame = buffer[at : at + n]
        if not self._locked:
            believed = self._chain(buffer, at, n, frame)
            return believed if believed >= 0 else self._believe(buffer, at + n, n, frame, self._doubt(frame))
        if self._distance(self._before, frame) == 1:
            self._is_next = True
            return n
        needed = self._confirm(frame, True)
        if self._chained or not needed:
            believed = self._believe(buffer, at + n, n, frame, needed)
            return believed if believed >= 0 else self._chain(buffer, at, n, frame)
        return self._weigh(buffer, at, n, frame)

    def _doubt(self, frame: bytes) -> int:
        """How many frames must follow this one, out of lock."""
        needed = self._confirm(frame, False)
        if not needed or not self._before:
            return needed
        n_skipped = self._n_skipped // len(frame)
        goes_on = 0 < self._distance(self._before, frame) <= n_skipped + NEAR
        return needed if goes_on else needed + MORE_DOUBT

    def _weigh(self, buffer: bytes, at: int, n: int, frame: bytes) -> int:
        """The length `n` of a frame whose counter jumps, if those after it bear that out."""
        jump = self._distance(self._before, frame)
        if jump <= 0:
            return n  # it came again or late: whoever counts will see
        after = self._look(buffer, at + n)
        if after <= 0:
            return MORE if after == MORE else NO_FRAME
        second = buffer[at + n : at + n + after]
        step = self._distance(self._before, second)
        if jump <= NEAR and step >= jump:
            return n if step > jump else DAMAGED  # should it come twice, the second will do
        third = self._look(buffer, at + n + after)
        if third <= 0:
            return MORE if third == MORE else DAMAGED
        last = buffer[at + n + after : at + n + after + third]
        if jump <= NEAR:
            return n if self._distance(self._before, last) > jump else DAMAGED
        near = all(0 <= self._distance(*pair) <= NEAR for pair in ((frame, second), (second, last)))
        return n if near else DAMAGED

    def _chain(self, buffer: bytes, at: int, n: int, frame: bytes) -> int:
        """`n` when a weakly marked frame stands in step with the last one, and so do `LINKS` after it, none far off."""
        skipped = self._n_skipped
        if not self._chained or not self._before or skipped % n or skipped > LONGEST_CHAIN * n:
            return NO_FRAME
        return self._believe(buffer, at + n, n, frame, LINKS, NEAR)

    def _believe(self, buffer: bytes, at: int, n: int, frame: bytes, needed: int, most: int = 1) -> int:
        """`n` when `needed` frames stand from `at` on, each 1 to `most` after the one before it."""
        for _ in range(needed):
            more = self._look(buffer, at)
            if more <= 0:
                return MORE if more == MORE else NO_FRAME
            after = buffer[at : at + more]
            if not 1 <= self._distance(frame, after) <= most:
                return NO_FRAME
            frame = after
            at += more
        return n

    def _look(self, buffer: bytes, at: int) -> int:
        sync = self._sync
        if buffer.startswith(sync, at) and len(buffer) > at:
            return self._measure(buffer, at)
        tail = buffer[at : at + len(sync)]
        return MORE if len(tail) < max(1, len(sync)) and sync.startswith(tail) else NO_FRAME
