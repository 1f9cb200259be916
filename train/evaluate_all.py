"""Every row of the table of accuracy, from the shipped artefacts and those of the folds.

Patients of DS2 (and 201, which is in no training) go through the shipped models, which have seen none of them.
DS1, the paced records and svdb went into the shipped ones' training: they are played through the models of the
fold that held them out. Networks of another seed, laid out as these, are scored in the same way. All rows are what
the monitor says of one lead, from its own R-peaks.

Personal mode is another claim: its rows stand apart, under "personal", and are in none of the others.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from edge.artefact import shipped
from train import af_rows, databases, gate_rows, noise_stress, recordings, rhythm_rows, splits
from train.evaluate import Job, Score, evaluate
from train.evaluate_report import intervals, statistics
from train.networks import Networks
from train.noise_stress import SNR_DB, STRETCH_S, noisy

FOLDS = 3
LETHAL_ROW, CINC_ROW = "VF/VT against the rest, 4 s windows, by folds", "cinc2017, by folds"
AF_ROW = "AF from RR intervals, by patient"
GATE_ROW = "quality gate, 4 s windows"
PERSONAL = {
    "self": "adapted to each patient's first 5 minutes without labels",
    "labels": "adapted to each patient's first 5 minutes with their annotations",
}


def fold_models() -> Path:
    """Where the models of the folds lie: one folder each, named as :attr:`train.dataset.Fold.folder`."""
    return Path(__file__).parent / "folds"


def built_in() -> Networks:
    """The shipped networks and those of their folds."""
    return Networks(fold_models(), shipped(), FOLDS)


def models_for(database: str, record: str) -> Path:
    """The folder of models that have seen nothing of this patient.

    Raises
    ------
    BadInput
        When the folds' models are not there.
    """
    return built_in().of(database, record)


def play_all(
    which: Iterable[tuple[str, str]],
    n_processes: int | None = None,
    personal: str = "off",
    networks: Networks | None = None,
    lowered: float = 0.0,
) -> dict[tuple[str, str], Score]:
    """Score records (database, name) on all cores; a bar on stderr.

    Each is played through those of `networks` that have not seen the patient, by default the built-in ones, the
    threshold of R-peaks `lowered` by so much.
    """
    from tqdm import tqdm

    keys = list(which)
    root = databases.data_root()
    stretch_s = {"nstdb": STRETCH_S}
    networks = networks or built_in()
    jobs = [
        (
            Job(
                root / d,
                artefacts=networks.of(d, r),
                stretch_s=stretch_s.get(d),
                personal=personal,
                lowered=lowered,
            ),
            r,
        )
        for d, r in keys
    ]
    with ProcessPoolExecutor(n_processes or os.cpu_count(), get_context("spawn")) as pool:
        played = pool.map(_play, jobs)
        bar = tqdm(played, total=len(jobs), unit="record", file=sys.stderr, disable=None)
        return dict(zip(keys, bar, strict=True))


def _play(job: tuple[Job, str]) -> Score:
    return next(iter(evaluate(job[0], [job[1]])))


def table(scores: dict[tuple[str, str], Score]) -> dict[str, Any]:
    """The rows by name; percent, gross, with 95 % bootstrap intervals over records."""
    mitdb = [scores["mitdb", r] for r in splits.MITDB]
    ds2 = [scores["mitdb", r] for r in splits.DS2]
    svdb = [scores["svdb", r] for r in splits.SVDB]
    return {
        "mitdb 48": rates(mitdb),
        "ds2": {**rates(ds2), "nsvf_accuracy": accuracy(ds2)},
        "ds2 without 232": rates([s for s in ds2 if s.record != "232"]),
        "svdb by folds": rates(svdb),
        "noise stress, 118 and 119": {
            f"{snr} dB": stressed([scores["nstdb", name] for name in noisy(snr)], snr) for snr in SNR_DB
        },
        "early answer": delays([*mitdb, *svdb]),
        "lethal alarms": lethal([*mitdb, *svdb]),
    }


def stressed(scores: Sequence[Score], snr_db: int) -> dict[str, Any]:
    """As :func:`rates`, the final answers' intervals over stretches of two minutes, other programs beside it."""
    row = rates(scores)
    row["final"]["interval_95"] = noise_stress.stretched(scores)
    return {**row, **noise_stress.halves(scores), "beside": noise_stress.beside(snr_db)}


def personal_table(scores: dict[tuple[str, str], Score]) -> dict[str, Any]:
    """The rows of one personal mode, of the patients that `scores` holds."""
    ds2 = [scores["mitdb", r] for r in splits.DS2]
    svdb = [scores["svdb", r] for r in splits.SVDB]
    return {
        "ds2": {**rates(ds2), "nsvf_accuracy": accuracy(ds2)},
        "ds2 without 232": rates([s for s in ds2 if s.record != "232"]),
        "svdb by folds": rates(svdb),
        "lethal alarms": lethal([*ds2, *svdb]),
    }


def rates(scores: Sequence[Score]) -> dict[str, Any]:
    """QRS, VEB and SVEB of final and early answers, F1 beside them, and the intervals of both."""
    out: dict[str, Any] = {"records": len(scores)}
    for name in ("final", "early"):
        matrices = [getattr(s, name).matrix for s in scores]
        total = sum(matrices[1:], matrices[0])
        out[name] = {
            kind: {**both, "f1": f1(both["se"], both["ppv"])} for kind, both in statistics(total).items()
        }
        out[name]["interval_95"] = intervals(matrices)
    return out


def f1(se: float | None, ppv: float | None) -> float | None:
    """Harmonic mean of sensitivity and positive predictivity, in percent."""
    return None if se is None or ppv is None or se + ppv == 0 else round(2 * se * ppv / (se + ppv), 2)


def accuracy(scores: Sequence[Score]) -> float | None:
    """Percent of the beats found and labelled N, S, V or F that are called by their class, all classes alike."""
    total = sum((s.final.matrix for s in scores[1:]), scores[0].final.matrix)
    right, found = sum(total.n(c, c) for c in "NSVF"), total.n("NSVF", "NSVFQ")
    return round(100.0 * right / found, 2) if found else None


def delays(scores: Sequence[Score]) -> dict[str, float]:
    """Milliseconds from R-peak to early answer."""
    p50, p99, most = np.percentile(np.concatenate([s.early_ms for s in scores]), (50, 99, 100))
    return {"p50_ms": round(p50, 1), "p99_ms": round(p99, 1), "max_ms": round(most, 1)}


def lethal(scores: Sequence[Score]) -> dict[str, Any]:
    """Lethal alarms that the labels do not bear out, in all and per 24 hours."""
    hours = sum(s.seconds for s in scores) / 3600.0
    told = [(s.record, *alarm) for s in scores for alarm in s.alarms]
    false = [(record, name, at_s) for record, name, at_s, right in told if not right]
    return {
        "hours": round(hours, 2),
        "told": len(told),
        "false": len(false),
        "false_per_24h": round(24.0 * len(false) / hours, 2),
        "which": [f"{record} {name} {at_s:.0f} s" for record, name, at_s in false],
    }


def of_rhythm(networks: Networks) -> dict[str, Any]:
    """The rows about rhythm, from the networks of the folds; that of RR intervals as it was scored by patient; and the
    quality gate's, which is no network and knows no folds.

    The R-peaks of cinc2017 are the shipped GRU's, whatever `networks` is: the judges of the folds were fitted on those.
    """
    return {
        LETHAL_ROW: rhythm_rows.table(networks.folds, networks.n_folds),
        CINC_ROW: recordings.table(networks.folds, networks.n_folds),
        AF_ROW: af_rows.table(networks.models),
        GATE_ROW: gate_rows.table(FOLDS),
    }


def everything() -> list[tuple[str, str]]:
    """(database, record) of all that the table needs."""
    return [("mitdb", r) for r in splits.MITDB] + [("svdb", r) for r in splits.SVDB] + noise()


def noise() -> list[tuple[str, str]]:
    """(database, record) of the noise stress test."""
    return [("nstdb", name) for snr in SNR_DB for name in noisy(snr)]


def adapted() -> list[tuple[str, str]]:
    """(database, record) of all that the rows of personal mode need."""
    return [("mitdb", r) for r in splits.DS2] + [("svdb", r) for r in splits.SVDB]


def lines(rows: dict[str, Any]) -> list[str]:
    """The table for people: what it has of rows about beats, about rhythm and in personal mode."""
    out = [f"{'':28}   QRS Se     +P   VEB Se     +P     F1  SVEB Se     +P     F1"]
    for name, row in rows.items():
        if name == "noise stress, 118 and 119":
            out += noise_stress.lines(row)
        elif name == noise_stress.LOWERED_ROW:
            out += noise_stress.lowered_lines(row)
        elif "final" in row:
            out += [_line(name, row["final"]), _line("  early", row["early"])]
    ds2, alarms, early = rows["ds2"], rows["lethal alarms"], rows["early answer"]
    out.append(f"DS2, accuracy over N S V F: {ds2['nsvf_accuracy']} %")
    out.append(f"early answer after the R-peak: median {early['p50_ms']} ms, 99 % {early['p99_ms']} ms")
    out.append(
        f"lethal alarms on mitdb and svdb, {alarms['hours']} h: {alarms['told']} told, {alarms['false']} of them "
        f"false ({alarms['false_per_24h']} in 24 h): {', '.join(alarms['which']) or 'none'}"
    )
    for name, told in (
        (LETHAL_ROW, rhythm_rows),
        (CINC_ROW, recordings),
        (AF_ROW, af_rows),
        (GATE_ROW, gate_rows),
    ):
        out += told.lines(rows[name]) if name in rows else ()
    for mode, personal in rows.get("personal", {}).items():
        out.append(f"Personal mode, {mode}: {PERSONAL[mode]}. Another claim than the rows above.")
        for name in ("ds2", "ds2 without 232", "svdb by folds"):
            out += [_line(name, personal[name]["final"]), _line("  early", personal[name]["early"])]
    return out


def _line(name: str, kinds: dict[str, Any]) -> str:
    cells = [kinds["qrs"]["se"], kinds["qrs"]["ppv"]]
    cells += [kinds[kind][rate] for kind in ("veb", "sveb") for rate in ("se", "ppv", "f1")]
    return f"{name:28}" + "".join("       -" if v is None else f"{v:8.2f}" for v in cells)


def main(argv: list[str] | None = None) -> int:
    """``python -m train evaluate --all [--json]``: play everything, print the table."""
    parser = argparse.ArgumentParser(prog="python -m train evaluate", description=main.__doc__)
    parser.add_argument("--all", action="store_true", required=True, help="every row of the table")
    parser.add_argument(
        "--beats",
        action="store_true",
        help="the rows about beats, lethal alarms and delays alone: no personal mode, no rhythm",
    )
    parser.add_argument(
        "--folds",
        metavar="DIR",
        type=Path,
        default=fold_models(),
        help="networks of the folds, such as those of another seed (default: train/folds)",
    )
    parser.add_argument(
        "--models",
        metavar="DIR",
        type=Path,
        default=shipped(),
        help="networks for DS2, of the same training (default: the shipped ones)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--jobs", type=int, metavar="N", help="records at a time (default: all cores)")
    args = parser.parse_args(argv)
    networks = Networks(args.folds, args.models, FOLDS)
    rows: dict[str, Any] = {"networks": networks.told()}
    rows |= table(play_all(everything(), args.jobs, networks=networks))
    rows[noise_stress.LOWERED_ROW] = {
        f"lowered by {by:g}": noise_stress.detected(
            play_all(noise(), args.jobs, networks=networks, lowered=by), SNR_DB
        )
        for by in noise_stress.LOWERED
    }
    if not args.beats:
        rows |= of_rhythm(networks)
        rows["personal"] = {
            mode: personal_table(play_all(adapted(), args.jobs, mode, networks)) for mode in PERSONAL
        }
    print(json.dumps(rows) if args.json else "\n".join(lines(rows)))
    return 0
