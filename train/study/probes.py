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
    Measure,
    area,
    balanced_accuracy,
    fit,
    interval,
    rank_correlation,
    replicates,
)
from train.study.targets import Targets, drawn, targets_of

KINDS = 3
"""N, S and V. Nearly all F of DS1 are of one patient (208): a probe for F could only be tested on whom it learned."""

MOST_OF_A_CLASS = 150
"""Beats of each class and patient that are looked at, and moments between beats."""


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


def beat_rows(pair: Pair, patient: Patient, seed: int = 0) -> tuple[Rows, Rows]:
    """(rows of the CNN, rows of the GRU when its class is due) of the same beats."""
    targets = drawn(targets_of(patient), MOST_OF_A_CLASS, seed)
    images, found = images_at(patient, targets.index)
    found &= targets.at + pair.class_delay < len(patient.x)
    targets = targets.take(found)
    cnn = {name: m.reshape(len(m), -1) for name, m in cnn_maps(pair.cnn, images[found]).items()}
    gru = gru_maps(pair.gru, np.ascontiguousarray(patient.x[:, 0]), targets.at + pair.class_delay)
    return Rows(cnn, targets), Rows(gru, targets)


def moment_rows(pair: Pair, patient: Patient, seed: int = 0) -> Rows:
    """Rows of the GRU at moments drawn from between two beats, from 200 ms after the first on."""
    targets = targets_of(patient)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(np.flatnonzero(targets.rr_s < 3.0))[:MOST_OF_A_CLASS])
    targets = targets.take(chosen)
    length = np.rint(targets.rr_s * FS_MODEL).astype(np.int64)
    ago = 25 + (rng.random(len(length)) * np.maximum(1, length - 25)).astype(np.int64)
    at = targets.at - length + np.minimum(ago, length)
    late = np.minimum(ago, length).astype(np.float32) / np.float32(FS_MODEL)
    order = np.argsort(at, kind="stable")
    maps = gru_maps(pair.gru, np.ascontiguousarray(patient.x[:, 0]), at[order])
    moments = targets.take(order)
    object.__setattr__(moments, "rr_s", late[order])
    return Rows(maps, moments)


Folds = Sequence[tuple[Sequence[Rows], Sequence[Rows]]]
"""For each fold the rows of patients to fit, and those of patients held out."""


def scores(
    network: str, folds: Folds, layers: Sequence[str], questions: Sequence[Question]
) -> Iterator[Probed]:
    """One score for every layer and question, with its replicates."""
    for question in questions:
        for depth, layer in enumerate(layers):
            yield _score(network, folds, layer, depth, question)


def _score(network: str, folds: Folds, layer: str, depth: int, question: Question) -> Probed:
    said, truth, whose, n = [], [], [], 0
    for given, held in folds:
        x, y, who = _table(given, layer, question)
        probe = _fitted(x, y, who, question)
        xh, yh, whoh = _table(held, layer, question)
        said.append(_standard(probe(xh)))
        truth.append(yh)
        whose.append(whoh + n)
        n += len(held)
    answers, labels, owner = np.concatenate(said), np.concatenate(truth), np.concatenate(whose)
    drawn = replicates(question.measure, answers, labels, owner)
    width = folds[0][0][0].layers[layer].shape[1]
    shown = [round(v, 4) for v in (question.measure(answers, labels), *interval(drawn))]
    counts = len(labels), len(np.unique(owner))
    return ProbeScore(
        network, layer, depth, width, question.name, question.measure_name, *shown, *counts
    ), drawn


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


def _table(rows: Sequence[Rows], layer: str, question: Question) -> tuple[F32, F64, I64]:
    """(features, answers, patient) of all rows of which the question may be asked."""
    x, y, who = [], [], []
    for k, own in enumerate(rows):
        answer = question.answer(own.targets)
        kept = np.isfinite(answer)
        x.append(own.layers[layer][kept])
        y.append(answer[kept])
        who.append(np.full(int(kept.sum()), k, np.int64))
    return np.concatenate(x), np.concatenate(y), np.concatenate(who)


def _fitted(x: F32, y: F64, who: I64, question: Question) -> Callable[[F32], F64]:
    """A probe: rows to answers, (n, classes) or (n,). Classes weigh the same, whatever their number of rows."""
    several = question.measure is balanced_accuracy
    ranked = question.measure is rank_correlation
    goal = np.eye(KINDS)[y.astype(np.int64)] if several else y[:, None]
    importance = np.ones(len(y))
    if not ranked:
        _, kind, counts = np.unique(y, return_inverse=True, return_counts=True)
        importance = (1.0 / counts)[kind.reshape(-1)]

    def good(answers: F64, rows: NDArray[np.bool_]) -> float:
        return question.measure(answers if several else answers[:, 0], y[rows])

    probe = fit(x, goal, importance, who, good)
    return (lambda rows: probe.answers(rows)) if several else (lambda rows: probe.answers(rows)[:, 0])


def unit_scores(
    network: str, held: Sequence[Rows], layer: str, depth: int, questions: Sequence[Question]
) -> Iterator[ProbeScore]:
    """Every unit of a layer alone: how it rises and falls with what is asked, from -1 to 1, on patients held out.

    Of classes it is asked whether the beat is V, and whether it is S, among N, S and V.
    """
    for question in _single(questions):
        x, y, who = _table(held, layer, question)
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
    keys = patients(limit)
    kinds = {
        "untrained": untrained_pair,
        "folds": lambda k: shipped_pair(fold_models() / Fold(k, FOLDS).folder),
    }
    before: dict[str, list[Probed]] = {}
    for kind, pair_of in kinds.items():
        cnn, gru, moments = [], [], []
        for k in range(FOLDS):
            out = Fold(k, FOLDS).held_out()
            pair = pair_of(k)
            tell(f"probes, {kind} {k + 1}/{FOLDS}: {len(keys)} patients")
            made = [(*_both(pair, key), (key[0], key[1]) in out) for key in keys]
            for rows, place in ((cnn, 0), (gru, 1), (moments, 2)):
                given, held = [m[place] for m in made if not m[3]], [m[place] for m in made if m[3]]
                rows.append((given, held))
            if kind == "folds" and k == 0:
                yield from unit_scores("GRU, fold 0", gru[0][1], "state", 3, QUESTIONS)
                yield from unit_scores("GRU, fold 0", moments[0][1], "state", 3, [SINCE])
        tell(f"probes, {kind}: fitting")
        for name, parts in (
            ("beat CNN", ((cnn, CNN_LAYERS[:-1], QUESTIONS),)),
            ("GRU", ((gru, GRU_LAYERS[:-1], QUESTIONS), (moments, GRU_LAYERS[:-1], [SINCE]))),
        ):
            found = [
                pair
                for rows, layers, asked in parts
                for pair in scores(f"{name}, {kind}", rows, layers, asked)
            ]
            yield from (score for score, _ in found)
            if kind == "folds":
                yield from differences(found, before[name])
            before[name] = found


def _both(pair: Pair, key: tuple[str, str, str]) -> tuple[Rows, Rows, Rows]:
    patient = load_patient(*key)
    cnn, gru = beat_rows(pair, patient)
    return cnn, gru, moment_rows(pair, patient)


def line(score: ProbeScore) -> dict[str, object]:
    """As it is written: what is not a number is left out."""
    return {key: value for key, value in asdict(score).items() if value == value}
