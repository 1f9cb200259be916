"""The report: every number comes from results, undecided is said where it is, and what is committed is what is made."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

import train
from firmware_bridge.types import BadInput
from train.study import arms as plan
from train.study import cli, record, report, seen, tables, words
from train.study.bootstrap import Arms
from train.study.looks import Looks
from train.study.maps import Grid, Look
from train.study.memory import MemoryScore
from train.study.probes import QUESTIONS, SINCE, ProbeScore
from train.study.record import Cost, Run
from train.study.slopes import Slope, bins

Make = Callable[..., Run]
HERE = Path(train.__file__).parent
LAGS = tuple(int(k) for k in bins()[1:])


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of few draws: what is tested here is what is said of them."""
    monkeypatch.setattr(Arms.__init__, "__defaults__", (40,))


def probes_found(gain: float = 0.1) -> list[ProbeScore]:
    """Probes whose score rises by `gain` a layer, trained, and not at all, untrained."""
    out = []
    for kind in ("untrained", "folds"):
        for network, layers in (("beat CNN", 5), ("GRU", 4)):
            names = ("image", "conv 1", "conv 2", "conv 3", "conv 4")
            names = names if network == "beat CNN" else ("17 samples", "conv 1", "conv 2", "state")
            for q in (*QUESTIONS, SINCE) if network == "GRU" else QUESTIONS:
                up = gain if kind == "folds" else 0.0
                own = [
                    ProbeScore(
                        f"{network}, {kind}",
                        names[k],
                        k,
                        9,
                        q.name,
                        q.measure_name,
                        v,
                        v - 0.05,
                        v + 0.05,
                        70,
                        9,
                    )
                    for k, v in enumerate(0.4 + up * k for k in range(layers))
                ]
                out += own
                if kind == "folds":
                    for a, b in ((-1, 1), *((k + 1, k) for k in range(layers - 1))):
                        d = own[a].score - own[b].score
                        name = f"{names[a]} less {names[b]}"
                        out.append(
                            replace(own[a], layer=name, depth=-1, score=d, low=d - 0.02, high=d + 0.02)
                        )
                    d = own[-1].score - 0.4
                    name = f"{names[-1]} less {network}, untrained"
                    out.append(replace(own[-1], layer=name, depth=-1, score=d, low=d - 0.02, high=d + 0.02))
    unit = ProbeScore(
        "GRU, fold 0", "state", 3, 4, "class is V", "one unit, -1 to 1", 0.5, np.nan, np.nan, 70, 9
    )
    return out + [replace(unit, unit=k, score=0.2 * k) for k in range(4)]


def memory_found(loss: float = 0.1) -> list[MemoryScore]:
    heard = [(0.5, 2 * loss), (2.0, loss), (8.0, loss / 2), (0.0, 0.0)]
    return [
        MemoryScore(s, 0.8 - v, 0.7 - v, 0.9 - v, v, v - 0.02, v + 0.02, (0.9, 0.5, 0.8), 9) for s, v in heard
    ]


def slopes_found(fall: float = -0.3) -> list[Slope]:
    """Stacks whose first layer's slope falls by `fall` a layer, and not with residuals."""
    out = []
    for cell, depth, residual, stage, seed in product(
        seen.CELLS, (1, 2, 4, 8), (False, True), ("initial", "trained"), (1, 2, 3)
    ):
        logs = tuple((0.0 if residual else fall) * (depth - k) for k in range(depth))
        lag_logs = tuple(-0.05 * k for k in range(len(LAGS)))
        f1 = 0.6 if stage == "trained" else -1.0
        out.append(Slope(cell, depth, 32, residual, seed, stage, 125, logs, LAGS, lag_logs, f1))
    own = [s for s in out if (s.family, s.layers, s.residual) == ("gru", 1, False)]
    return out + [replace(s, family="monitor") for s in own]


def maps_found() -> list[Look]:
    rng = np.random.default_rng(0)
    shapes = {
        "cnn": {"image": (3, 128), "conv 1": (16, 64), "conv 2": (32, 32)},
        "gru": {
            "lead": (1, 145),
            "conv 1": (16, 145),
            "conv 2": (32, 145),
            "state": (64, 145),
            "heads": (6, 145),
        },
    }
    return [
        Look(network, letter, "mitdb/208", 31.4, (0.7, 0.1, 0.1, 0.1, 0.0),
             tuple(Grid.of(n, rng.random(s).astype(np.float32), -0.9, 1.0 / s[1]) for n, s in of.items()))
        for letter in "NSVF" for network, of in shapes.items()
    ]  # fmt: skip


def looks_found() -> Looks:
    return Looks(tuple(probes_found()), tuple(maps_found()), tuple(memory_found()), tuple(slopes_found()))


def runs_found(make_run: Make, preset: str = "full", claims: tuple[int, ...] = plan.ORDER) -> list[Run]:
    """Runs of all arms of claims, three seeds; deeper and wider is better."""
    out = []
    for claim in claims:
        for arm in plan.arms(claim):
            for seed in (1, 2, 3):
                right = min(97, 70 + arm.net.layers + arm.net.width // 4)
                cost = Cost(params=10 * arm.net.width, macs_s=1e4 * arm.net.width, us_s=10.0 * arm.net.width)
                more = {
                    "claims": (claim,),
                    "cost": cost,
                    "arm": arm.name,
                    "preset": preset,
                    "key": f"{claim}{arm.name}{seed}",
                }
                out.append(make_run(arm.net, arm.task, right, seed=seed, **more))
                for k in arm.resets:
                    one = make_run(arm.net, replace(arm.task, reset_s=k), right - 5, seed=seed, **more)
                    out.append(
                        replace(one, key=f"{more['key']}-r{k:g}", arm=f"{arm.name}, reset every {k:g} s")
                    )
    return out


def test_write_when_everything_was_run_then_every_figure_is_drawn_and_shown(
    make_run: Make, tmp_path: Path
) -> None:
    results = report.results_of(runs_found(make_run), looks_found())
    files = report.write(results, tmp_path)
    text = (tmp_path / "STUDY.md").read_text()
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert len(shown) == len(list(report.pictures(results))) == len(files) - 1
    assert {tmp_path / name for name in shown} == set(files[:-1])
    assert all("<svg" in path.read_text() for path in files[:-1])
    assert sum(path.stat().st_size for path in files) < 1_500_000
    for claim, title in words.CLAIMS.items():
        assert f"## Claim {claim}: {title}" in text
        assert words.CLAIMS_PT[claim] in text
    assert "only the quick preset" not in text


def test_write_when_nothing_was_run_then_every_claim_is_undecided(tmp_path: Path) -> None:
    files = report.write(report.results_of([], Looks()), tmp_path)
    assert [path.name for path in files] == ["STUDY.md"]
    text = files[0].read_text()
    assert text.count("its arms have not been run") == 2 * len(words.CLAIMS)
    assert "supported" not in text.split("## Claim 1")[0]


def test_results_when_full_lacks_arms_then_the_quick_ones_speak_and_say_so(make_run: Make) -> None:
    runs = [*runs_found(make_run, "quick", (4, 7)), *runs_found(make_run, "full", (7,))]
    results = report.results_of(runs, Looks())
    said = {v.claim: (v.preset, v.outcome) for v in results.verdicts}
    assert said[4] == ("quick", "too few")
    assert said[7][0] == "full"
    assert said[2][1] == "missing"
    table = "\n".join(tables.verdict_table(results.verdicts, words.CLAIMS, portuguese=False))
    assert table.count("only the quick preset was run") == 1
    assert {run.preset for run in results.runs[4]} == {"quick"}


def test_write_when_full_has_part_of_a_claim_then_it_speaks_and_says_how_much_there_is(
    make_run: Make, tmp_path: Path
) -> None:
    few = [
        run for run in runs_found(make_run, "full", (5,)) if run.arm in ("trees", "nn1", "cnn 1x4", "gru 1x8")
    ]
    runs = [*runs_found(make_run, "quick", (2, 5)), *few]
    results = report.results_of(runs, Looks())
    assert {v.claim: (v.preset, v.outcome) for v in results.verdicts}[5] == ("full", "part")
    drawn = {p.name: p for p in report.pictures(results) if p.when}
    assert drawn["pareto"].caption.endswith("Full preset, 3 seeds an arm.")
    assert drawn["depth"].caption.endswith(report.HARDLY)
    text = "\n".join(report.lines(results, drawn, "figures"))
    assert text.count("4 of 39 arms have been run so far, 4 of them with three seeds") == 2
    assert "Test, once every arm is there: Cheapest GRU over cheapest CNN" in text
    assert "| CNN | cnn 1x4 |" in text


@pytest.mark.parametrize(("gain", "outcome"), [(0.1, "supported"), (0.0, "undecided"), (-0.05, "refuted")])
def test_levels_when_probes_rise_or_fall_then_claim_1_follows(gain: float, outcome: str) -> None:
    verdict = seen.levels(probes_found(gain))
    assert (verdict.claim, verdict.outcome) == (1, outcome)
    assert verdict.low <= verdict.value <= verdict.high


@pytest.mark.parametrize(
    ("loss", "gain", "outcome"),
    [(0.1, 0.1, "supported"), (0.1, -0.1, "undecided"), (0.005, 0.1, "undecided"), (-0.05, 0.1, "refuted")],
)
def test_remembered_when_memory_pays_and_is_held_then_claim_3_follows(
    loss: float, gain: float, outcome: str
) -> None:
    assert seen.remembered(memory_found(loss), probes_found(gain)).outcome == outcome


@pytest.mark.parametrize(("fall", "outcome"), [(-0.3, "supported"), (0.0, "refuted"), (0.2, "refuted")])
def test_vanishing_when_first_layers_feel_less_then_claim_6_follows(fall: float, outcome: str) -> None:
    verdict = seen.vanishing(slopes_found(fall))
    assert verdict.outcome == outcome
    assert verdict.value == pytest.approx(fall)
    assert verdict.seeds == 3


def test_span_when_portuguese_then_commas_are_decimal() -> None:
    assert words.span(0.1, -0.02, 1.0) == "0.100 [-0.020, 1.000]"
    assert words.span(0.1, -0.02, 1.0, portuguese=True) == "0,100 [-0,020; 1,000]"


def test_publish_when_there_is_nothing_then_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no results; run the study first"):
        cli.main(["--report", "--out", str(tmp_path)])


def test_look_when_too_few_patients_are_named_then_one_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--patients: got 3, expected 6 or more"):
        cli.main(["--look", "--patients", "3", "--out", str(tmp_path)])


def test_publish_when_results_are_given_then_they_are_reported_there(
    make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record.append(tmp_path / "results.jsonl", runs_found(make_run, "quick", (3,)))
    assert cli.main(["--report", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [
        *(str(tmp_path / "figures" / f"{name}.svg") for name in ("pareto", "reset")), str(tmp_path / "STUDY.md"),
    ]  # fmt: skip


def test_committed_report_when_made_again_then_it_is_the_same(tmp_path: Path) -> None:
    """The figures' bytes belong to a version of matplotlib; that they are there, and the whole text, do not."""
    from train.study import looks

    runs = [*cli.committed("full"), *cli.committed("quick")]
    results = report.results_of(runs, looks.read(HERE / "study" / "results" / "looks"))
    drawn = {p.name: p for p in report.pictures(results) if p.when}
    assert (HERE / "STUDY.md").read_text().rstrip("\n") == "\n".join(
        report.lines(results, drawn, cli.FIGURES)
    )
    assert {p.stem for p in (HERE / cli.FIGURES).glob("*.svg")} == set(drawn)
