"""What a device says beside its samples: who it is, and beats it found itself. Pure.

The device's beats are passed on and held against the monitor's own; they decide nothing here. The monitor sees
more than a chip does (signal quality, rhythm, what it remembers of the patient), so where the two differ, its
answer stands, and how often they differ is told.
"""

from __future__ import annotations

from collections import Counter, deque

from edge import __version__
from edge.throttle import Throttle
from edge.types import Beat
from firmware_bridge.device import Decoder, Teller
from firmware_bridge.types import DeviceBeat, Firmware

MATCH_S = 0.15
"""Two R-peaks no further apart are one beat (EC57's window)."""

WAIT_S = 10.0
"""A beat that the other side has not named by then it has not found; beats' answers come within 3 s."""

REPORT_S = 60.0
MOST_WAITING = 256
MOST_NOTES = 8


class Aside:
    """Takes what `decoder` tells beside samples, if it tells anything.

    Parameters
    ----------
    decoder : Decoder
        Asked after every `feed`.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._teller = decoder if isinstance(decoder, Teller) else None
        self._notes: list[tuple[str, str]] = []
        self._rarely = Throttle(1, REPORT_S)
        self._theirs: deque[tuple[int, str]] = deque(maxlen=MOST_WAITING)
        self._ours: deque[tuple[int, str]] = deque(maxlen=MOST_WAITING)
        self._fs = 0.0
        self._counts: Counter[str] = Counter()
        self._report_at_s: float | None = None

    def hear(self) -> list[DeviceBeat]:
        """Ask the decoder what was told since; give the beats, to be published."""
        if self._teller is None or not (told := self._teller.told()):
            return []
        beats = []
        for said in told:
            if isinstance(said, DeviceBeat):
                beats.append(said)
                self._fs = said.fs
                if said.final:
                    self._theirs.append((said.sample, said.aami))
            elif len(self._notes) < MOST_NOTES:
                self._notes.append(line_about(said))
        return beats

    def compare(self, beat: Beat) -> None:
        """An answer of the monitor's own; once the device names beats the final ones are held against them."""
        if self._fs and beat.final:
            self._ours.append((beat.r_peak.sample, beat.aami))

    def poll(self, t_s: float) -> list[tuple[str, str]]:
        """What is worth a line at monotonic time `t_s`, as (kind, line); call a few times a second."""
        if not self._fs and not self._notes:
            return []
        said = [note for note in self._notes if self._rarely.push(note[1], t_s) is not None]
        self._notes.clear()
        self._match()
        if self._report_at_s is None:
            self._report_at_s = t_s + REPORT_S
        elif t_s >= self._report_at_s:
            self._report_at_s = t_s + REPORT_S
            if self._counts:
                said.append(("device_beats", self._line()))
                self._counts.clear()
        return said

    def _match(self) -> None:
        """Pair beats in their order; one without a partner is counted once it has waited long enough."""
        theirs, ours = self._theirs, self._ours
        newest = max((beats[-1][0] for beats in (theirs, ours) if beats), default=0)
        while theirs or ours:
            if theirs and ours and abs(theirs[0][0] - ours[0][0]) <= MATCH_S * self._fs:
                self._counts["same" if theirs.popleft()[1] == ours.popleft()[1] else "other"] += 1
                continue
            first = theirs if theirs and (not ours or theirs[0][0] < ours[0][0]) else ours
            if first[0][0] > newest - WAIT_S * self._fs:
                return
            first.popleft()
            self._counts["theirs" if first is theirs else "ours"] += 1

    def _line(self) -> str:
        same, other, theirs, ours = (self._counts[name] for name in ("same", "other", "theirs", "ours"))
        return (
            f"the device named {same + other + theirs} beats: {same} of the same class here, {other} of another, "
            f"{theirs} not found here; {ours} found only here"
        )


def line_about(firmware: Firmware) -> tuple[str, str]:
    """Who sends, as (kind, line); what to do where it speaks another version than is read here."""
    name = firmware.name or "a firmware that gave no name"
    if firmware.speaks == firmware.expected:
        return "firmware", f"{name}, native frames of version {firmware.speaks}"
    newer = firmware.speaks > firmware.expected
    mend = f"install a heartwire that reads version {firmware.speaks}, or" if newer else "to mend it"
    return "version_mismatch", (
        f"got native frames of version {firmware.speaks} from {name}, expected version {firmware.expected}, "
        f"which heartwire {__version__} reads; {mend} flash the board with this one's firmware (README, Firmware)"
    )
