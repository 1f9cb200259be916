"""What the fusion learns from: the rows that the real pipeline makes of every beat it finds, with their labels.

The pipeline runs with a recorder in the fusion's place. A patient's rows come from networks that were not
trained on them (the fold's), so that the fusion sees the networks as strong as they are with a stranger.

What the patient's template and usual intervals are learned from is what the final answers call N. So the rows are
those of the fusion that answered while they were recorded: the networks' mean, until there is a better one.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.artefact import Models, load_fusion, load_networks
from edge.fusion import N_INPUTS, BeatFuser, MeanFusion
from edge.pipeline import Pipeline
from edge.step_model import StepState
from edge.types import AAMI, Beat
from firmware_bridge.types import SampleBlock
from train import databases
from train.dataset import ESCAPES_AS_N, align, front_mark, load_patient, peaks_mark
from train.front import FS_MODEL
from train.labels import TABLE
from train.weak_labels import CLASS_OF

F32 = NDArray[np.float32]

UNKNOWN = -1
"""Class of a beat that no label stands for: a false peak, or one answered while the state was cold."""

MATCH_S = 0.15


@dataclass(frozen=True, slots=True)
class Job:
    """Which lead of which record to play, through the networks in which folder; `fold` holds the record out.

    `fusion` is the folder in which the fusion that answers meanwhile lies; None for the networks' mean.
    """

    database: str
    record: str
    group: str
    lead: int
    fold: int
    artefacts: str
    fusion: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One lead's beats in their order: features (n, 33), class (n,), seconds from the record's start (n,)."""

    patient: str
    group: str
    lead: int
    fold: int
    x: F32
    c: NDArray[np.int64]
    at_s: NDArray[np.float64]


class Recorder:
    """Stands where the fusion stands: keeps every row, and answers as `inner` does, by default the networks' mean."""

    def __init__(self, inner: BeatFuser | None = None) -> None:
        self._inner = inner or MeanFusion()
        self.rows: list[F32] = []

    def new_state(self) -> StepState:
        """A patient never seen."""
        return self._inner.new_state()

    def step(self, x: F32, state: StepState) -> tuple[F32, F32]:
        """Keep `x` (33,) and give the inner one's probabilities."""
        self.rows.append(x)
        return self._inner.step(x, state)

    def unfollowed(self, state: StepState) -> F32:
        """What the inner one says where no beat has followed."""
        return self._inner.unfollowed(state)


def record(job: Job) -> Rows:
    """Play one lead through the pipeline and match its early answers with the labels."""
    networks = load_networks(Path(job.artefacts))
    recorder = Recorder(load_fusion(Path(job.fusion), networks.fs)[0] if job.fusion else None)
    models = replace(networks, fusion=recorder)
    source = databases.load(job.database, job.record)
    order = [source.first_lead, *(k for k in range(len(source.leads)) if k != source.first_lead)]
    beats = [b for b in beats_of(models, source.fs, source.mv[:, [order[job.lead]]]) if not b.final]
    if job.database == "cinc2017":
        classes = np.full(len(beats), CLASS_OF[source.rhythms[0].label])
        classes[[b.warming for b in beats]] = UNKNOWN
    else:
        truth, labels = _labels(job, source)
        classes = match(beats, truth, labels, MATCH_S * source.fs)
    x = np.stack(recorder.rows) if recorder.rows else np.zeros((0, N_INPUTS), np.float32)
    at_s = np.array([b.r_peak.sample / source.fs for b in beats])
    return Rows(f"{job.database}/{job.record}", job.group, job.lead, job.fold, x, classes, at_s)


def _labels(job: Job, source: databases.Record) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    truth = source.beats.astype(np.float64)
    if job.database == "svdb":
        ratio = FS_MODEL / source.fs
        truth = align(load_patient(job.database, job.record, job.group).x, truth * ratio) / ratio
    return truth, np.array([AAMI.index(ESCAPES_AS_N.get(s, TABLE[s])) for s in source.symbols])


def match(
    beats: list[Beat], truth: NDArray[np.float64], classes: NDArray[np.int64], most: float
) -> NDArray[np.int64]:
    """Class of each answer: its nearest label's where that is at most `most` samples away, else `UNKNOWN`."""
    out = np.full(len(beats), UNKNOWN, np.int64)
    if not len(truth):
        return out
    for i, beat in enumerate(beats):
        after = int(np.searchsorted(truth, beat.r_peak.sample))
        around = [k for k in (after - 1, after) if 0 <= k < len(truth)]
        nearest = min(around, key=lambda k: abs(truth[k] - beat.r_peak.sample))
        if not beat.warming and abs(truth[nearest] - beat.r_peak.sample) <= most:
            out[i] = classes[nearest]
    return out


def beats_of(models: Models, fs: float, mv: F32) -> list[Beat]:
    """Every answer of the pipeline about a recording, in the order in which they were given."""
    pipeline = Pipeline(models, wave_ms=0.0)
    beats: list[Beat] = []
    for start in range(0, len(mv), 4096):
        block = SampleBlock("training", start, fs, mv[start : start + 4096], ("ECG",))
        beats += [e for e in pipeline.push(block) if isinstance(e, Beat)]
    return beats


def mark_of(artefacts: Path, fusion: Path | None = None) -> str:
    """Which networks these are, which R-peak logic, and whose answers taught the template: others, another mark."""
    networks = load_networks(artefacts)
    marks = [front_mark(), peaks_mark(), *(networks.manifests[k].sha256[:16] for k in ("gru", "beat_cnn"))]
    if fusion is not None:
        marks.append(load_fusion(fusion, networks.fs)[1].sha256[:16])
    return " ".join(marks)


def mark_of_job(job: Job) -> str:
    """:func:`mark_of` what `job` plays."""
    return mark_of(Path(job.artefacts), Path(job.fusion) if job.fusion else None)


def record_all(jobs: list[Job], path: Path, n_processes: int) -> list[Rows]:
    """Play all jobs, with a progress bar; the rows are kept in `path` with the mark of the networks."""
    from tqdm import tqdm

    with ProcessPoolExecutor(n_processes) as pool:
        found = list(tqdm(pool.map(record, jobs, chunksize=4), total=len(jobs), desc=path.parent.name))
    save(found, path, mark_of_job(jobs[0]))
    return found


def save(rows: Iterable[Rows], path: Path, mark: str) -> None:
    """Keep rows in one file, and whose they are."""
    kept = list(rows)
    what = np.array([(r.patient, r.group, str(r.lead), str(r.fold), str(len(r.c))) for r in kept])
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        what=what,
        mark=mark,
        x=np.concatenate([r.x for r in kept]),
        c=np.concatenate([r.c for r in kept]),
        at_s=np.concatenate([r.at_s for r in kept]),
    )
    part.replace(path)


def load(path: Path, mark: str) -> list[Rows] | None:
    """What `save` has kept; None where there is nothing, or it is of other networks."""
    if not path.exists():
        return None
    with np.load(path) as z:
        if str(z["mark"]) != mark:
            return None
        what, x, c, at_s = z["what"], z["x"], z["c"], z["at_s"]
    out, at = [], 0
    for patient, group, lead, fold, n in what:
        end = at + int(n)
        out.append(Rows(str(patient), str(group), int(lead), int(fold), x[at:end], c[at:end], at_s[at:end]))
        at = end
    return out
