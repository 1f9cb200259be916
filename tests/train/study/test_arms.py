from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study import arms
from train.study.config import CNN_KINDS, FAMILIES
from train.study.costs import cost


@pytest.mark.parametrize("claim", arms.ORDER)
def test_claim_when_its_arms_are_listed_then_trees_and_nearest_are_among_them(claim: int) -> None:
    made = arms.arms(claim)
    assert {"trees", "nn1"} <= {arm.net.family for arm in made} or claim == 3
    assert len({arm.name for arm in made}) == len(made)
    assert {arm.claim for arm in made} == {claim}


def test_arms_when_taken_together_then_every_family_and_kind_is_there() -> None:
    everything = [arm for claim in arms.ORDER for arm in arms.arms(claim)]
    assert {arm.net.family for arm in everything} == set(FAMILIES)
    assert {arm.net.kind for arm in everything if arm.net.family == "cnn"} == set(CNN_KINDS)


def test_budgets_when_networks_are_fitted_to_them_then_none_is_above_and_none_far_below() -> None:
    for arm in arms.arms(4):
        if arm.net.family not in ("trees", "nn1"):
            most = 1000 * int(arm.name.split()[1].removesuffix("k"))
            assert 0.8 * most < cost(arm.net, arm.task).macs_s <= most


def test_both_families_when_their_patients_are_few_then_their_parameters_are_equal() -> None:
    sizes = {
        arm.name: cost(arm.net, arm.task).params for arm in arms.arms(7) if arm.net.family in ("cnn", "gru")
    }
    for most in arms.PARAMS:
        mark = f"{most // 1000}k params, 5 patients"
        assert 0.85 < sizes[f"gru {mark}"] / sizes[f"cnn {mark}"] < 1.15


def test_jobs_when_listed_then_each_training_is_there_once_and_claim_follows_claim() -> None:
    jobs = arms.jobs("full")
    assert len({job.key for job in jobs}) == len(jobs)
    assert {job.fold for job in jobs} == {0, 1, 2}
    for claim in arms.ORDER:
        late = {arm.name for arm in arms.arms(claim) if arm.later}
        own = [job for job in arms.jobs("full", (claim,)) if len(job.claims) == 1]
        turns = [(job.arm in late, job.seed) for job in own]
        assert turns == sorted(turns)
    begun = [min(job.claims, key=arms.ORDER.index) for job in jobs]
    assert [arms.ORDER.index(claim) for claim in begun] == sorted(arms.ORDER.index(c) for c in begun)


def test_jobs_when_claims_share_a_training_then_it_knows_all_of_them_whichever_is_asked_for() -> None:
    for claims in ((3,), (5,), arms.ORDER):
        shared = next(job for job in arms.jobs("full", claims) if job.arm == "gru 1x32")
        assert shared.claims == (3, 5)
        assert shared.resets == arms.RESETS_S


def test_full_when_planned_then_a_day_of_two_cores_is_enough() -> None:
    assert sum(arms.seconds(job) for job in arms.jobs("full")) < 2 * 24 * 3600


def test_quick_when_listed_then_it_has_every_arm_of_full_once() -> None:
    quick, full = arms.jobs("quick"), arms.jobs("full")
    assert {(job.net, job.task) for job in quick} == {(job.net, job.task) for job in full}
    assert {(job.seed, job.fold) for job in quick} == {(1, 0)}


def test_seconds_when_a_network_is_larger_then_more_are_expected() -> None:
    by_name = {job.arm: arms.seconds(job) for job in arms.jobs("full", (5,))}
    assert by_name["gru 4x16"] > by_name["gru 1x16"] > by_name["gru 1x8"] > 0
    assert by_name["cnn 16x32"] > by_name["cnn 1x4"]
