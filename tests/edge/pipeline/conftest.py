"""One set of models, a virtual patient as the heart, and what is asked of every stream of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pytest

from edge.artefact import Models, load_models
from edge.pipeline import Item, Pipeline
from edge.types import Alarm, Beat, Event, Note, Status, WaveChunk
from firmware_bridge.patient import TrueBeat, VirtualPatient
from firmware_bridge.types import F32, Gap, SampleBlock

LETHAL = ("asystole", "vf", "vt", "extreme_brady", "extreme_tachy")
E = TypeVar("E")


@dataclass(frozen=True)
class Recording:
    """What a virtual patient's device sent: mv (n, 1), lead_off (n,), and the beats that were in it."""

    fs: float
    mv: F32
    lead_off: np.ndarray
    beats: list[TrueBeat]

    def changed(self, change: Callable[[F32], None]) -> Recording:
        """A copy in which `change` has altered the samples."""
        mv = self.mv.copy()
        change(mv)
        return replace(self, mv=mv)

    def blocks(self, chunk: int = 64, start: int = 0, lost: Iterable[tuple[int, int]] = ()) -> list[Item]:
        """Blocks of at most `chunk` samples, cut where the electrode changes; (first, n) of `lost` left out."""
        n = len(self.mv)
        keep = np.ones(n, bool)
        for first, count in lost:
            keep[first : first + count] = False
        edges = {0, n, *range(0, n, chunk)}
        edges |= set(np.flatnonzero(np.diff(self.lead_off)) + 1) | set(np.flatnonzero(np.diff(keep)) + 1)
        cuts = sorted(edges)
        return [
            SampleBlock("bed", start + int(a), self.fs, self.mv[a:b], ("MLII",), int(self.lead_off[a]))
            for a, b in zip(cuts, cuts[1:], strict=False)
            if keep[a]
        ]


@dataclass
class Answers:
    """Events of one stream, by kind."""

    fs: float
    events: list[Event] = field(default_factory=list)

    def of(self, kind: type[E]) -> list[E]:
        return [e for e in self.events if isinstance(e, kind)]

    def beats(self, final: bool) -> list[Beat]:
        return [b for b in self.of(Beat) if b.final is final]

    def notes(self, kind: str) -> list[Note]:
        return [n for n in self.of(Note) if n.kind == kind]

    def raised(self, *names: str) -> list[Alarm]:
        return [a for a in self.of(Alarm) if a.state == "active" and a.name in (names or LETHAL)]

    def statuses(self, after_s: float = 0.0, until_s: float = 1e9) -> list[Status]:
        return [s for s in self.of(Status) if after_s * self.fs <= s.at < until_s * self.fs]

    def check_ids(self) -> None:
        """Every id has one early and then one final answer about the same R-peak, but for the last."""
        early, final = self.beats(False), self.beats(True)
        assert [b.id for b in early] == list(range(early[0].id, early[0].id + len(early)))
        assert max(Counter(b.id for b in final).values(), default=1) == 1
        missing = {b.id for b in early} - {b.id for b in final}
        assert missing <= {early[-1].id}
        first = {b.id: b for b in early}
        for b in final:
            a = first[b.id]
            assert (a.r_peak, a.rr_s, a.sqi, a.warming) == (b.r_peak, b.rr_s, b.sqi, b.warming)
            assert b.at >= a.at


class Ward:
    """Models loaded once, and recordings made once."""

    def __init__(self) -> None:
        self.models: Models = load_models()
        self._recordings: dict[tuple[Any, ...], Recording] = {}

    def heart(self, script: str, seconds: float, fs: float = 250.0, seed: int = 0) -> Recording:
        key = (script, seconds, fs, seed)
        if key not in self._recordings:
            patient = VirtualPatient(fs, seed, script)
            samples = patient.read(int(seconds * fs))
            self._recordings[key] = Recording(fs, samples.mv, samples.lead_off, patient.beats)
        return self._recordings[key]

    def pipeline(self, wave_ms: float = 0.0, **more: Any) -> Pipeline:
        return Pipeline(self.models, device_id="bed", wave_ms=wave_ms, **more)

    def play(self, recording: Recording, *, pipeline: Pipeline | None = None, **cut: Any) -> Answers:
        return self.push(recording.blocks(**cut), recording.fs, pipeline)

    def push(self, items: Iterable[Item], fs: float, pipeline: Pipeline | None = None) -> Answers:
        pipeline = pipeline or self.pipeline()
        answers = Answers(fs)
        for item in items:
            answers.events += pipeline.push(item)
        return answers

    @staticmethod
    def plain(events: list[Event]) -> list[object]:
        """Events as values that compare bit for bit."""
        return [
            (e.start, e.fs, e.mv.tobytes(), e.mv.shape, e.leads, e.at)
            if isinstance(e, WaveChunk)
            else repr(e)
            for e in events
        ]

    @staticmethod
    def gap(start: int, n: int, reason: str = "lost") -> Gap:
        return Gap(start, n, reason)


@pytest.fixture(scope="session")
def ward() -> Ward:
    return Ward()
