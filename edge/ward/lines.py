"""What happens at all beds as lines of text, for a pipe or a log. Pure."""

from __future__ import annotations

from edge.messages import iso
from edge.ward.beds import Bed, Change, Freshness, What
from edge.ward.heard import AlarmHeard, Answer, AudioHeard, BeatHeard, NoteHeard, RhythmHeard, Signal

MEANING = {
    "N": "normal",
    "S": "premature, from above",
    "V": "VENTRICULAR",
    "F": "fusion",
    "Q": "paced or unknown",
}


class WardLines:
    """Turns changes of a ward into lines: time, bed, what happened. A lethal alarm's line has three stars."""

    def push(self, changes: list[Change], utc_s: float) -> list[str]:
        """Lines of some changes, none for what is not for people (waveforms, first answers). `utc_s`: now."""
        out = []
        for change in changes:
            said = _text(change.bed, change.what)
            if said is not None:
                t_ms = change.what.t_ms if isinstance(change.what, BeatHeard) else utc_s * 1000.0
                out.append(f"{iso(t_ms / 1000.0)[11:21]} {change.bed.name:10} {said}")
        return out


def _text(bed: Bed, what: What) -> str | None:
    if isinstance(what, BeatHeard):
        return _beat(bed, what) if what.final else None
    if isinstance(what, AlarmHeard):
        mark = "***" if what.state == "active" and what.priority == "high" and not what.acked else "   "
        acked = f", acknowledged{' by ' + what.by if what.by else ''}" if what.acked else ""
        return f"{mark} ALARM {what.name} {what.state}{acked}, priority {what.priority}: {what.value}"
    if isinstance(what, AudioHeard):
        if what.until_ms is None:
            return None
        by = f" by {what.by}" if what.by else ""
        return f"sound of alarms paused until {iso(what.until_ms / 1000.0)[11:19]} UTC{by}"
    if isinstance(what, RhythmHeard):
        return f"rhythm {what.label}"
    if isinstance(what, Signal):
        return f"signal {'online' if what.online else 'offline'}"
    if isinstance(what, NoteHeard):
        return f"{what.kind}: {what.detail}"
    if isinstance(what, Answer):
        return f"answer to {what.verb}: {'ok' if what.ok else what.error}"
    if isinstance(what, Freshness):
        return f"STALE: nothing for {what.after_s or 0.0:.1f} s" if what.stale else "live"
    return None


def _beat(bed: Bed, beat: BeatHeard) -> str:
    vitals = None if bed.stale else bed.vitals
    hr = "--" if vitals is None or vitals.hr_bpm is None else f"{vitals.hr_bpm:.0f}"
    rhythm = "?" if vitals is None else vitals.rhythm
    gap = "   -   " if beat.rr_ms is None else f"{beat.rr_ms:4.0f} ms"
    doubt = "  (warming up)" if beat.warming else "" if beat.readable else "  (unreadable)"
    return f"beat {beat.aami}  RR {gap}  {f'HR {hr:>3} {rhythm}':16} {MEANING[beat.aami]}{doubt}".rstrip()
