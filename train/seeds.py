"""How the rows about beats spread from seed to seed: several printed tables, each by networks of another seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from statistics import fmean, stdev
from typing import Any

from firmware_bridge.types import BadInput
from train.networks import Told

COMMAND = "python -m train evaluate --all --beats --folds DIR --models DIR --json"

Table = Mapping[str, Any]
"""What ``evaluate --all --json`` printed, with or without ``--beats``."""

ROWS = ("mitdb 48", "ds2", "ds2 without 232", "svdb by folds")
NOISE, EARLY, ALARMS = "noise stress, 118 and 119", "early answer", "lethal alarms"
COLUMNS = tuple(
    (kind, rate)
    for kind, rates in (("qrs", ("se", "ppv")), ("veb", ("se", "ppv", "f1")), ("sveb", ("se", "ppv", "f1")))
    for rate in rates
)
RATES = {"se": "Se", "ppv": "+P", "f1": "F1"}
OF_BEATS = ("gru", "beat_cnn", "fusion")

HEAD = """## Seeds

The rows about beats over {n} seeds, by networks trained anew and played in the same way; the shipped ones come first.
Mean, in brackets the standard deviation from seed to seed (n - 1), below it every seed's own figure.
Written by `python -m train card FILE --seeds FILE2 ...`; each further file holds what
`{command}` printed.
"""


def section(tables: Mapping[str, Table]) -> Iterable[str]:
    """The section of the model card.

    Parameters
    ----------
    tables : mapping of str to Table
        By the file they were read from, two or more; the shipped networks' own first.

    Raises
    ------
    BadInput
        When one lacks a row, has scored something else than the first, or is of the same networks as another.
    """
    found = {name: _figures(name, table) for name, table in tables.items()}
    _check_settings({name: one["settings"] for name, one in found.items()})
    networks = {name: one["networks"] for name, one in found.items()}
    _check_other(networks)
    every = list(found.values())
    yield HEAD.format(n=len(every), command=COMMAND)
    yield from _told(list(networks.values()))
    yield ""
    names = [f"{kind.upper()} {RATES[rate]}" for kind, rate in COLUMNS]
    for title, cell in (("mean (standard deviation)", _spread), ("each seed", _each)):
        yield f"| {title} | {' | '.join(names)} |"
        yield f"|---|{'---|' * len(names)}"
        for row in every[0]["rows"]:
            cells = [cell(values) for values in zip(*(one["rows"][row] for one in every), strict=True)]
            yield f"| {row} | {' | '.join(cells)} |"
        yield ""
    for what in every[0]["single"]:
        values = [one["single"][what] for one in every]
        yield f"- {what}: {_spread(values)}: {_each(values)}."


def _figures(name: str, table: Table) -> dict[str, dict[str, Any]]:
    """What a table says.

    ``rows`` in the order of :data:`COLUMNS`, ``single`` what stands by itself, ``networks`` whose they are, and
    ``settings`` what must be the same in all tables.
    """
    try:
        kinds = {f"{row}, {answer}": table[row][answer] for row in ROWS for answer in ("final", "early")}
        kinds |= {f"noise {snr}, final": row["final"] for snr, row in table[NOISE].items()}
        alarms, early = table[ALARMS], table[EARLY]
        return {
            "rows": {row: [one[kind][rate] for kind, rate in COLUMNS] for row, one in kinds.items()},
            "networks": table["networks"],
            "settings": {
                **{f"records in {row!r}": table[row]["records"] for row in ROWS},
                f"rows in {NOISE!r}": ", ".join(table[NOISE]),
                f"hours in {ALARMS!r}": alarms["hours"],
            },
            "single": {
                "Accuracy over N, S, V, F on DS2, percent": table["ds2"]["nsvf_accuracy"],
                "Lethal alarms not borne out by the labels, in 24 h": alarms["false_per_24h"],
                "99 % of the early answers within, ms": early["p99_ms"],
            },
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{name}: no {error} in it; expected what `{COMMAND}` prints") from None


def _check_settings(settings: Mapping[str, Mapping[str, Any]]) -> None:
    (first, expected), *others = settings.items()
    for name, told in others:
        for what, value in expected.items():
            if told[what] != value:
                raise BadInput(
                    f"{name}: {what}: got {told[what]}, expected {value} as in {first}; print both with `{COMMAND}`"
                )


def _check_other(networks: Mapping[str, Told]) -> None:
    """A spread of one training with itself would be no spread."""
    for (first, a), (second, b) in combinations(networks.items(), 2):
        for folder in a:
            if folder not in b:
                raise BadInput(f"{second}: no networks of {folder}, expected those that {first} names")
            if a[folder]["gru"]["sha256"] == b[folder]["gru"]["sha256"]:
                raise BadInput(
                    f"{second}: the GRU of {folder} is the one of {first}, expected that of another seed; give "
                    "--folds and --models"
                )


def _told(networks: Sequence[Told]) -> Iterable[str]:
    """Which seeds, what all have in common, and where their recipes differ."""
    yield f"- Seeds of the networks of beats: {'; '.join(_seeds(told) for told in networks)}."
    shared = [kind for kind in networks[0]["models"] if len({_hashes(told, kind) for told in networks}) == 1]
    if shared:
        yield f"- Not trained anew, the same in all: {', '.join(shared)}."
    differ = _differences(networks)
    yield f"- Not of one recipe: {'; '.join(differ)}." if differ else "- All are of one recipe."


def _seeds(told: Told) -> str:
    found = {kinds[kind]["seed"] for kinds in told.values() for kind in OF_BEATS}
    return " and ".join(str(seed) for seed in sorted(found, key=str))


def _hashes(told: Told, kind: str) -> tuple[str, ...]:
    return tuple(kinds[kind]["sha256"] for kinds in told.values())


def _differences(networks: Sequence[Told]) -> list[str]:
    """Entries of the recipes that differ, with each table's value, and the folders where they do."""
    where: dict[str, list[str]] = {}
    for folder, kinds in networks[0].items():
        for kind in kinds:
            recipes = [told[folder][kind]["recipe"] for told in networks]
            for entry in dict.fromkeys(key for recipe in recipes for key in recipe if key != "seed"):
                values = [recipe.get(entry, "-") for recipe in recipes]
                if any(value != values[0] for value in values):
                    told_so = f"{entry} of {kind} {' / '.join(str(value) for value in values)}"
                    where.setdefault(told_so, []).append(folder)
    return [f"{told_so} ({', '.join(folders)})" for told_so, folders in where.items()]


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{fmean(known):.2f} ({stdev(known):.2f})" if len(known) == len(values) else "-"


def _each(values: Sequence[float | None]) -> str:
    return " / ".join("-" if value is None else f"{value:.2f}" for value in values)
