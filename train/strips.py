"""``python -m train strips``: what the monitor is bad at, as pictures beside the model card.

Each picture is the worst of its kind: of one record, by models that have never seen the patient, the eight seconds
with the most errors of that kind after the first five minutes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.artefact import load_models, shipped
from edge.pipeline import Pipeline
from firmware_bridge.records import open_record
from firmware_bridge.types import BadInput
from train import databases, splits
from train.ec57 import marks as marks_of
from train.evaluate import blocks, play
from train.evaluate_all import models_for
from train.labels import aami
from train.paper import Mark, svg

SECONDS, FIRST_S, MATCH_S = 8.0, 300.0, 0.15


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of error, and the record in which it is shown."""

    name: str
    database: str
    record: str
    title: str
    is_error: Callable[[str, str], bool]


TOPICS = (
    Topic(
        "false-v-in-af", "mitdb", "203", "false V in atrial fibrillation", lambda t, a: a == "V" and t in "NS"
    ),
    Topic(
        "aberrant-s",
        "svdb",
        "865",
        "S conducted with aberration, called otherwise",
        lambda t, a: t == "S" != a,
    ),
    Topic(
        "nodal",
        "mitdb",
        "124",
        "nodal beats in a bundle branch block, called otherwise",
        lambda t, a: t == "S" != a,
    ),
    Topic("missed-v", "mitdb", "207", "V called N or S", lambda t, a: t == "V" and a in "NS" and a != ""),
    Topic("noise-0-db", "nstdb", "118e00", "electrode motion as large as the ECG", lambda t, a: t == ""),
    Topic("missed-qrs", "mitdb", "203", "beats that were not found", lambda t, a: a == ""),
)


def beats_of(database: str, record: str) -> tuple[list[tuple[float, str]], list[tuple[float, str]], float]:
    """(labelled beats, final answers, length), beats as (seconds, N S V F Q), lengths in seconds."""
    path = databases.data_root() / database / record
    signals = open_record(path)
    labels = marks_of(databases.read_annotations(path))
    models = load_models(models_for(database, record))
    pipeline = Pipeline(models, device_id=record, wave_ms=0)
    answers = play(pipeline, blocks(record, signals.mv, signals.fs, signals.leads[0]))
    found = [(mark.sample / signals.fs, aami(mark.symbol)) for mark in labels]
    truth = [(at, kind) for at, kind in found if kind is not None]
    said = [(beat.r_peak.sample / signals.fs, beat.aami) for beat in answers.final]
    return truth, said, len(signals.mv) / signals.fs


def paired(truth: Sequence[tuple[float, str]], said: Sequence[tuple[float, str]]) -> list[Mark]:
    """Labels and answers as marks, those within 150 ms of each other as one, in order of time."""
    out: list[Mark] = []
    i = j = 0
    while i < len(truth) or j < len(said):
        ahead = float("inf") if j == len(said) else said[j][0]
        label = float("inf") if i == len(truth) else truth[i][0]
        if abs(label - ahead) <= MATCH_S:
            out.append(Mark(label, truth[i][1], said[j][1]))
            i, j = i + 1, j + 1
        elif label < ahead:
            out.append(Mark(label, truth[i][1], ""))
            i += 1
        else:
            out.append(Mark(ahead, "", said[j][1]))
            j += 1
    return out


def worst(marks: Sequence[Mark], is_error: Callable[[str, str], bool], length_s: float) -> tuple[float, int]:
    """(start, errors) of the stretch with the most errors, the earliest of several; it begins half a second before
    its first one."""
    at = np.array([m.at_s for m in marks if is_error(m.truth, m.answer)])
    starts = np.clip(at - 0.5, FIRST_S, max(FIRST_S, length_s - SECONDS))
    if not len(starts):
        return FIRST_S, 0
    n = np.searchsorted(at, starts + SECONDS) - np.searchsorted(at, starts)
    k = int(n.argmax())
    return float(starts[k]), int(n[k])


def draw(topic: Topic) -> tuple[str, dict[str, object]]:
    """(the picture, what is in it). Raises BadInput where the record cannot be read."""
    truth, said, length_s = beats_of(topic.database, topic.record)
    marks = paired(truth, said)
    scored = [m for m in marks if m.at_s >= FIRST_S]
    start, n = worst(scored, topic.is_error, length_s)
    n_all = sum(topic.is_error(m.truth, m.answer) for m in scored)
    signals = open_record(databases.data_root() / topic.database / topic.record)
    a, b = (round(t * signals.fs) for t in (start, start + SECONDS))
    shown = [Mark(m.at_s - start, m.truth, m.answer) for m in marks if start <= m.at_s < start + SECONDS]
    title = f"{topic.database} {topic.record}, from {start:.1f} s: {topic.title}"
    note = f"above: label, below: final answer; 25 mm/s, 10 mm/mV, cut off at 2 mV, {signals.leads[0]}"
    picture = svg(signals.mv[a:b, 0].astype(np.float64), signals.fs, shown, title, note)
    told = {
        "name": topic.name,
        "patient": splits.person(topic.database, topic.record),
        "title": title,
        "errors": n,
        "errors_in_record": n_all,
        "beats_in_record": sum(m.truth != "" for m in scored),
    }
    return picture, told


def main(argv: list[str] | None = None) -> int:
    """``python -m train strips``: draw the worst of every kind into the artefacts' folder ``strips``."""
    parser = argparse.ArgumentParser(prog="python -m train strips", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=shipped() / "strips")
    args = parser.parse_args(argv)
    told = []
    for topic in TOPICS:
        picture, content = draw(topic)
        try:
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / f"{topic.name}.svg").write_text(picture, encoding="utf-8")
        except OSError as error:
            raise BadInput(
                f"cannot write {args.out}: {error.strerror or error}; choose another folder"
            ) from None
        told.append(content)
        print(json.dumps(content), flush=True)
    (args.out / "strips.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 0
