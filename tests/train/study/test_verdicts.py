from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study import arms as plan
from train.study import verdicts
from train.study.record import Run
from train.study.verdicts import Verdict, judge, needed, ratio

Make = Callable[..., Run]
SEEDS = (1, 2, 3)


def everything(claim: int, make_run: Make, right: Callable[[plan.Arm], int], **more: object) -> list[Run]:
    """Runs of all arms of a claim, `right` of a hundred beats right."""
    return [make_run(a.net, a.task, right(a), seed=s, **more) for a in plan.arms(claim) for s in SEEDS]


def verdict_of(claim: int, runs: list[Run]) -> Verdict:
    return next(v for v in judge(runs, 200) if v.claim == claim)


def test_judge_when_there_is_nothing_then_every_claim_is_missing() -> None:
    assert [(v.claim, v.outcome) for v in judge([])] == [(c, "missing") for c in (2, 3, 4, 5, 6, 7)]


@pytest.mark.parametrize(
    ("ahead", "outcome"),
    [("conv_gru", "supported"), ("tcn", "refuted"), ("trees", "refuted"), ("", "refuted")],
)
def test_joined_when_one_family_is_ahead_then_the_verdict_follows(
    make_run: Make, ahead: str, outcome: str
) -> None:
    runs = everything(4, make_run, lambda arm: 95 if arm.net.family == ahead else 80)
    verdict = verdict_of(4, runs)
    assert verdict.outcome == outcome
    assert verdict.seeds == 3
    assert verdict.numbers["conv_gru - best other, 50k"][0] == pytest.approx(verdict.value)


def test_joined_when_a_seed_is_missing_then_there_are_too_few(make_run: Make) -> None:
    runs = everything(4, make_run, lambda arm: 95 if arm.net.family == "conv_gru" else 80)
    verdict = verdict_of(4, [run for run in runs if run.seed < 3])
    assert (verdict.outcome, verdict.seeds) == ("too few", 2)


def test_joined_when_arms_are_missing_then_part_and_how_many_there_are(make_run: Make) -> None:
    runs = everything(4, make_run, lambda arm: 80)
    some = [r for r in runs if r.family != "tcn"]
    verdict = verdict_of(4, some)
    assert verdict.outcome == "part"
    assert verdict.numbers["arms with three seeds"] == [17.0]
    assert verdict.numbers["arms planned"] == [20.0]
    assert verdict_of(4, [replace(r, preset="quick") for r in some]).outcome == "missing"
    assert verdict_of(4, [r for r in some if r.family in ("trees", "nn1")]).outcome == "missing"


def test_arms_of_when_a_run_was_made_for_another_claim_then_it_serves_this_one_too(make_run: Make) -> None:
    arm = next(arm for arm in plan.arms(5) if arm.name == "gru 1x32")
    found = verdicts.arms_of(3, [make_run(arm.net, arm.task, 80, claims=(5,))], 10)
    assert found.names == ["gru 1x32"]


def test_any_when_the_preset_is_quick_then_nothing_is_judged(make_run: Make) -> None:
    runs = everything(4, make_run, lambda arm: 80, preset="quick")
    assert verdict_of(4, runs).outcome == "too few"


def test_sizes_when_the_small_gru_does_it_then_fewer_layers_yet_more_macs(make_run: Make) -> None:
    def right(arm: plan.Arm) -> int:
        return 90 if arm.net.family == "gru" or arm.net.layers >= 8 else 60

    verdict = verdict_of(5, everything(5, make_run, right))
    assert verdict.numbers["log2 layers"][0] == -3.0
    assert verdict.outcome == ("supported" if verdict.numbers["log2 macs_s"][2] < 0 else "refuted")

    verdict = verdict_of(5, everything(5, make_run, lambda arm: 90 if arm.net.width >= 32 else 60))
    assert verdict.value > 0
    assert verdict.outcome == "refuted"


def test_sizes_when_no_gru_comes_near_then_the_price_is_out_of_reach(make_run: Make) -> None:
    runs = everything(5, make_run, lambda arm: 90 if arm.net.family == "cnn" else 60)
    assert verdict_of(5, runs).value == verdicts.UNREACHED


def test_memory_when_a_state_set_back_costs_then_supported_and_else_refuted(make_run: Make) -> None:
    from dataclasses import asdict

    gru = next(arm for arm in plan.arms(3) if arm.name == "gru 1x32")
    for lost, outcome in ((20, "supported"), (0, "refuted")):
        runs = everything(3, make_run, lambda arm: 90)
        for seed in SEEDS:
            for k in plan.RESETS_S:
                task = replace(gru.task, reset_s=k)
                run = make_run(gru.net, task, 90 - lost, seed=seed, key=f"{seed}-r{k:g}")
                runs.append(replace(run, config={**run.config, "task": asdict(task)}))
        verdict = verdict_of(3, runs)
        assert verdict.outcome == outcome
        assert len([name for name in verdict.numbers if name.startswith("lost at")]) == 7


@pytest.mark.parametrize(("growing", "outcome"), [("plain", "supported"), ("", "refuted")])
def test_windows_when_only_the_plain_kind_needs_depth_then_supported_and_flat_refuted(
    make_run: Make, growing: str, outcome: str
) -> None:
    def right(arm: plan.Arm) -> int:
        if arm.net.kind != growing or arm.net.family != "cnn":
            return 90
        return 90 if arm.net.layers >= min(8.0, arm.task.window_s) else 60

    assert verdict_of(2, everything(2, make_run, right)).outcome == outcome


def test_needed_when_depths_are_within_a_hundredth_then_the_smallest() -> None:
    assert needed(np.array([[0.5, 0.8, 0.805, 0.79], [0.9, 0.9, 0.9, 0.9]])).tolist() == [2.0, 1.0]


@pytest.mark.parametrize(("vanishing", "outcome"), [(True, "supported"), (False, "refuted")])
def test_deep_when_gradients_vanish_and_residuals_help_then_supported(
    make_run: Make, vanishing: bool, outcome: str
) -> None:
    runs = []
    for arm in plan.arms(6):
        poor = vanishing and not arm.net.residual and arm.net.layers >= 6
        grad = 10.0**-arm.net.layers if vanishing and not arm.net.residual else 0.1
        for seed in SEEDS:
            curves = {"train_f1": [0.9], "test_f1": [0.9], "grad_1": [grad]}
            runs.append(make_run(arm.net, arm.task, 60 if poor else 90, seed=seed, curves=curves))
    verdict = verdict_of(6, runs)
    assert verdict.outcome == outcome
    assert verdict.value == pytest.approx(-1.0 if vanishing else 0.0, abs=1e-6)


@pytest.mark.parametrize(("worse", "outcome"), [("gru", "supported"), ("cnn", "refuted"), ("", "refuted")])
def test_people_when_a_gap_opens_wider_and_earlier_then_the_verdict_follows(
    make_run: Make, worse: str, outcome: str
) -> None:
    runs = []
    for arm in plan.arms(7):
        bad = arm.net.family == worse
        curves = {"train_f1": [0.9, 0.9], "test_f1": [0.5 if bad else 0.85, 0.6], "grad_1": [0.1, 0.1]}
        for seed in SEEDS:
            runs.append(make_run(arm.net, arm.task, 60 if bad else 85, seed=seed, curves=curves))
    verdict = verdict_of(7, runs)
    assert verdict.outcome == outcome
    assert verdict.numbers["epochs later"][0] == {"gru": -1.0, "cnn": 1.0, "": 0.0}[worse]


def test_people_when_one_family_is_a_seed_ahead_then_the_seeds_of_both_are_compared(make_run: Make) -> None:
    runs = everything(7, make_run, lambda arm: 80)
    verdict = verdict_of(7, [r for r in runs if r.seed < 2 or r.family != "cnn"])
    assert (verdict.outcome, verdict.seeds) == ("too few", 1)
    assert verdict.numbers["epochs later"][0] == 0.0


def test_ratio_when_both_families_reach_then_of_the_cheapest() -> None:
    f1 = np.array([0.8, 0.9, 0.89, 0.885])
    is_gru = np.array([True, True, False, False])
    assert ratio(f1, np.array([1.0, 4.0, 16.0, 8.0]), is_gru) == -1.0
    assert ratio(f1 - 0.5 * is_gru, np.ones(4), is_gru) == verdicts.UNREACHED
    assert ratio(f1 - 0.5 * ~is_gru, np.ones(4), is_gru) == -verdicts.UNREACHED
