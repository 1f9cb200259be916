"""[io] The recorder: takes what the monitor sees, off its way, and writes it in a thread of its own.

Handing over is an append to a queue. A disk that is slow, full or gone never delays a sample or an alarm: what it
cannot take waits, then the oldest goes, and that the recording has stopped is told as a technical alarm.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Union

from edge.io.disk_budget import NoRoom
from edge.io.log import Say
from edge.io.reel import Handed, Reel
from edge.log_lines import Line
from edge.recording.segments import Arrived, began_s
from edge.types import Alarm, Beat, Command, Event, LinkState, Rhythm, Status
from firmware_bridge.types import BadInput, Gap, SampleBlock

if TYPE_CHECKING:
    from edge.stages import Stages

LOOK_S = 1.0
SYNC_S = 1.5
"""The header follows what is on the disk by one of these, by the clock or of stream: cut off, at most 5 s are lost."""
TIDY_S = 60.0
RETRY_S = 5.0
STALLED_S = 5.0
MOST_S = 300.0
"""So much of the stream waits for a disk; then the oldest goes."""
CLOSE_S = 10.0
SETTLE_S = 0.5
SICK = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""What a disk says that is read-only, full or broken."""

Item = Union[SampleBlock, Gap, LinkState, Command]  # noqa: UP007 (a runtime alias on 3.10)


class Recorder:
    """Runs a `Reel` in a thread.

    Parameters
    ----------
    reel : Reel
        What writes.
    log : callable
        Takes a line for the person at the terminal.

    Attributes
    ----------
    n_dropped : int
        Items that went because the disk did not take them in time.
    """

    def __init__(self, reel: Reel, log: Say) -> None:
        self._reel, self._log = reel, log
        self._queue: deque[Handed] = deque()
        self._wake, self._ended = threading.Event(), threading.Event()
        self._handed_s = self._taken_s = self._woken_s = 0.0
        self._busy_since_s: float | None = None
        self._problem: str | None = None
        self._begun = False
        self.n_dropped = 0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    # -- called by the monitor ---------------------------------------------------------------------------------

    def block(self, block: SampleBlock) -> None:
        """Samples have arrived."""
        self._queue.append(Arrived(block, time.monotonic(), time.time()))
        self._handed_s += block.mv.shape[0] / block.fs
        if self._handed_s - self._woken_s >= LOOK_S:
            self._woken_s = self._handed_s
            self._wake.set()
            self._bound()

    def event(self, event: Beat | Rhythm | Alarm | Status) -> None:
        """Something was found in them."""
        self._queue.append(event)

    def restart(self) -> None:
        """The device began again."""
        self._queue.append(None)

    @property
    def problem(self) -> str | None:
        """Why nothing is recorded now, None while all is well."""
        since_s = self._busy_since_s
        if self._problem is None and since_s is not None and time.monotonic() - since_s > STALLED_S:
            return f"the disk has not answered for {time.monotonic() - since_s:.0f} s"
        return self._problem

    def close(self) -> None:
        """Write what is left and end; a disk that does not answer is not waited for longer than `CLOSE_S`."""
        self._ended.set()
        self._wake.set()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            lost = f"the disk does not answer; what came in the last {CLOSE_S:.0f} s is lost"
            self._log(Line("recording", lost, "error"))

    def _bound(self) -> None:
        while self._handed_s - self._taken_s > MOST_S and self._queue:
            gone = self._queue.popleft()
            self.n_dropped += 1
            if isinstance(gone, Arrived):
                self._taken_s += gone.block.mv.shape[0] / gone.block.fs

    # -- the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        _step_back()
        synced_s = tidied_s = float("-inf")
        synced_to_s = 0.0
        while True:
            ending = self._ended.is_set()
            self._busy_since_s = now_s = time.monotonic()
            try:
                if not self._begun:
                    self._begin()
                if now_s - tidied_s >= TIDY_S or self._problem is not None:
                    self._reel.tidy()
                    tidied_s = now_s
                if ending or self._settled(now_s):
                    self._reel.take(self._drain(), self._began_s())
                if now_s - synced_s >= SYNC_S or self._taken_s - synced_to_s >= SYNC_S or ending:
                    synced_s, synced_to_s = now_s, self._taken_s
                    self._reel.sync()
                if ending:
                    self._reel.close()
                self._tell(None)
            except NoRoom as error:
                self._give_up(str(error))
            except OSError as error:
                self._give_up(
                    f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
                )
            except Exception as error:  # a mistake of ours must not end the recording for good
                self._give_up(f"{type(error).__name__}: {str(error)[:200]}")
            self._busy_since_s = None
            if ending:
                return
            if self._problem is not None:
                self._ended.wait(RETRY_S)
                continue
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _begin(self) -> None:
        n = self._reel.begin()
        self._begun = True
        if n:
            self._log(Line("recording", f"{n} records that were cut off have been mended"))

    def _settled(self, now_s: float) -> bool:
        """Whether enough of a run has come to tell when it began: what waited in a port's buffer comes at once."""
        first = next((item for item in self._queue.copy() if isinstance(item, Arrived)), None)
        return not self._reel.fresh or first is None or now_s - first.mono_s >= SETTLE_S

    def _began_s(self) -> float | None:
        """When the first sample of a run was that begins with what waits."""
        if not self._reel.fresh:
            return None
        return began_s(item for item in self._queue.copy() if isinstance(item, Arrived))

    def _drain(self) -> Iterator[Handed]:
        """What waits now, taken away as it is given: what a failing disk does not take stays."""
        for _ in range(len(self._queue)):
            try:
                item = self._queue.popleft()
            except IndexError:
                return
            if isinstance(item, Arrived):
                self._taken_s += item.block.mv.shape[0] / item.block.fs
            yield item

    def _give_up(self, why: str) -> None:
        self._reel.abandon()
        self._tell(why)

    def _tell(self, problem: str | None) -> None:
        if problem != self._problem:
            stopped = Line("recording", f"stopped: {problem}", "warning")
            self._log(stopped if problem else Line("recording", "goes on"))
        self._problem = problem


def _step_back() -> None:
    """Let every other thread go first, where the system has a priority for each."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
    except (OSError, AttributeError):
        return


class Recorded:
    """A pipeline, and a recorder that is handed all that goes in and comes out, but for alarms.

    Those it gets as they are told: the monitor raises some itself, and a failure of the pipeline ends none.

    Parameters
    ----------
    stages : Stages
        The pipeline; it behaves as without a recorder.
    recorder : Recorder
        What takes note.
    tell : callable
        Called with why the recording has stopped, and with None when it goes on.
    """

    def __init__(self, stages: Stages, recorder: Recorder, tell: Callable[[str | None], None]) -> None:
        self._stages, self._recorder, self._tell = stages, recorder, tell
        self._told: str | None = None

    @property
    def n_missing(self) -> int | None:
        """As the pipeline has it."""
        return self._stages.n_missing

    def refuses(self, command: Command) -> str | None:
        """As the pipeline does."""
        return self._stages.refuses(command)

    def reset(self) -> list[Event]:
        """As the pipeline does."""
        events = self._stages.reset()
        self._note(events)
        return events

    def parts(self, item: Item) -> Iterator[list[Event]]:
        """As the pipeline does."""
        if isinstance(item, SampleBlock):
            self._recorder.block(item)
        elif isinstance(item, Gap) and item.reason != "lost":
            self._recorder.restart()
        for events in self._stages.parts(item):
            self._note(events)
            yield events

    def _note(self, events: list[Event]) -> None:
        """Hand events over; with a status, once a second, also look whether the recording goes on."""
        for event in events:
            if isinstance(event, (Beat, Rhythm, Status)):
                self._recorder.event(event)
            if isinstance(event, Status):
                self._look()

    def _look(self) -> None:
        problem = self._recorder.problem
        if (problem is None) != (self._told is None):
            self._told = problem
            self._tell(problem)


def check_folder(folder: str) -> None:
    """Raise BadInput where nothing can be recorded into `folder` (made if it is not there).

    A disk that is read-only, full or broken is none of the user's mistakes: the bed is watched all the same, and the
    recorder says so.
    """
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
    except OSError as error:
        if error.errno in SICK:
            return
        raise BadInput(f"record: cannot make the folder {folder!r}: {error.strerror or error}") from None
    if not os.access(folder, os.W_OK | os.X_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise BadInput(f"record: cannot write into {folder!r}: permission denied; choose another folder")
