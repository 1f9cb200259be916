"""Which ten seconds of a recording are worth a look: the best, the worst, and those of alarms. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.io.recordings import Recording
from edge.recording.ecg_paper import Label, strip
from edge.recording.marks import AlarmMark
from edge.report.beats import Beats, Span

F64 = NDArray[np.float64]

STRIP_S = 10.0
MOST_ALARM_STRIPS = 12


@dataclass(frozen=True, slots=True)
class Chosen:
    """A stretch worth a strip: why, where it begins [s], and where in it the event is [s], if it is about one."""

    why: str
    start_s: float
    event_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The recording in stretches of ten seconds.

    Attributes
    ----------
    start_s : ndarray of float, shape (n,)
        Where each begins.
    missing, quality, noise_mv : ndarray of float, shape (n,)
        Share of samples that are not there; mean recorded quality of its beats, NaN without; median step from sample
        to sample [mV], which noise makes large and a QRS does not.
    unreadable : ndarray of bool, shape (n,)
        Whether it was marked so somewhere.
    """

    start_s: F64
    missing: F64
    quality: F64
    noise_mv: F64
    unreadable: NDArray[np.bool_]


def windows(recording: Recording, beats: Beats, bad: Sequence[Span]) -> Windows:
    """Look at the first lead, ten seconds at a time; what is left at the end is left out."""
    size = max(1, round(STRIP_S * recording.fs))
    n = recording.mv.shape[0] // size
    cut = recording.mv[: n * size, 0].reshape(n, size)
    missing = np.mean(~np.isfinite(cut), axis=1) if n else np.zeros(0)
    noise = np.full(n, np.nan)
    whole = missing < 0.5
    if whole.any():
        noise[whole] = np.nanmedian(np.abs(np.diff(cut[whole], axis=1)), axis=1)
    number = (beats.t_s / STRIP_S).astype(int)
    inside = (number < n) & np.isfinite(beats.quality)
    count = np.bincount(number[inside], minlength=n)[:n]
    total = np.bincount(number[inside], beats.quality[inside], minlength=n)[:n]
    quality = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    start = np.arange(n) * STRIP_S
    marked = np.zeros(n, bool)
    for span in bad:
        marked |= (start < span.end_s) & (start + STRIP_S > span.start_s)
    return Windows(start, missing, quality, noise, marked)


def choose(seen: Windows, alarms: Sequence[AlarmMark], recording: Recording) -> list[Chosen]:
    """The best and the worst strip, and one for each alarm of the patient, the first `MOST_ALARM_STRIPS`."""
    out = []
    there = seen.missing < 0.01
    quality = np.where(np.isfinite(seen.quality), seen.quality, np.nanmin(seen.quality, initial=1.0))
    if there.any():
        # Of equal quality the calmer one: noise of a millivolt takes a whole point.
        merit: F64 = quality - np.nan_to_num(seen.noise_mv, nan=1.0) - seen.unreadable
        merit[~there] = np.nan
        best, worst = int(np.nanargmax(merit)), int(np.nanargmin(merit))
        out.append(Chosen("best signal", float(seen.start_s[best])))
        if worst != best:
            out.append(Chosen("worst signal", float(seen.start_s[worst])))
    patient = [alarm for alarm in alarms if alarm.patient]
    for alarm in patient[:MOST_ALARM_STRIPS]:
        at_s = alarm.at / recording.fs
        start_s = max(0.0, min(at_s - STRIP_S * 0.6, recording.seconds - STRIP_S))
        out.append(Chosen(f"alarm {alarm.name}: {alarm.value}", start_s, at_s - start_s))
    return out


def drawn(recording: Recording, beats: Beats, chosen: Sequence[Chosen], when: Sequence[str]) -> Iterator[str]:
    """Each strip as SVG; `when` says what time each begins."""
    fs = recording.fs
    for one, time in zip(chosen, when, strict=True):
        first = round(one.start_s * fs)
        mv = recording.mv[first : first + round(STRIP_S * fs), 0]
        inside = (beats.t_s >= one.start_s) & (beats.t_s < one.start_s + STRIP_S)
        labels = [
            Label(t - one.start_s, name)
            for t, name in zip(beats.t_s[inside].tolist(), beats.aami[inside].tolist(), strict=True)
        ]
        yield strip(mv, fs, f"{one.why}   {time}   lead {recording.leads[0]}", labels, one.event_s)
