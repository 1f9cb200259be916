"""The model card: ``edge/artefacts/README.md``, written from the manifests and from what ``evaluate --all`` printed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from edge.artefact import KINDS, shipped
from firmware_bridge.types import BadInput
from train import af_rows, gate_rows, noise_stress, seeds
from train.evaluate_all import AF_ROW, CINC_ROW, FOLDS, GATE_ROW, LETHAL_ROW, PERSONAL, fold_models
from train.macs import NJ_PER_MAC, all_costs
from train.networks import Networks, Told

COMMAND = "python -m train evaluate --all --json"

HEAD = """# The models of heartwire

Written by `python -m train card FILE` from the manifests beside it and from what `{command}` printed. Not a medical
device: nothing here is certified, and no figure says what happens with a patient unlike those of the databases.

What each model does and how they work together is in the README of the project; how they were trained, and what was
tried and did not work, in `train/RESULTS.md`.

## Data and splits

- Beats are learned from MIT-BIH DS1 without record 201 (the same man as 202 of DS2), the four paced records and 39
  patients of the supraventricular database (svdb), with the noises of nstdb mixed in; the manifests say who was left
  out of which model. The fusion and the models of the folds have also learned from recordings of cinc2017 that are
  labelled normal (every beat N) or atrial fibrillation (no beat S): weak labels, at R-peaks found by the monitor.
- Patients are split, never beats. DS1, the paced records, svdb and nstdb ("by folds") are played through the models of
  the fold that has never seen the patient: they lie in `train/folds`. DS2 and 201 are played through the shipped
  models, which have seen none of it. All are of one recipe: a GRU taught by the labels and by three seeds of itself, a
  beat CNN, seed 1. The fusions are older: fitted on what the second version's networks of the same folds said. How much
  a fold's fusion leans towards S and V was chosen by the other folds' patients. What part DS2 had in a decision,
  `train/RESULTS.md` says.
- Rhythm windows are learned from DS1, svdb, vfdb, cudb and cinc2017; for the rows about rhythm, by networks of three
  folds of all of these.

## Accuracy

The monitor as a whole: one lead, causal, its own R-peaks, matched within 150 ms, first 5 minutes left out, gross,
`bxb`'s rules. Percent; in brackets the 95 % interval of a bootstrap over records.
"""

TAIL = """
## What they are bad at

- Supraventricular beats: most errors of any row above are S called N or N called S, above all in atrial fibrillation,
  in nodal rhythms, and where nearly every beat is S (record 232). While the intervals look like AF, every S is
  doubted.
- Paced rhythms and bundle branch blocks that change: few patients have taught them. F and Q are rare in training.
- Heavy muscle and electrode noise: see the noise rows; below 6 dB ventricular beats are told with many false ones.
- Ventricular fibrillation and fast ventricular tachycardia are told from everything else, not from each other.
- Children, athletes, pregnant women: nobody in the training data is known to be one.
"""


RHYTHM = """## Rhythm

VF (with flutter) and VT against every other labelled rhythm: windows of 4 s, one a second, each in one rhythm from
end to end, of vfdb, cudb and mitdb DS1; every patient by the rhythm CNN of the fold that holds them out
(`train/folds`), first lead, through the monitor's filters, P(VT) + P(VF) >= 0.5 as in its alarm.
Asystole and wide QRS count among the others; noise, what cudb leaves unlabelled, and fibrillation below 0.1 mV are
not scored. Percent, in brackets the 95 % interval of a bootstrap over patients.
"""

CINC = """Recordings of cinc2017, {n} of them by folds: F1 as in the challenge, from the R-peaks that the pipeline
finds, the fold's rhythm CNN and the shape of beats and P-waves (`train/recording_features.py`), by networks and trees;
95 % interval of a bootstrap over recordings.
"""

AF = """
Atrial fibrillation (with flutter) from RR intervals alone, afdb, {n} patients: each by networks fitted on the others
(`fit af`; their mean over seeds, in brackets the 95 % interval of a bootstrap over patients, and from seed to seed).
Windows of so many intervals in one rhythm from end to end; "whole records" asks at every 16th interval, whatever went
before; "with errors" has 1 % of the beats missed or invented and all R-peaks moved by 8 ms. The shipped network has
learned from all of them, and weighs less than the waveform in the monitor.
"""

NOISE = """Records 118 and 119 with electrode motion added (nstdb), final answers, by the models of the fold that has
not seen these two; trainings leave out the stretches of em with which they were made (`EM_UNHEARD_S` in
`train/dataset.py`). The other programs' figures are of the same records and lead (gqrs of WFDB, OSEA of EP Limited,
counted by the C `bxb`). With two patients a bootstrap over records says nothing: in brackets one over the stretches of
two minutes, every second of which is without noise.
"""

STRIPS = """### Shown

Each picture is the worst eight seconds of its kind in its record, chosen by `python -m train strips` by counting: above
the labels, below the final answers of models that have not seen the patient, in red where they differ.
"""


def card(rows: dict[str, Any], artefacts: Path, spread: Sequence[str] = ()) -> str:
    """The whole text; `spread` are the lines of the section on seeds, where there are several."""
    parts = [
        HEAD.format(command=COMMAND),
        *_accuracy(rows),
        "",
        *_personal(rows["personal"]),
        "",
        *_rhythm(rows),
        "",
        "## Noise",
        "",
        NOISE,
        *noise_stress.card(rows["noise stress, 118 and 119"]),
        "",
        *_lowered(rows[noise_stress.LOWERED_ROW]),
        "",
        *(gate_rows.card(rows[GATE_ROW]) if GATE_ROW in rows else ()),
        *spread,
        "## Size and cost",
        "",
        *_sizes(artefacts),
        TAIL,
        *_strips(artefacts),
    ]
    return "\n".join(parts)


COLUMNS = (
    "| | QRS Se | QRS +P | VEB Se | VEB +P | SVEB Se | SVEB +P | SVEB F1 |",
    "|---|---|---|---|---|---|---|---|",
)


LOWERED = """QRS with the R-peaks' threshold (a logit) lower than the monitor's, Se / +P: what the same networks find
when noise is feared less, at the price of more false beats. The monitor keeps its own.
"""


def _lowered(rows: dict[str, Any]) -> Iterable[str]:
    yield LOWERED
    yield from noise_stress.lowered_card(rows)


def _personal(modes: dict[str, Any]) -> Iterable[str]:
    yield "### Personal mode: another claim"
    yield ""
    yield "Off by default, and in no row above. The first 5 minutes of each patient teach, the rest is scored."
    yield ""
    yield from COLUMNS
    for mode, rows in modes.items():
        for name in ("ds2", "ds2 without 232", "svdb by folds"):
            for answer in ("final", "early"):
                yield _row(f"personal, {mode}: {name}, {answer}", rows[name][answer])
    yield ""
    for mode, rows in modes.items():
        alarms = rows["lethal alarms"]
        yield (
            f"- {mode}: {PERSONAL[mode]}; {alarms['told']} lethal alarms in {alarms['hours']} hours, {alarms['false']} "
            "of them not borne out by the labels."
        )


def _accuracy(rows: dict[str, Any]) -> Iterable[str]:
    yield from COLUMNS
    for name, row in rows.items():
        if "final" in row:
            yield _row(f"{name}, final", row["final"])
            yield _row(f"{name}, early", row["early"])
    early, alarms = rows["early answer"], rows["lethal alarms"]
    yield ""
    yield f"- Accuracy over N, S, V, F on DS2: {rows['ds2']['nsvf_accuracy']} %."
    yield (
        f"- Early answer after the R-peak: median {early['p50_ms']} ms, 99 % within {early['p99_ms']} ms, the "
        f"latest {early['max_ms']} ms."
    )
    yield (
        f"- Lethal alarms over {alarms['hours']} hours of mitdb and svdb: {alarms['told']} told, "
        f"{alarms['false']} of them not borne out by the labels ({alarms['false_per_24h']} in 24 h): "
        f"{', '.join(alarms['which']) or 'none'}."
    )


def _rhythm(rows: dict[str, Any]) -> Iterable[str]:
    lethal, cinc = rows[LETHAL_ROW], rows[CINC_ROW]
    yield RHYTHM
    yield "| | patients | windows of VF or VT | other windows | Se | Sp |"
    yield "|---|---|---|---|---|---|"
    for name, one in (("all", lethal), *lethal["by database"].items()):
        cells = [_cell(one[rate], one["interval_95"][rate]) for rate in ("se", "sp")]
        windows = one["windows"]
        yield f"| {name} | {one['patients']} | {windows['lethal']} | {windows['other']} | {' | '.join(cells)} |"
    yield ""
    yield f"Most errors: {'; '.join(lethal['worst']) or 'none'}."
    yield ""
    yield CINC.format(n=cinc["recordings"])
    yield "| N | A | O | mean |"
    yield "|---|---|---|---|"
    yield f"| {' | '.join(_cell(v, cinc['interval_95'][k]) for k, v in cinc['f1'].items())} |"
    yield AF.format(n=rows[AF_ROW]["patients"])
    yield "| intervals | windows | Se | Sp |"
    yield "|---|---|---|---|"
    for name, row in rows[AF_ROW]["rows"].items():
        yield f"| {name} | {row['windows']} | {' | '.join(af_rows.cells(row))} |"


def _strips(artefacts: Path) -> Iterable[str]:
    """The pictures, where they were drawn."""
    try:
        told = json.loads((artefacts / "strips" / "strips.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    yield STRIPS
    for one in told:
        yield (
            f"{one['title']}: {one['errors']} such errors in eight seconds, {one['errors_in_record']} in the record "
            f"({one['beats_in_record']} labelled beats).\n\n![{one['title']}](strips/{one['name']}.svg)\n"
        )


def _row(name: str, kinds: dict[str, Any]) -> str:
    cells = [
        _cell(kinds[kind][rate], kinds["interval_95"][kind][rate])
        for kind in ("qrs", "veb", "sveb")
        for rate in ("se", "ppv")
    ]
    return f"| {name} | {' | '.join(cells)} | {_number(kinds['sveb']['f1'])} |"


def _cell(value: float | None, interval: list[float] | None) -> str:
    between = "" if interval is None else f" [{interval[0]:.2f}, {interval[1]:.2f}]"
    return _number(value) + between


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _sizes(artefacts: Path) -> Iterable[str]:
    manifests = {kind: json.loads((artefacts / kind / "manifest.json").read_text()) for kind in KINDS}
    yield "| model | file | parameters | MAC a step | MAC a second | energy on a Cortex-M4F | sha256 |"
    yield "|---|---|---|---|---|---|---|"
    for cost in all_costs():
        size = (artefacts / cost.name / "model.tflite").stat().st_size
        milliwatts = cost.macs_per_s * NJ_PER_MAC * 1e-6
        yield (
            f"| {cost.name} | {size / 1000:.0f} kB | {cost.params:,} | {cost.macs:,} | {cost.macs_per_s:,.0f} | "
            f"{milliwatts:.2f} mW | {manifests[cost.name]['sha256'][:12]} |"
        )
    yield ""
    yield f"At 75 beats a minute; energy estimated at {NJ_PER_MAC} nJ a multiply-accumulate, not measured."


def main(argv: list[str] | None = None) -> int:
    """``python -m train card FILE``: write the model card; FILE holds what ``evaluate --all --json`` printed."""
    parser = argparse.ArgumentParser(prog="python -m train card", description=main.__doc__)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--artefacts", type=Path, default=shipped())
    parser.add_argument(
        "--seeds",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help=f"what `{seeds.COMMAND}` printed, a file for each further seed: mean and spread",
    )
    args = parser.parse_args(argv)
    files = [args.file, *args.seeds]
    if len({path.resolve() for path in files}) < len(files):
        raise BadInput(
            f"--seeds: got a file twice among {', '.join(map(str, files))}, expected one for each seed"
        )
    rows = _read(args.file, COMMAND)
    own = Networks(fold_models(), args.artefacts, FOLDS).told()
    others = {str(path): _read(path, seeds.COMMAND) for path in args.seeds}
    try:
        if _hashes(rows.setdefault("networks", own)) != _hashes(own):
            raise BadInput(
                f"{args.file}: made by other networks than those in {args.artefacts} and {fold_models()}; print it "
                f"again with `{COMMAND}`"
            )
        spread = [*seeds.section({str(args.file): rows, **others}), ""] if others else []
        text = card(rows, args.artefacts, spread)
    except BadInput:
        raise
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise BadInput(f"{args.file}: {error!r}; expected what `{COMMAND}` prints") from None
    (args.artefacts / "README.md").write_text(text)
    return 0


def _read(path: Path, command: str) -> dict[str, Any]:
    """The table that `command` printed: the last line of a file."""
    try:
        rows = json.loads(path.read_text().splitlines()[-1])
    except (OSError, ValueError, IndexError) as error:
        raise BadInput(f"{path}: {error!r}; expected what `{command}` prints") from None
    if not isinstance(rows, dict):
        raise BadInput(f"{path}: got a {type(rows).__name__}; expected what `{command}` prints")
    return rows


def _hashes(told: Told) -> list[tuple[str, str, str]]:
    return [(folder, kind, one["sha256"]) for folder, kinds in told.items() for kind, one in kinds.items()]
