from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from firmware_bridge.types import BadInput
from train.dataset import Fold

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import checkpoint, teachers  # noqa: E402
from train.models import GruConfig, GruNet  # noqa: E402

CONFIG = GruConfig()


def logits(*rows: tuple[float, ...]) -> torch.Tensor:
    """One strip of a batch, a row a sample."""
    return torch.tensor([rows])


SURE = (8.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0)
OTHER = (-8.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0)
EVERY, NONE = torch.tensor([[0]]), torch.tensor([[-1]])


def test_opinion_of_when_two_disagree_then_it_is_half_of_each() -> None:
    found = teachers.opinion_of(torch.stack([logits(SURE), logits(OTHER)]))
    assert found.qrs.tolist() == [[pytest.approx(0.5)]]
    assert found.now[0, 0].tolist() == pytest.approx([0.5, 0.5, 0.0, 0.0, 0.0], abs=1e-3)
    assert found.before[0, 0].tolist() == pytest.approx([0.0, 0.0, 0.5, 0.5, 0.0], abs=1e-3)


def test_losses_when_the_pupil_agrees_then_less_than_when_it_does_not() -> None:
    opinion = teachers.opinion_of(logits(SURE)[None])
    agrees = teachers.losses(logits(SURE), opinion, EVERY, EVERY)
    assert agrees.shape == ()
    assert float(agrees) < 0.02
    assert float(teachers.losses(logits(OTHER), opinion, EVERY, EVERY)) > 20.0


def test_losses_when_no_label_stands_then_classes_cost_nothing_and_r_peaks_do() -> None:
    opinion = teachers.opinion_of(logits(SURE)[None])
    only_qrs = logits((8.0, *OTHER[1:]))
    assert float(teachers.losses(only_qrs, opinion, NONE, NONE)) < 0.02
    assert float(teachers.losses(logits(OTHER), opinion, NONE, NONE)) == pytest.approx(16.0, abs=0.1)


def test_losses_when_networks_stand_side_by_side_then_each_has_its_own() -> None:
    opinion = teachers.opinion_of(torch.stack([logits(SURE), logits(OTHER)])[None])
    y = torch.stack([logits(SURE), logits(SURE)])
    right, wrong = teachers.losses(
        y, opinion, torch.stack([EVERY, EVERY]), torch.stack([EVERY, EVERY])
    ).tolist()
    assert right < 0.02 < 20.0 < wrong


def test_losses_when_an_r_peak_is_sure_then_it_weighs_three_times() -> None:
    opinion = teachers.opinion_of(logits(SURE, OTHER)[None])
    labels = torch.tensor([[-1, -1]])
    missed, invented = logits(OTHER, OTHER), logits(SURE, SURE)
    ratio = float(teachers.losses(missed, opinion, labels, labels)) / float(
        teachers.losses(invented, opinion, labels, labels)
    )
    assert ratio == pytest.approx(3.0, rel=0.01)


def test_load_when_runs_hold_the_fold_then_the_averages_of_its_networks(tmp_path: Path) -> None:
    nets = [GruNet(CONFIG) for _ in range(2)]
    for k, net in enumerate(nets):
        place = tmp_path / f"seed-{k}" / Fold(1, 3).folder / "gru.pt"
        checkpoint.write({"ema": net.state_dict(), "config": asdict(CONFIG)}, place)
    found = teachers.load([tmp_path / "seed-0", tmp_path / "seed-1"], Fold(1, 3), CONFIG)
    for net, weights in zip(nets, found, strict=True):
        assert all(torch.equal(weights[name], value) for name, value in net.state_dict().items())


def test_load_when_a_teacher_is_missing_or_of_another_size_then_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no checkpoint .*fold-0-of-3"):
        teachers.load([tmp_path], Fold(0, 3), CONFIG)
    checkpoint.write({"ema": {}, "config": {"n_hidden": 8}}, tmp_path / "gru.pt")
    with pytest.raises(BadInput, match=r"got a network of .*'n_hidden': 8.*pupil's size"):
        teachers.load([tmp_path], Fold(), CONFIG)
