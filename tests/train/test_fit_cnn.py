from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.types import BadInput
from train.dataset import NOT_S, Fold, Patient

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import beat_images, checkpoint, fit_cnn, rhythm_windows  # noqa: E402
from train.fit_cnn import CnnRecipe, Set, order_of  # noqa: E402
from train.models import BeatCnn, RhythmCnn  # noqa: E402

Noises = list[NDArray[np.float32]]
TINY = CnnRecipe(epochs=6, batch=16, ema=0.8)


@pytest.fixture(scope="module")
def beats(virtual_patient: Callable[..., Patient], noises: Noises) -> Set:
    sets = [beat_images.draw(virtual_patient("beats", k % 2), k, noises) for k in range(4)]
    return np.concatenate([s[0] for s in sets]), np.concatenate([s[1] for s in sets])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, float]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_fit_when_it_has_run_then_the_loss_is_lower_and_unseen_beats_are_told_apart(
    beats: Set, virtual_patient: Callable[..., Patient], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    held = beat_images.plain(virtual_patient("beats", 2))
    path = fit_cnn.fit(BeatCnn(), TINY, beats, held, tmp_path / "beat_cnn.pt")
    rows = lines(capsys)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["loss"] < 0.7 * rows[0]["loss"]
    table = np.array(rows[-1]["table"])
    assert table.sum() == len(held[1])
    assert rows[-1]["f1"][2] > 70.0
    assert checkpoint.read(path)["epoch"] == 6


def test_fit_when_stopped_and_started_again_then_the_weights_are_bit_for_bit_the_same(
    beats: Set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(path: Path) -> Path:
        torch.manual_seed(0)
        return fit_cnn.fit(BeatCnn(), recipe, beats, beats, path)

    def stop(*args: object) -> dict[str, object]:
        raise KeyboardInterrupt

    recipe = CnnRecipe(epochs=2, batch=64)
    whole = checkpoint.read(run(tmp_path / "whole.pt"))
    with monkeypatch.context() as patch:
        patch.setattr(fit_cnn, "score", stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts.pt")
    assert checkpoint.read(tmp_path / "parts.pt")["epoch"] == 1
    again = checkpoint.read(run(tmp_path / "parts.pt"))
    for part in ("net", "ema"):
        assert all(torch.equal(value, again[part][name]) for name, value in whole[part].items())


def test_fit_when_norms_have_running_means_then_the_average_follows_them_too(
    noises: Noises, tmp_path: Path
) -> None:
    windows = rhythm_windows.noise_windows(np.random.default_rng(0), noises, 60)
    torch.manual_seed(0)
    path = fit_cnn.fit(RhythmCnn(), CnnRecipe(epochs=1, batch=16), windows, windows, tmp_path / "r.pt")
    saved = checkpoint.read(path)
    assert not torch.equal(saved["ema"]["norms.0.running_mean"], torch.zeros(16))
    assert not torch.equal(saved["ema"]["norms.0.running_mean"], saved["net"]["norms.0.running_mean"])


def test_fit_when_there_are_fewer_windows_than_a_batch_then_one_line_says_so(tmp_path: Path) -> None:
    few = np.zeros((3, 128, 3), np.int8), np.zeros(3, np.int64)
    with pytest.raises(BadInput, match="beat_cnn: 3 windows to train on, expected at least 16"):
        fit_cnn.fit(BeatCnn(), TINY, few, few, tmp_path / "beat_cnn.pt")


def test_order_of_when_there_are_no_shares_then_every_window_is_shown_once() -> None:
    classes = np.zeros(50, np.int64)
    first, second = (order_of(classes, TINY, epoch) for epoch in (0, 1))
    assert sorted(first) == list(range(50))
    assert first.tolist() != second.tolist()
    assert order_of(classes, TINY, 0).tolist() == first.tolist()


def test_order_of_when_classes_have_shares_then_each_is_shown_so_often() -> None:
    classes = np.repeat([0, 1, 2, 3, 4], [960, 10, 10, 10, 10])
    recipe = CnnRecipe(shares=(0.4, 0.2, 0.1, 0.2, 0.1), most_per_epoch=500)
    order = order_of(classes, recipe, 3)
    assert np.bincount(classes[order]).tolist() == [200, 100, 50, 100, 50]
    assert len(set(np.flatnonzero(np.diff(classes[order])))) > 100


def test_order_of_when_a_class_has_a_share_but_no_window_then_one_line_says_so() -> None:
    with pytest.raises(BadInput, match="no windows of class 3 to train on"):
        order_of(np.array([0, 1, 2, 4]), CnnRecipe(shares=(0.2,) * 5), 0)


def test_recipes_when_read_then_shares_and_weights_are_of_five_classes() -> None:
    assert sum(fit_cnn.RHYTHM.shares) == pytest.approx(1.0)
    assert len(fit_cnn.RHYTHM.shares) == len(fit_cnn.RHYTHM.weights) == len(fit_cnn.BEAT.weights) == 5


def test_score_when_it_looks_then_the_network_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    net, other = BeatCnn(), BeatCnn()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    held = np.ones((7, 128, 3), np.int8), np.zeros(7, np.int64)
    assert np.array(fit_cnn.score(net, other.state_dict(), held)["table"]).sum() == 7
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("kind", ["beat_cnn", "rhythm_cnn"])
def test_main_when_data_are_cached_then_a_short_recipe_runs_on_them(
    kind: str, synthetic_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_cnn, "BEAT", CnnRecipe(epochs=1, passes=1, batch=256))
    monkeypatch.setattr(
        fit_cnn, "RHYTHM", CnnRecipe(epochs=1, most_per_epoch=300, batch=64, shares=fit_cnn.RHYTHM.shares)
    )
    path = fit_cnn.main(kind, tmp_path / "runs", Fold(0, 3))
    assert path == tmp_path / "runs" / f"{kind}.pt"
    assert checkpoint.read(path)["epoch"] == 1


def test_loss_of_when_a_beat_is_only_known_not_to_be_s_then_s_alone_costs() -> None:
    y = 9.0 * torch.eye(5)
    costs = [
        float(fit_cnn.loss_of(y[k : k + 1], torch.tensor([NOT_S]), torch.ones(5), 0.0)) for k in range(5)
    ]
    assert costs[1] > 5.0
    assert max(costs[:1] + costs[2:]) < 0.01


def test_loss_of_when_all_classes_are_known_then_it_is_the_mean_cross_entropy() -> None:
    y, c, weights = torch.randn(9, 5), torch.arange(9) % 5, torch.tensor([1.0, 2.0, 1.0, 1.0, 3.0])
    mean = torch.nn.functional.cross_entropy(y, c, weights, label_smoothing=0.1)
    assert float(fit_cnn.loss_of(y, c, weights, 0.1)) == pytest.approx(float(mean), rel=1e-5)


def test_loss_of_rhythm_when_vt_is_taken_for_vf_then_it_costs_little_and_for_another_much() -> None:
    y, weights = 9.0 * torch.eye(5), torch.ones(5)
    cost = {
        (k, c): float(fit_cnn.loss_of_rhythm(y[k : k + 1], torch.tensor([c]), weights, 0.0))
        for k in range(5)
        for c in range(5)
    }
    assert max(cost[k, k] for k in range(5)) < 0.01
    assert cost[2, 3] == pytest.approx(fit_cnn.TELL_VT_FROM_VF * 9.0, abs=0.01)
    assert min(cost[k, 3] for k in (0, 1, 4)) > 8.0


def test_loss_of_rhythm_when_no_window_is_lethal_then_it_is_the_cross_entropy_of_four_classes() -> None:
    y, c = torch.randn(6, 5), torch.tensor([0, 1, 4, 4, 1, 0])
    joined = torch.stack((y[:, 0], y[:, 1], torch.logsumexp(y[:, 2:4], 1), y[:, 4]), 1)
    expected = torch.nn.functional.cross_entropy(joined, torch.tensor([0, 1, 3, 3, 1, 0]))
    assert float(fit_cnn.loss_of_rhythm(y, c, torch.ones(5), 0.0)) == pytest.approx(float(expected), rel=1e-5)
