"""Play records through the monitor's own pipeline and score its answers beat by beat.

What is scored is what the monitor publishes: the record's first lead goes through the ``push`` of
``edge.pipeline.Pipeline`` in blocks, as fast as it goes, and the R-peaks and labels of the Beat events are
held against the record's labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from edge.types import Alarm, Beat, Event
from firmware_bridge.records import open_record
from firmware_bridge.types import BadInput, SampleBlock
from train.alarm_truth import LETHAL, justified, truth_of
from train.databases import read_annotations
from train.ec57 import Comparison, Mark, Matrix, bxb, encode, marks

if TYPE_CHECKING:
    from edge.artefact import Models

#: WFDB extension of final and of early answers.
FINAL, EARLY = "hw", "hwe"
#: Technical alarms that suspend beat labels: an EC57 shutdown while they last.
SHUTDOWNS = frozenset({"unreadable", "lead_off", "no_signal"})
_SHORTEST_SHUTDOWN_S = 1.0


class Pushable(Protocol):
    """The part of the pipeline that playing needs."""

    def push(self, item: SampleBlock) -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class Answers:
    """What a pipeline said about one lead of a record.

    `final` holds the last word on each beat: its final answer, or the early one where the record ended first;
    `early` the first word. Both are in order of R-peak. `shutdowns` are stretches (start, end) in samples in
    which the monitor declared the signal unusable. `alarms` are the patient alarms of high priority, each once
    as it became active.
    """

    final: tuple[Beat, ...]
    early: tuple[Beat, ...]
    shutdowns: tuple[tuple[int, int], ...]
    alarms: tuple[Alarm, ...] = ()

    def early_ms(self, fs: float) -> NDArray[np.float64]:
        """Time from R-peak to early answer [ms], shape (n_beats,): `at` less the peak's sample."""
        delays = [(beat.at - beat.r_peak.sample) / fs * 1000.0 for beat in self.early]
        return np.asarray(delays, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """One record's result: `final` and `early` against the labels, `n_beats` answers, their `early_ms`.

    `alarms` are the lethal ones (name, seconds into the record, whether the labels bear it out); `seconds` the
    record's length. `stretches` are the final answers' matrices stretch by stretch, where the job asks for it.
    """

    record: str
    lead: str
    final: Comparison
    early: Comparison
    n_beats: int
    early_ms: NDArray[np.float64]
    alarms: tuple[tuple[str, float, bool], ...] = ()
    seconds: float = 0.0
    stretches: tuple[Matrix, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """How to evaluate a record.

    Attributes
    ----------
    folder : Path
        Where the records lie.
    reference : str
        Extension of the labels.
    lead : str or None
        Name or index of the lead; None takes MLII where there is one, else the first.
    start_s : float
        Learning period that is not scored [s].
    annotations : Path or None
        Where to write annotation files.
    artefacts : Path or None
        Folder of the models; None takes the shipped ones.
    stretch_s : float or None
        Length of the stretches that are scored by themselves as well [s]; None for none.
    personal : {'off', 'self', 'labels'}
        Personal mode; 'labels' is given the annotations of the first five minutes, and no others.
    lowered : float
        How much lower than in the monitor the logit is above which a maximum is an R-peak.
    """

    folder: Path
    reference: str = "atr"
    lead: str | None = None
    start_s: float = 300.0
    annotations: Path | None = None
    artefacts: Path | None = None
    stretch_s: float | None = None
    personal: str = "off"
    lowered: float = 0.0


def blocks(record: str, mv: NDArray[np.float32], fs: float, lead: str) -> Iterator[SampleBlock]:
    """Cut a lead, shape (n, 1) in mV, into blocks of about a second. The cuts change no answer."""
    size = max(1, round(fs))
    for start in range(0, len(mv), size):
        yield SampleBlock(record, start, fs, mv[start : start + size], (lead,))


def play(pipeline: Pushable, given: Iterable[SampleBlock]) -> Answers:
    """Push blocks through a pipeline and gather what it says about beats and about being unable to say."""
    final: dict[int, Beat] = {}
    early: dict[int, Beat] = {}
    stretches: list[tuple[int, int]] = []
    active: dict[str, int] = {}
    alarms: list[Alarm] = []
    end = 0
    for block in given:
        end = block.end
        for event in pipeline.push(block):
            if isinstance(event, Beat) and event.final:
                final[event.id] = event
            elif isinstance(event, Beat):
                early.setdefault(event.id, event)
            elif isinstance(event, Alarm) and event.name in SHUTDOWNS:
                if event.state == "active":
                    active.setdefault(event.name, event.since)
                elif event.name in active:
                    stretches.append((active.pop(event.name), event.at))
            elif isinstance(event, Alarm) and event.priority == "high" and event.state == "active":
                alarms.append(event)
    stretches += [(start, end) for start in active.values()]
    return Answers(_by_peak({**early, **final}), _by_peak(early), tuple(sorted(stretches)), tuple(alarms))


def _by_peak(beats: dict[int, Beat]) -> tuple[Beat, ...]:
    return tuple(sorted(beats.values(), key=lambda beat: (beat.r_peak.sample, beat.id)))


def as_marks(beats: Iterable[Beat], shutdowns: Iterable[tuple[int, int]], fs: float) -> list[Mark]:
    """Beats as N S V F Q at their R-peaks, and shutdowns as pairs of NOISE marks.

    EC57 wants a shutdown to hold no beat, so a stretch is cut at the beats that were answered in it all the
    same, and what is left of it counts where it is a second or longer.
    """
    found = [Mark(beat.r_peak.sample, beat.aami) for beat in beats]
    at = [mark.sample for mark in found]
    for start, end in _union(shutdowns):
        edges = [start - 1, *(sample for sample in at if start <= sample <= end), end + 1]
        for before, after in pairwise(edges):
            if after - before - 2 >= _SHORTEST_SHUTDOWN_S * fs:
                found += [Mark(before + 1, "~", -1), Mark(after - 1, "~", 0)]
    return sorted(found, key=lambda mark: mark.sample)


def _union(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def write_annotations(folder: Path, record: str, extension: str, given: list[Mark]) -> Path:
    """Write a WFDB annotation file `folder`/`record`.`extension`. Raises BadInput when it cannot."""
    path = folder / f"{record}.{extension}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(given))
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}; choose another folder") from None
    return path


def evaluate_record(job: Job, models: Models, record: str) -> Score:
    """Play one record and score it. Raises BadInput for a record that cannot be read or is too short."""
    signals = open_record(job.folder / record, job.lead)
    labels = marks(read_annotations(job.folder / record, job.reference))
    fs, n = signals.fs, signals.mv.shape[0]
    if n < job.start_s * fs:
        raise BadInput(
            f"record {record} is {n / fs:.0f} s long and the first {job.start_s:.0f} s are not scored; "
            "give a smaller --start"
        )
    if len(signals.leads) != 1:
        raise BadInput(f"record {record}: got lead {job.lead!r}, expected one; give its name or index")
    lead = signals.leads[0]
    answers = play(_monitor(job, models, record, labels, fs), blocks(record, signals.mv, fs, lead))
    compared = []
    parts: tuple[Matrix, ...] = ()
    for extension, beats in ((FINAL, answers.final), (EARLY, answers.early)):
        given = as_marks(beats, answers.shutdowns, fs)
        compared.append(bxb(labels, given, fs, n, start_s=job.start_s))
        if extension == FINAL and job.stretch_s:
            parts = tuple(in_stretches(labels, given, fs, n, job.start_s, job.stretch_s))
        if job.annotations is not None:
            write_annotations(job.annotations, record, extension, given)
    return Score(
        record,
        lead,
        compared[0],
        compared[1],
        len(answers.final),
        answers.early_ms(fs),
        judged(answers.alarms, labels, fs, n),
        n / fs,
        parts,
    )


def in_stretches(
    labels: list[Mark], given: list[Mark], fs: float, n: int, start_s: float, stretch_s: float
) -> Iterator[Matrix]:
    """What each stretch of `stretch_s` from `start_s` on gives by itself; a shorter rest is left out."""
    for k in range(int((n / fs - start_s) / stretch_s)):
        at = start_s + k * stretch_s
        yield bxb(labels, given, fs, n, start_s=at, end_s=at + stretch_s).matrix


def _monitor(job: Job, models: Models, record: str, labels: Sequence[Mark], fs: float) -> Pushable:
    """A pipeline for one record, and where labels are taken, somebody who gives them."""
    from edge.pipeline import Pipeline
    from train.personal_labels import Labelling

    pipeline = Pipeline(models, device_id=record, wave_ms=0, personal=job.personal)
    return Labelling(pipeline, labels, fs) if job.personal == "labels" else pipeline


def judged(
    alarms: Iterable[Alarm], labels: Sequence[Mark], fs: float, n: int
) -> tuple[tuple[str, float, bool], ...]:
    """Each lethal alarm, when it was told, and whether the labels of the record (of `n` samples) bear it out."""
    truth = truth_of(labels, fs, n)
    return tuple(
        (a.name, round(a.at / fs, 2), justified(a.name, a.since / fs, a.at / fs, truth))
        for a in alarms
        if a.name in LETHAL
    )


def evaluate(job: Job, records: list[str], jobs: int = 1) -> Iterator[Score]:
    """Evaluate records, `jobs` at a time in processes of their own; scores come in the order of `records`."""
    if jobs <= 1 or len(records) <= 1:
        models = _load(job)
        yield from (evaluate_record(job, models, record) for record in records)
        return
    # Spawned, not forked: the runtime and the progress bar have threads of their own.
    with ProcessPoolExecutor(min(jobs, len(records)), get_context("spawn")) as pool:
        try:
            yield from pool.map(partial(_in_worker, job), records)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_loaded: dict[tuple[Path | None, float], Models] = {}


def _in_worker(job: Job, record: str) -> Score:
    key = job.artefacts, job.lowered
    if key not in _loaded:
        _loaded[key] = _load(job)
    return evaluate_record(job, _loaded[key], record)


def _load(job: Job) -> Models:
    from edge.artefact import load_models

    models = load_models(job.artefacts)
    gru = models.manifests["gru"]
    thresholds = {**gru.thresholds, "qrs_logit": gru.thresholds["qrs_logit"] - job.lowered}
    return replace(models, manifests={**models.manifests, "gru": structs.replace(gru, thresholds=thresholds)})
