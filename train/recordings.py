"""cinc2017 by folds: normal, atrial fibrillation, other or noise, of whole recordings.

A recording goes through the monitor's pipeline for its beats, and through the rhythm CNN, all networks being those of
the fold that holds it out; what comes of that (:mod:`train.recording_features`) a few small networks and boosted trees
weigh together.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artefact import load_networks, shipped
from edge.cnn import Int8Cnn
from edge.pipeline import Pipeline
from edge.rhythm import AfJudge
from edge.rhythm_window import rhythm_image
from edge.types import AAMI, Beat
from firmware_bridge.types import BadInput, SampleBlock
from train import databases, forest
from train.dataset import Fold, cache_dir, front_mark, load_patient, peaks_mark
from train.forest import Forest
from train.recording_features import FEATURES, features
from train.rhythm_rows import folder_of, networks
from train.rhythm_windows import HOP, held_out

F32 = NDArray[np.float32]

LABELS = ("N", "A", "O", "~")
DATABASE = "cinc2017"


def labels() -> dict[str, int]:
    """Index into :data:`LABELS` of every recording that is there."""
    return {name: LABELS.index(label) for name, label in databases.recording_labels().items()}


_networks = lru_cache(maxsize=1)(load_networks)


def held(fold: Fold) -> list[str]:
    """The recordings that neither a fold's networks of beats nor its rhythm CNN have heard."""
    return sorted(r for d, r in held_out(fold) if d == DATABASE)


def beats_of(name: str, artefacts: Path) -> F32:
    """Beats (n, 8) of one recording as the pipeline finds them, by the networks in `artefacts` and their mean.

    Seconds, probability of being a beat, signal quality, and the final probabilities of N, S, V, F and Q.
    """
    record = databases.load(DATABASE, name)
    pipeline = Pipeline(_networks(artefacts), wave_ms=0.0)
    events = pipeline.push(SampleBlock("recording", 0, record.fs, record.mv[:, :1], ("ECG",)))
    beats = {e.id: e for e in events if isinstance(e, Beat)}
    rows = [(b.r_peak.sample / record.fs, b.r_peak.prob, b.sqi, *b.probs) for b in beats.values()]
    return np.asarray(sorted(rows), np.float32).reshape(-1, 3 + len(AAMI))


def all_beats(folds: Path, n: int) -> dict[str, F32]:
    """:func:`beats_of` every recording by the fold that holds it out, on all cores.

    Kept in the cache, a file a fold, with the mark of networks and R-peak logic.
    """
    out: dict[str, F32] = {}
    for fold in (Fold(k, n) for k in range(n)):
        out |= _beats_of_fold(fold, folder_of(fold, folds))
    return out


def _beats_of_fold(fold: Fold, artefacts: Path) -> dict[str, F32]:
    known = load_networks(artefacts).manifests
    mark = " ".join((front_mark(), peaks_mark(), known["gru"].sha256, known["beat_cnn"].sha256))
    path, names = cache_dir() / f"recording_beats_{fold.folder}.npz", held(fold)
    if path.exists():
        with np.load(path) as z:
            if str(z["mark"]) == mark and set(names) <= set(z.files):
                return {name: z[name] for name in names}
    from tqdm import tqdm

    # Spawned, not forked: the runtime has threads of its own.
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        played = pool.map(partial(beats_of, artefacts=artefacts), names, chunksize=32)
        found = dict(zip(names, tqdm(played, total=len(names), desc=f"beats of {fold.folder}"), strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part.npz")
    np.savez(part, mark=mark, **found)  # type: ignore[arg-type]
    part.replace(path)
    return found


def rhythm_of(x: F32, cnn: Int8Cnn) -> F32:
    """The rhythm CNN's probabilities (n, 5) of a lead, float32 (n_samples,) after the front end, once a second."""
    ends = range(cnn.window, len(x) + 1, HOP)
    out = [cnn.probs(rhythm_image(x[end - cnn.window : end])) for end in ends]
    return np.stack(out) if out else np.zeros((0, 5), np.float32)


def rows(names: Sequence[str], beats: Mapping[str, F32], cnn: Int8Cnn, judge: AfJudge) -> F32:
    """Features (n, len(FEATURES)) of recordings, through a rhythm CNN that has not seen them."""
    out = np.zeros((len(names), len(FEATURES)), np.float32)
    for k, name in enumerate(names):
        x = load_patient(DATABASE, name, DATABASE).x[:, 0]
        out[k] = features(x, beats[name], rhythm_of(x, cnn), judge)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Small networks side by side over standardised features, and trees over the features as they are.

    The networks say the mean of their probabilities, and the judge the mean of theirs and the trees'.

    `mean` and `spread` (n_features,); `w1` (n_nets, n_features, n_hidden), `b1`, `w2` (n_nets, n_hidden, 4), `b2`.
    """

    mean: F32
    spread: F32
    w1: F32
    b1: F32
    w2: F32
    b2: F32
    trees: Forest

    def probs(self, x: F32) -> F32:
        """Probabilities (n, 4) of :data:`LABELS` of features (n, n_features)."""
        z = np.clip((x - self.mean) / self.spread, -5.0, 5.0)
        hidden = np.maximum(0.0, np.einsum("nf,kfh->knh", z, self.w1) + self.b1[:, None])
        logits = np.einsum("knh,khc->knc", hidden, self.w2) + self.b2[:, None]
        e = np.exp(logits - logits.max(2, keepdims=True))
        of_networks = (e / e.sum(2, keepdims=True)).mean(0)
        out: F32 = (0.5 * of_networks + 0.5 * self.trees.probs(x)).astype(np.float32)
        return out

    def save(self, path: Path) -> None:
        """Write to `path`: JSON, the networks' weights as half-precision numbers, little end first, in base64."""
        weights = {f.name: getattr(self, f.name) for f in fields(self)[2:-1]}
        content = {
            "features": FEATURES,
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
            "shapes": {name: w.shape for name, w in weights.items()},
            **{name: b64encode(w.astype("<f2").tobytes()).decode() for name, w in weights.items()},
            "trees": self.trees.kept(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content) + "\n")


def load_judge(path: Path) -> Judge:
    """Read what :meth:`Judge.save` wrote. Raises BadInput where it is missing, damaged, or of other features."""
    try:
        content = json.loads(path.read_text())
        named = tuple(content["features"])
        given = [np.asarray(content[name], np.float32) for name in ("mean", "spread")]
        for f in fields(Judge)[2:-1]:
            halves = np.frombuffer(b64decode(content[f.name], validate=True), "<f2")
            given.append(halves.reshape(content["shapes"][f.name]).astype(np.float32))
        trees = forest.read(content["trees"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"cannot read {path}: {type(error).__name__}; make it with python -m train fit recordings"
        ) from None
    if named != FEATURES:
        raise BadInput(f"{path}: its features are not those of this code; fit it again")
    return Judge(*given, trees)


def judge_of(fold: Fold, folds: Path) -> Path:
    """Where the :class:`Judge` lies that has seen nobody of this fold."""
    return folder_of(fold, folds) / "recordings.json"


def scores(table: NDArray[np.int64]) -> dict[str, float]:
    """F1 of N, A and O and their mean [percent] of a table (4, 4) of label by answer, as the 2017 challenge has it."""
    f1 = [200.0 * table[k, k] / max(1, table[k].sum() + table[:, k].sum()) for k in range(3)]
    return {**dict(zip(LABELS, f1, strict=False)), "mean": sum(f1) / 3.0}


def table(folds: Path, n: int) -> dict[str, Any]:
    """The row of the table of accuracy: every recording as the fold that holds it out judges it."""
    truth, said = [], []
    known, beats = labels(), all_beats(folds, n)
    af = load_networks(shipped()).af
    for fold, cnn in networks(folds, n):
        names = held(fold)
        probs = load_judge(judge_of(fold, folds)).probs(rows(names, beats, cnn, af))
        truth += [known[name] for name in names]
        said += probs.argmax(1).tolist()
    return row(np.asarray(truth), np.asarray(said))


def row(truth: NDArray[np.int64], said: NDArray[np.int64]) -> dict[str, Any]:
    """F1 [percent] with 95 % bootstrap intervals over recordings, and the table of label by answer."""
    drawn = np.random.default_rng(0).integers(len(truth), size=(1000, len(truth)))
    again = [scores(_count(truth[k], said[k])) for k in drawn]
    counted = _count(truth, said)
    return {
        "recordings": len(truth),
        "f1": {name: round(value, 2) for name, value in scores(counted).items()},
        "interval_95": {
            name: [round(float(v), 2) for v in np.percentile([one[name] for one in again], (2.5, 97.5))]
            for name in scores(counted)
        },
        "table": {LABELS[k]: dict(zip(LABELS, counted[k].tolist(), strict=True)) for k in range(4)},
    }


def _count(truth: NDArray[np.int64], said: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.bincount(4 * truth + said, minlength=16).reshape(4, 4)


def lines(found: Mapping[str, Any]) -> Iterable[str]:
    """The row for people."""
    cells = [
        f"{name} {value:.2f} [{found['interval_95'][name][0]:.2f}, {found['interval_95'][name][1]:.2f}]"
        for name, value in found["f1"].items()
    ]
    yield f"cinc2017 by folds, F1 of {found['recordings']} recordings: {', '.join(cells)}"
