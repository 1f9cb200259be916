"""What each layer holds: linear probes on networks of the folds, on patients that neither network nor probe has seen.

Every patient of mitdb DS1 (without 201) and svdb is looked at through the fold's networks that held the patient out;
the probes are fitted on the other patients' beats, through the same networks. Beside them stand networks of the same
shape that were never trained: what depth is worth without learning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from train.dataset import Fold, Patient, beat_records, load_patient
from train.evaluate_all import FOLDS, fold_models
from train.front import FS_MODEL
from train.study.layers import (
    CNN_LAYERS,
    GRU_LAYERS,
    Pair,
    cnn_maps,
    gru_maps,
    images_at,
    shipped_pair,
    untrained_pair,
)
from train.study.linear import (
    F32,
    F64,
    I64,
    Halves,
    Measure,
    area,
    balanced_accuracy,
    interval,
    rank_correlation,
    replicates,
)
from train.study.targets import Targets, drawn, targets_of

KINDS = 3
"""N, S and V. Nearly all F of DS1 are of one patient (208): a probe for F could only be tested on whom it learned."""

MOST_OF_A_CLASS = 150
"""Beats of each class and patient that are looked at, and moments between beats."""

LOOKED_AT_S = 900.0
"""So much of each record is looked at."""

EARLIEST, LONGEST_S = 25, 3.0
"""Moments between beats come at least so many samples (200 ms) after the first, in intervals below so many seconds."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a probe is asked of a row; `answer` is nan or below 0 where it may not be asked."""

    name: str
    measure_name: str
    measure: Measure
    answer: Callable[[Targets], F64]


def _p_there(t: Targets) -> F64:
    """A P-wave is asked of N and S alone: before a V the same rule would measure the QRS."""
    return np.where(t.aami < 2, t.p_there.astype(np.float64), np.nan)


QUESTIONS = (
    Question(
        "class N S V",
        "balanced accuracy",
        balanced_accuracy,
        lambda t: np.where(t.aami < KINDS, t.aami, np.nan),
    ),
    Question("interval before", "rank correlation", rank_correlation, lambda t: t.rr_s.astype(np.float64)),
    Question("interval ratio", "rank correlation", rank_correlation, lambda t: t.rr_ratio.astype(np.float64)),
    Question(
        "interval before that",
        "rank correlation",
        rank_correlation,
        lambda t: t.rr_before_s.astype(np.float64),
    ),
    Question("beat before was V", "area under ROC", area, lambda t: (t.aami_before == 2).astype(np.float64)),
    Question("QRS width", "rank correlation", rank_correlation, lambda t: t.qrs_ms.astype(np.float64)),
    Question("P-wave there", "area under ROC", area, _p_there),
)
SINCE = Question(
    "time since last R", "rank correlation", rank_correlation, lambda t: t.rr_s.astype(np.float64)
)
"""Asked of the GRU at any moment between two beats; the moments' `rr_s` is the time since the last R-peak."""


@dataclass(frozen=True, slots=True)
class ProbeScore:
    """One probe: which network, layer (`depth` from 0, the input) and question, and how well it did on strangers.

    With a `depth` of -1 it is the difference of two probes on the same beats, named in `layer`.

    `low` and `high` are the 95 % bootstrap interval over patients, whose number is `n_patients`. `unit` is the unit of
    the layer looked at alone (its rank correlation or 2 area - 1, no fitting), -1 for the whole layer.
    """

    network: str
    layer: str
    depth: int
    width: int
    question: str
    measure: str
    score: float
    low: float
    high: float
    n_beats: int
    n_patients: int
    unit: int = -1


Probed = tuple[ProbeScore, F64]
"""A score and its replicates."""


def from_line(content: dict[str, object]) -> ProbeScore:
    """What :func:`line` wrote."""
    nothing = {"low": float("nan"), "high": float("nan")}
    return ProbeScore(**{**nothing, **content})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One patient's rows: what each layer says (n, width), and the targets of the same n."""

    layers: dict[str, F32]
    targets: Targets


def patients(limit: int | None = None) -> list[tuple[str, str, str]]:
    """(database, record, group) of those that are looked at; with `limit` about so many, of every database."""
    everyone = [key for key in beat_records() if key[2] != "paced"]
    step = 1 if limit is None else max(1, len(everyone) // limit)
    return everyone[::step]


def first_part(patient: Patient, seconds: float = LOOKED_AT_S) -> Patient:
    """The first `seconds` of a record."""
    n = round(seconds * FS_MODEL)
    early = patient.r < n - 1
    x, mask, rhythm = patient.x[:n], patient.mask[:n], patient.rhythm[:n]
    return Patient(patient.name, patient.group, x, patient.r[early], patient.c[early], mask, rhythm)


def rows_of(pair: Pair, patient: Patient, seed: int = 0) -> tuple[Rows, Rows, Rows]:
    """(beats through the CNN, the same through the GRU when its class is due, moments between beats through it)."""
    targets = drawn(targets_of(patient), MOST_OF_A_CLASS, seed)
    images, found = images_at(patient, targets.index)
    found &= targets.at + pair.class_delay < len(patient.x)
    targets = targets.take(found)
    cnn = {name: m.reshape(len(m), -1) for name, m in cnn_maps(pair.cnn, images[found]).items()}
    moments, at = moments_of(patient, seed)
    due = targets.at + pair.class_delay
    both = np.union1d(due, at)
    gru = gru_maps(pair.gru, np.ascontiguousarray(patient.x[:, 0]), both)
    beats, between = np.searchsorted(both, due), np.searchsorted(both, at)
    return (
        Rows(cnn, targets),
        Rows({name: m[beats] for name, m in gru.items()}, targets),
        Rows({name: m[between] for name, m in gru.items()}, moments),
    )


def moments_of(patient: Patient, seed: int) -> tuple[Targets, I64]:
    """(targets, samples (n,)) of moments drawn from between two beats, from 200 ms after the first on.

    Their `rr_s` is the time since the first of the two; all else is of the second.
    """
    targets = targets_of(patient)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(np.flatnonzero(targets.rr_s < LONGEST_S))[:MOST_OF_A_CLASS])
    targets = targets.take(chosen)
    length = np.rint(targets.rr_s * FS_MODEL).astype(np.int64)
    ago = EARLIEST + (rng.random(len(length)) * np.maximum(1, length - EARLIEST)).astype(np.int64)
    ago = np.minimum(ago, length)
    return replace(targets, rr_s=(ago / FS_MODEL).astype(np.float32)), targets.at - length + ago


Folds = Sequence[tuple[Sequence[Rows], Sequence[Rows]]]
"""For each fold the rows of patients to fit, and those of patients held out."""


def scores(
    network: str, folds: Folds, layers: Sequence[str], questions: Sequence[Question]
) -> Iterator[Probed]:
    """One score for every layer and question, with its replicates."""
    for depth, layer in enumerate(layers):
        said: dict[str, list[tuple[F64, F64, I64]]] = {question.name: [] for question in questions}
        first = 0
        for given, held in folds:
            apart: dict[bytes, Halves] = {}
            for question in questions:
                answers, truth, whose = _answers(given, held, layer, question, apart)
                said[question.name].append((_standard(answers), truth, whose + first))
            first += len(held)
        width = folds[0][0][0].layers[layer].shape[1]
        for question in questions:
            answers, truth, whose = (
                np.concatenate(parts) for parts in zip(*said[question.name], strict=True)
            )
            drawn = replicates(question.measure, answers, truth, whose)
            shown = [round(v, 4) for v in (question.measure(answers, truth), *interval(drawn))]
            told = question.name, question.measure_name, *shown, len(truth), len(np.unique(whose))
            yield ProbeScore(network, layer, depth, width, *told), drawn


def _answers(
    given: Sequence[Rows], held: Sequence[Rows], layer: str, question: Question, apart: dict[bytes, Halves]
) -> tuple[F64, F64, I64]:
    """(answers, truth, patient) of the rows held out, by a probe fitted to the given ones. `apart` keeps the work that
    questions on the same rows share."""
    several = question.measure is balanced_accuracy
    x, y, who, key = _table(given, layer, question)
    if key not in apart:
        apart[key] = Halves(x, _importance(y) if several else np.ones(len(y)), who)
    goal = np.eye(KINDS)[y.astype(np.int64)] if several else y[:, None]

    def good(answers: F64, rows: NDArray[np.bool_]) -> float:
        return question.measure(answers if several else answers[:, 0], y[rows])

    probe = apart[key].fit(goal, good)
    xh, truth, whose, _ = _table(held, layer, question)
    answers = probe.answers(xh)
    return answers if several else answers[:, 0], truth, whose


def _importance(kinds: F64) -> F64:
    """Weights (n,) with which every class weighs the same, whatever its number of rows."""
    _, kind, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    out: F64 = (1.0 / counts)[kind.reshape(-1)]
    return out


def differences(found: Sequence[Probed], other: Sequence[Probed]) -> Iterator[ProbeScore]:
    """What depth gains: the last layer less the first that learns, layer by layer, and less the same layer of `other`
    (never trained); each with the interval of its pairs."""
    for question in dict.fromkeys(score.question for score, _ in found):
        own = [(score, drawn) for score, drawn in found if score.question == question]
        learned = [pair for pair in own if pair[0].depth > 0]
        yield _less(learned[-1], learned[0])
        yield from (_less(late, early) for early, late in zip(own, own[1:], strict=False))
        same = [pair for pair in other if pair[0].question == question and pair[0].layer == own[-1][0].layer]
        yield from (_less(own[-1], pair) for pair in same)


def _less(one: Probed, two: Probed) -> ProbeScore:
    (a, drawn), (b, other) = one, two
    low, high = interval(drawn - other)
    names = (a.layer, b.layer) if a.network == b.network else (a.layer, b.network)
    shown = [round(v, 4) for v in (a.score - b.score, low, high)]
    return replace(
        a, layer=f"{names[0]} less {names[1]}", depth=-1, score=shown[0], low=shown[1], high=shown[2]
    )


def _standard(answers: F64) -> F64:
    """Answers of one fold's probe on a scale that the folds share; those of classes as they are."""
    return answers if answers.ndim == 2 else (answers - answers.mean()) / (answers.std() + 1e-9)


def _table(rows: Sequence[Rows], layer: str, question: Question) -> tuple[F32, F64, I64, bytes]:
    """(features, answers, patient) of all rows of which the question may be asked, and a key of which these are."""
    x, y, who, key = (
        [],
        [],
        [],
        [question.measure_name.encode() if question.measure is balanced_accuracy else b""],
    )
    for k, own in enumerate(rows):
        answer = question.answer(own.targets)
        kept = np.isfinite(answer)
        x.append(own.layers[layer][kept])
        y.append(answer[kept])
        who.append(np.full(int(kept.sum()), k, np.int64))
        key.append(np.packbits(kept).tobytes())
    return np.concatenate(x), np.concatenate(y), np.concatenate(who), b"".join(key)


def unit_scores(
    network: str, held: Sequence[Rows], layer: str, depth: int, questions: Sequence[Question]
) -> Iterator[ProbeScore]:
    """Every unit of a layer alone: how it rises and falls with what is asked, from -1 to 1, on patients held out.

    Of classes it is asked whether the beat is V, and whether it is S, among N, S and V.
    """
    for question in _single(questions):
        x, y, who, _ = _table(held, layer, question)
        for unit in range(x.shape[1]):
            column = x[:, unit].astype(np.float64)
            value = question.measure(column, y)
            value = 2.0 * value - 1.0 if question.measure is area else value
            shown = round(float(np.nan_to_num(value)), 4)
            nothing = float("nan")
            yield ProbeScore(
                network, layer, depth, x.shape[1], question.name, "one unit, -1 to 1", shown, nothing, nothing,
                len(y), len(np.unique(who)), unit,
            )  # fmt: skip


def _single(questions: Sequence[Question]) -> list[Question]:
    """Questions that one number can answer."""
    out = []
    for question in questions:
        if question.measure is not balanced_accuracy:
            out.append(question)
            continue
        for kind, letter in ((2, "V"), (1, "S")):

            def is_kind(t: Targets, kind: int = kind) -> F64:
                return np.where(t.aami < KINDS, (t.aami == kind).astype(np.float64), np.nan)

            out.append(Question(f"class is {letter}", "area under ROC", area, is_kind))
    return out


def run(limit: int | None = None, tell: Callable[[str], None] = lambda line: None) -> Iterator[ProbeScore]:
    """All probes of the folds' networks and of untrained ones; with `limit` of about so many patients."""
    held = [Fold(k, FOLDS).held_out() for k in range(FOLDS)]
    before: dict[str, list[Probed]] = {}
    for kind in ("untrained", "folds"):
        cnn, gru, moments = [], [], []
        made: dict[tuple[str, str], tuple[Rows, Rows, Rows]] = {}
        for k in range(FOLDS):
            if kind == "folds" or not made:  # nothing was learned of anybody: one network does for all folds
                tell(f"probes, {kind} {k + 1}/{FOLDS}")
                pair = (
                    shipped_pair(fold_models() / Fold(k, FOLDS).folder)
                    if kind == "folds"
                    else untrained_pair(0)
                )
                made = {key[:2]: rows_of(pair, first_part(load_patient(*key))) for key in patients(limit)}
            for parts, place in ((cnn, 0), (gru, 1), (moments, 2)):
                given = [rows[place] for key, rows in made.items() if key not in held[k]]
                parts.append((given, [rows[place] for key, rows in made.items() if key in held[k]]))
            if kind == "folds" and k == 0:
                yield from unit_scores("GRU, fold 0", gru[0][1], "state", 3, QUESTIONS)
                yield from unit_scores("GRU, fold 0", moments[0][1], "state", 3, [SINCE])
        for name, asked in (
            ("beat CNN", ((cnn, CNN_LAYERS[:-1], QUESTIONS),)),
            ("GRU", ((gru, GRU_LAYERS[:-1], QUESTIONS), (moments, GRU_LAYERS[:-1], (SINCE,)))),
        ):
            tell(f"probes, {kind}: {name}")
            found = [
                one for rows, layers, few in asked for one in scores(f"{name}, {kind}", rows, layers, few)
            ]
            yield from (score for score, _ in found)
            if kind == "folds":
                yield from differences(found, before[name])
            before[name] = found


def line(score: ProbeScore) -> dict[str, object]:
    """As it is written: what is not a number is left out."""
    return {key: value for key, value in asdict(score).items() if value == value}
