from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

import torch

from train.study.beats import Beats
from train.study.config import Budget, NetConfig, TaskConfig
from train.study.fit import course, logits_of, strip_weights, train
from train.study.scores import confusion, macro_f1
from train.study.zoo import build

SMALL = Budget(epochs=3, beats=1000, batch=25, rate=1e-2, curve_beats=100)
STREAM = TaskConfig("stream", window_s=1.0, strip_s=5.0)


@pytest.mark.parametrize(
    ("config", "task"),
    [
        (NetConfig("cnn", 2, 8), TaskConfig(window_s=1.0)),
        (NetConfig("conv_gru", 1, 16, stem_width=8), STREAM),
    ],
    ids=lambda v: getattr(v, "family", ""),
)
def test_network_when_trained_then_it_knows_other_people_and_its_curves_say_so(
    config: NetConfig, task: TaskConfig, beats: Beats, others: Beats
) -> None:
    torch.manual_seed(1)
    net = build(config, task.n_window)
    told: list[int] = []
    curves = train(net, task, SMALL, beats, others, 1, told.append)
    assert told == [1, 2, 3]
    assert all(len(values) == 3 for values in curves.values())
    assert {"train_loss", "test_loss", "train_f1", "test_f1"} <= set(curves)
    assert ("grad_1" in curves) == (config.family != "cnn")
    assert curves["train_loss"][-1] < curves["train_loss"][0]
    y = logits_of(net, task, others)
    assert y.shape == (len(others), 4)
    assert macro_f1(confusion(others.c, y.argmax(1))) > 0.6


@pytest.mark.parametrize("task", [TaskConfig(window_s=1.0), STREAM], ids=["window", "stream"])
def test_training_when_repeated_with_the_same_seed_then_the_same_to_the_last_bit(
    task: TaskConfig, beats: Beats, others: Beats
) -> None:
    budget = Budget(epochs=1, beats=200, batch=50, curve_beats=50)
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        net = build(NetConfig("gru", 1, 16), task.n_window)
        made.append((train(net, task, budget, beats, others, seed), logits_of(net, task, others)))
    assert made[0][0] == made[1][0]
    np.testing.assert_array_equal(made[0][1], made[1][1])
    assert made[0][0] != made[2][0]


def test_training_when_nobody_is_held_out_then_only_its_own_curves_are_kept(beats: Beats) -> None:
    task = TaskConfig(window_s=1.0)
    net = build(NetConfig("cnn", 1, 4), task.n_window)
    nobody = beats.part(np.zeros(0, np.int64))
    curves = train(net, task, Budget(epochs=1, beats=100, curve_beats=50), beats, nobody, 1)
    assert set(curves) == {"train_loss", "train_f1"}


def test_rate_when_training_goes_on_then_it_rises_and_falls() -> None:
    rates = [course(done / 100) for done in range(100)]
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[0] == pytest.approx(0.02)
    assert rates[-1] < 0.05
    assert all(b >= a for a, b in zip(rates[:10], rates[1:11], strict=True))
    assert all(b <= a for a, b in zip(rates[10:], rates[11:], strict=False))


def test_weights_of_strips_when_a_class_is_rare_in_them_then_it_weighs_more(beats: Beats) -> None:
    weight = strip_weights(beats, STREAM, 50)
    assert weight[2] > weight[0]
    assert weight[3] == 1.0
