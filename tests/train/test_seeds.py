from __future__ import annotations

import copy
from typing import Any

import pytest

from firmware_bridge.types import BadInput
from train import seeds

FOLDERS = ("models", "fold-0-of-3")


def networks(seed: int, **recipe: object) -> dict[str, Any]:
    """Networks of beats of one seed; that of AF is the same in all."""
    told = {"seed": seed, "recipe": {"seed": seed, "rounds": 48, **recipe}}
    return {
        folder: {
            **{kind: {"sha256": f"{kind}{seed}{folder}", **told} for kind in ("gru", "beat_cnn", "fusion")},
            "af": {"sha256": "af", "seed": 1, "recipe": {"seed": 1, "steps": 800}},
        }
        for folder in FOLDERS
    }


def table(seed: int, qrs: float = 99.0, veb: float | None = 95.0, **recipe: object) -> dict[str, Any]:
    """What ``evaluate --all --beats --json`` prints, in little."""
    kinds = {
        "qrs": {"se": qrs, "ppv": 99.5, "f1": 99.2},
        "veb": {"se": veb, "ppv": 96.0, "f1": 90.0 + seed},
        "sveb": {"se": 60.0, "ppv": 70.0, "f1": 64.0},
    }
    row = {"records": 22, "final": kinds, "early": kinds}
    return {
        "networks": networks(seed, **recipe),
        **{name: dict(row) for name in seeds.ROWS},
        "ds2": {**row, "nsvf_accuracy": 94.0 + seed},
        seeds.NOISE: {"24 dB": dict(row), "-6 dB": dict(row)},
        seeds.EARLY: {"p50_ms": 230.0, "p99_ms": 248.0 + seed, "max_ms": 300.0},
        seeds.ALARMS: {"hours": 43.57, "false_per_24h": 4.0 + seed},
    }


def section(*tables: dict[str, Any]) -> str:
    return "\n".join(seeds.section({f"t{k}": one for k, one in enumerate(tables, 1)}))


def test_section_when_there_are_three_seeds_then_mean_deviation_and_each() -> None:
    text = section(table(1, 99.0), table(2, 99.3), table(3, 99.9))
    rows = [line for line in text.splitlines() if line.startswith("| ds2, final")]
    assert rows == [
        "| ds2, final | 99.40 (0.46) | 99.50 (0.00) | 95.00 (0.00) | 96.00 (0.00) | 92.00 (1.00) | 60.00 (0.00) | "
        "70.00 (0.00) | 64.00 (0.00) |",
        "| ds2, final | 99.00 / 99.30 / 99.90 | 99.50 / 99.50 / 99.50 | 95.00 / 95.00 / 95.00 | "
        "96.00 / 96.00 / 96.00 | 91.00 / 92.00 / 93.00 | 60.00 / 60.00 / 60.00 | 70.00 / 70.00 / 70.00 | "
        "64.00 / 64.00 / 64.00 |",
    ]
    assert "over 3 seeds" in text
    for name in seeds.ROWS:
        assert text.count(f"| {name}, early |") == 2
    assert text.count("| noise -6 dB, final |") == 2
    assert "- Accuracy over N, S, V, F on DS2, percent: 96.00 (1.00): 95.00 / 96.00 / 97.00." in text
    assert "in 24 h: 6.00 (1.00): 5.00 / 6.00 / 7.00." in text
    assert "within, ms: 250.00 (1.00): 249.00 / 250.00 / 251.00." in text
    assert "- Seeds of the networks of beats: 1; 2; 3." in text
    assert "- Not trained anew, the same in all: af." in text
    assert "- All are of one recipe." in text


def test_section_when_a_figure_is_undefined_in_one_seed_then_there_is_no_mean_of_it() -> None:
    text = section(table(1), table(2, veb=None))
    assert "| svdb by folds, final | 99.00 (0.00) | 99.50 (0.00) | - | 96.00 (0.00) |" in text
    assert "| 95.00 / - | 96.00 / 96.00 |" in text


def test_section_when_recipes_differ_then_the_entries_are_named() -> None:
    text = section(table(1), table(2, rounds=120, shares=[0.5]))
    assert "one recipe: rounds of gru 48 / 120 (models, fold-0-of-3); shares of gru - / [0.5] (models" in text
    assert "All are of one recipe" not in text


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("networks",), "t2: no 'networks' in it; expected what `python -m train evaluate --all --beats"),
        (("svdb by folds",), "t2: no 'svdb by folds' in it"),
        (("svdb by folds", "records"), "t2: no 'records' in it"),
        ((seeds.NOISE,), "t2: no 'noise stress, 118 and 119' in it"),
        ((seeds.ALARMS, "hours"), "t2: no 'hours' in it"),
        (("ds2", "nsvf_accuracy"), "t2: no 'nsvf_accuracy' in it"),
        (("networks", "fold-0-of-3"), "t2: no networks of fold-0-of-3, expected those that t1 names"),
    ],
)
def test_section_when_a_table_lacks_something_then_one_line_names_it(
    path: tuple[str, ...], message: str
) -> None:
    short = copy.deepcopy(table(2))
    *way, last = path
    at = short
    for step in way:
        at = at[step]
    del at[last]
    with pytest.raises(BadInput) as told:
        section(table(1), short)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_section_when_a_table_is_of_other_records_then_one_line_says_what_differs() -> None:
    other = table(2)
    other["mitdb 48"] = {**other["mitdb 48"], "records": 47}
    with pytest.raises(BadInput, match="t2: records in 'mitdb 48': got 47, expected 22 as in t1"):
        section(table(1), other)
    other = table(2)
    del other[seeds.NOISE]["-6 dB"]
    with pytest.raises(
        BadInput, match="rows in 'noise stress, 118 and 119': got 24 dB, expected 24 dB, -6 dB"
    ):
        section(table(1), other)


def test_section_when_a_table_is_given_twice_then_it_is_no_seed_of_its_own() -> None:
    with pytest.raises(
        BadInput, match="t3: the GRU of models is the one of t2, expected that of another seed"
    ):
        section(table(1), table(2), table(2))
