from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.types import BadInput
from train.augment import Strip
from train.dataset import NOT_S, Fold, Patient

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import checkpoint, fit_gru  # noqa: E402
from train.fit_gru import CONTEXT, Feeder, GruRecipe, make_targets  # noqa: E402
from train.models import GruConfig, GruNet  # noqa: E402

Noises = list[NDArray[np.float32]]
CONFIG = GruConfig()
TINY = GruRecipe(rounds=2, batch=4, strip_s=24.0, lr=0.1)
N = 400


def strip(r: list[float], c: list[int]) -> Strip:
    return Strip(np.zeros(N, np.float32), np.array(r), np.array(c), np.ones(N, np.uint8))


@pytest.fixture(scope="module")
def patients(virtual_patient: Callable[..., Patient]) -> list[Patient]:
    groups = ("ds1", "svdb", "paced", "cinc")
    return [virtual_patient("beats", k, group) for k, group in enumerate(groups)]


def test_make_targets_when_there_are_beats_then_each_head_answers_at_its_delay() -> None:
    qrs, weight, now, before = make_targets(strip([100.4, 220.0], [0, 2]), CONFIG)
    assert np.flatnonzero(qrs).tolist() == [112, 113, 114, 232, 233, 234]
    assert weight[113] == 3.0
    assert weight[[109, 110, 116, 117]].tolist() == [0.0] * 4
    assert weight[[108, 118]].tolist() == [1.0, 1.0]
    assert np.flatnonzero(now == 0).tolist() == list(range(123, 128))
    assert np.flatnonzero(now == 2).tolist() == list(range(243, 248))
    assert np.flatnonzero(before == 0).tolist() == list(range(243, 248))
    assert (now >= 0).sum() == 10
    assert (before >= 0).sum() == 5


def test_make_targets_when_a_beat_is_masked_then_nothing_is_asked_of_it() -> None:
    s = strip([100.0, 220.0], [0, 2])
    s.mask[90:150] = 0
    qrs, weight, now, _ = make_targets(s, CONFIG)
    assert qrs[:200].sum() == 0.0
    assert weight[90:150].sum() == 0.0
    assert (now[:200] == -1).all()
    assert (now >= 0).sum() == 5


def test_make_targets_when_the_beat_before_is_three_seconds_old_then_it_is_not_asked_for() -> None:
    before = make_targets(strip([5.0, 380.0], [0, 2]), CONFIG)[3]
    assert (before == -1).all()


def test_make_targets_when_an_answer_would_lie_behind_the_end_then_it_is_cut() -> None:
    qrs, _, now, _ = make_targets(strip([float(N) - 14.0], [1]), CONFIG)
    assert np.flatnonzero(qrs).tolist() == [N - 2, N - 1]
    assert (now == -1).all()


def test_feeder_when_drawn_with_one_seed_then_batches_are_equal(
    patients: list[Patient], noises: Noises
) -> None:
    feeder = Feeder(TINY, CONFIG, patients, noises)
    one, same, other = feeder.draw(3), feeder.draw(3), feeder.draw(4)
    assert one[0].shape == (4, 3000)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one[0], other[0])


def test_feeder_when_a_share_has_no_patient_then_it_says_which(
    patients: list[Patient], noises: Noises
) -> None:
    with pytest.raises(BadInput, match="no patients to train on in paced, cinc"):
        Feeder(TINY, CONFIG, patients[:2], noises)


def test_class_loss_when_a_beat_is_only_known_not_to_be_s_then_s_alone_costs() -> None:
    def loss(logits: list[float]) -> float:
        weights = torch.ones(5)
        return float(fit_gru.class_loss(torch.tensor([logits]), torch.tensor([NOT_S]), weights))

    sure = [loss([9.0 if k == c else 0.0 for k in range(5)]) for c in range(5)]
    assert sure[1] > 5.0
    assert max(sure[:1] + sure[2:]) < 0.01


def test_class_loss_when_a_beat_is_unknown_then_it_counts_nothing() -> None:
    y = torch.randn(4, 5)
    known = fit_gru.class_loss(y[:2], torch.tensor([0, 3]), torch.ones(5))
    both = fit_gru.class_loss(y, torch.tensor([0, 3, -1, -1]), torch.ones(5))
    assert float(both) == pytest.approx(float(known))


def loss_of(weights: dict[str, torch.Tensor], batch: tuple[torch.Tensor, ...]) -> float:
    net = GruNet(CONFIG)
    net.load_state_dict(weights)
    x, *targets = batch
    with torch.no_grad():
        y, _ = net(torch.nn.functional.pad(x, (CONTEXT, 0)), torch.zeros(1, len(x), CONFIG.n_hidden))
        return float(fit_gru.losses(y, *targets, torch.tensor(TINY.weights)))


def test_fit_when_it_has_run_two_rounds_then_it_has_learned_something(
    patients: list[Patient], noises: Noises, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fit_gru.fit(TINY, CONFIG, patients, patients[:1], noises, tmp_path)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["round"] for row in rows] == [1, 2]
    assert {"se", "ppv", "early_S", "early_V", "final_S", "final_V"} < set(rows[1])
    batch = Feeder(TINY, CONFIG, patients, noises).draw(999)
    saved = checkpoint.read(path)
    fresh = fit_gru.start(TINY, CONFIG).net.state_dict()
    assert loss_of(saved["net"], batch) < 0.9 * loss_of(fresh, batch)
    assert loss_of(saved["ema"], batch) < loss_of(fresh, batch)


def test_fit_when_stopped_and_started_again_then_the_weights_are_bit_for_bit_the_same(
    patients: list[Patient], noises: Noises, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit_gru.fit(TINY, CONFIG, patients, patients[:1], noises, tmp_path / "whole", every=1)

    def stop(self: Feeder, seed: int) -> tuple[torch.Tensor, ...]:
        if seed % 100003 == 1:
            raise KeyboardInterrupt
        return draw(self, seed)

    draw = Feeder.draw
    monkeypatch.setattr(Feeder, "draw", stop)
    with pytest.raises(KeyboardInterrupt):
        fit_gru.fit(TINY, CONFIG, patients, patients[:1], noises, tmp_path, every=1)
    monkeypatch.setattr(Feeder, "draw", draw)
    assert checkpoint.read(tmp_path / "gru.pt")["round"] == 1
    again = fit_gru.fit(TINY, CONFIG, patients, patients[:1], noises, tmp_path, every=1)
    a, b = checkpoint.read(whole), checkpoint.read(again)
    assert a["round"] == b["round"] == 2
    for part in ("net", "ema"):
        assert all(torch.equal(value, b[part][name]) for name, value in a[part].items())


def test_posteriors_when_a_record_is_long_then_its_parts_are_one_pass() -> None:
    net = fit_gru.start(TINY, CONFIG).net
    x = np.random.default_rng(0).normal(0.0, 1.0, (2, 4500)).astype(np.float32)
    with torch.no_grad():
        padded = torch.nn.functional.pad(torch.from_numpy(x), (CONTEXT, 0))
        whole, _ = net(padded, torch.zeros(1, 2, CONFIG.n_hidden))
    parts = fit_gru.posteriors(CONFIG, net.state_dict(), x)
    assert parts.shape == (2, 4500, 11)
    assert np.abs(parts - whole.numpy()).max() < 1e-4


def test_check_when_the_answers_are_known_then_the_rates_are_counted(
    virtual_patient: Callable[..., Patient], monkeypatch: pytest.MonkeyPatch
) -> None:
    n = 40000
    r = np.arange(100.0, n - 200, 100.0)
    c = np.where(np.arange(len(r)) % 4 == 0, 2, 0)
    p = replace(virtual_patient(), x=np.zeros((n, 1), np.float32), r=r, c=c)
    rows = np.full((1, n, 11), -5.0, np.float32)
    at = r.astype(int)
    rows[0, at + CONFIG.qrs_delay, 0] = 5.0
    rows[0, at + CONFIG.class_delay, 1 + c] = 9.0
    rows[0, at[1:] + CONFIG.class_delay, 6 + c[:-1]] = 9.0
    late = np.flatnonzero(r > 37500)
    rows[0, at[late[3]] + CONFIG.qrs_delay, 0] = -5.0
    rows[0, at[late[5]] + 60, 0] = 5.0
    monkeypatch.setattr(fit_gru, "posteriors", lambda config, weights, x: rows)
    got = fit_gru.check(CONFIG, {}, [p])
    assert got["se"] == got["ppv"] == round(100 - 100 / len(late), 2)
    assert got["early_V"] == got["final_V"] == 100.0
    assert got["early_S"] == 0.0


def test_check_when_nothing_is_found_then_it_counts_as_missed(
    virtual_patient: Callable[..., Patient], monkeypatch: pytest.MonkeyPatch
) -> None:
    n = 40000
    p = replace(virtual_patient(), x=np.zeros((n, 1), np.float32), r=np.array([38000.0]), c=np.array([0]))
    nothing = np.full((1, n, 11), -5.0, np.float32)
    monkeypatch.setattr(fit_gru, "posteriors", lambda config, weights, x: nothing)
    assert fit_gru.check(CONFIG, {}, [p])["se"] == 0.0


def test_pick_when_maxima_are_close_then_the_higher_one_stays() -> None:
    logit = np.full(200, -3.0, np.float32)
    logit[[20, 30, 80, 120]] = 1.0, 2.0, -1.0, 4.0
    assert fit_gru.pick(logit).tolist() == [30, 120]
    assert fit_gru.pick(logit, threshold=3.0).tolist() == [120]


def test_main_when_data_are_cached_then_the_shipped_recipe_runs_on_them(
    synthetic_cache: Path, tmp_path: Path
) -> None:
    path = fit_gru.main(tmp_path / "runs", Fold(), rounds=1, batch=2, strip_s=24.0)
    saved = checkpoint.read(path)
    assert saved["round"] == 1
    assert GruConfig(**saved["config"]) == CONFIG


def test_one_round_when_it_walks_through_windows_then_the_state_is_carried(
    patients: list[Patient], noises: Noises
) -> None:
    recipe = replace(TINY, lr=0.0, state_noise=0.0, dropout=0.0)
    training = fit_gru.start(recipe, CONFIG)
    batch = Feeder(recipe, CONFIG, patients, noises).draw(1)
    x, *targets = batch
    with torch.no_grad():
        padded = torch.nn.functional.pad(x, (CONTEXT, 0))
        y, _ = training.net(padded, torch.zeros(1, len(x), CONFIG.n_hidden))
        parts = [
            fit_gru.losses(
                *(v[:, k : k + recipe.window] for v in (y, *targets)), torch.tensor(recipe.weights)
            )
            for k in range(0, x.shape[1], recipe.window)
        ]
    assert fit_gru.one_round(training, batch, recipe) == pytest.approx(
        float(torch.stack(parts).mean()), rel=1e-6
    )
    assert training.done == 1


def test_one_round_when_the_loss_is_no_number_then_it_stops_and_says_what_is_kept(
    patients: list[Patient], noises: Noises
) -> None:
    training = fit_gru.start(TINY, CONFIG)
    batch = Feeder(TINY, CONFIG, patients, noises).draw(1)
    with torch.no_grad():
        training.net.head.bias[0] = torch.nan
    with pytest.raises(BadInput, match="round 1: the loss is nan; the checkpoint before it is kept"):
        fit_gru.one_round(training, batch, TINY)
