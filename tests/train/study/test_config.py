from __future__ import annotations

from dataclasses import replace

from train.study.config import Budget, Job, NetConfig, TaskConfig

JOB = Job((5,), "gru 1x16", NetConfig("gru"), TaskConfig("stream"), Budget(), 1, 0, 3, "full")


def test_key_when_arm_and_claims_differ_then_it_is_the_same_training() -> None:
    assert replace(JOB, arm="another", claims=(3, 4), resets=(1.0,)).key == JOB.key


def test_key_when_anything_that_counts_differs_then_it_is_another() -> None:
    others = [
        replace(JOB, seed=2),
        replace(JOB, fold=1),
        replace(JOB, net=NetConfig("gru", 2)),
        replace(JOB, task=TaskConfig()),
        replace(JOB, budget=Budget(epochs=1)),
    ]
    assert len({job.key for job in [JOB, *others]}) == 6


def test_window_when_in_seconds_then_its_samples_follow_the_rate() -> None:
    assert TaskConfig(window_s=2.0).n_window == 250
    assert TaskConfig(window_s=0.5, fs=62.5).n_window == 31
