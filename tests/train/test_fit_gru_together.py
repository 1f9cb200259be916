from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.types import BadInput
from train.dataset import NOT_S, Fold, Patient

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import checkpoint, fit_gru, fit_gru_together  # noqa: E402
from train.fit_gru import GruRecipe  # noqa: E402
from train.fit_gru_together import Learner  # noqa: E402
from train.models import GruConfig, GruNet  # noqa: E402

Noises = list[NDArray[np.float32]]
CONFIG = GruConfig()
CPU = torch.device("cpu")
TINY = GruRecipe(rounds=2, batch=4, strip_s=12.0)


@pytest.fixture(scope="module")
def patients(virtual_patient: Callable[..., Patient]) -> list[Patient]:
    groups = ("ds1", "svdb", "paced", "cinc")
    return [virtual_patient("beats", k, group) for k, group in enumerate(groups)]


@pytest.fixture
def learners(patients: list[Patient], tmp_path: Path) -> list[Learner]:
    """Two seeds; each has somebody else of svdb held out, the last one nobody."""
    names = ("one", "two")
    held_out: list[list[Patient]] = [[patients[1]], []]
    return [
        Learner(name, 3 + k, patients, held, tmp_path / name)
        for k, (name, held) in enumerate(zip(names, held_out, strict=True))
    ]


def together(recipe: GruRecipe, learners: list[Learner], noises: Noises, every: int = 8) -> list[Path]:
    return fit_gru_together.fit(recipe, CONFIG, learners, noises, CPU, 2, every)


def alone(recipe: GruRecipe, learner: Learner, noises: Noises, out: Path) -> Path:
    return fit_gru.fit(
        replace(recipe, seed=learner.seed), CONFIG, learner.patients, learner.held_out, noises, out
    )


def farthest(one: Path, other: Path) -> float:
    a, b = checkpoint.read(one), checkpoint.read(other)
    assert a.keys() == b.keys()
    assert a["recipe"] == b["recipe"]
    assert a["round"] == b["round"]
    assert torch.equal(a["rng"], b["rng"])
    assert a["schedule"] == b["schedule"]
    assert a["optimiser"]["param_groups"] == b["optimiser"]["param_groups"]
    moments = [saved["optimiser"]["state"] for saved in (a, b)]
    assert [s["step"] for s in moments[0].values()] == [s["step"] for s in moments[1].values()]
    pairs = [(value, b[part][name]) for part in ("net", "ema") for name, value in a[part].items()]
    pairs += [
        (s[key], t[key])
        for s, t in zip(moments[0].values(), moments[1].values(), strict=True)
        for key in ("exp_avg", "exp_avg_sq")
    ]
    assert all(x.shape == y.shape for x, y in pairs)
    return max(float((x - y).abs().max()) for x, y in pairs)


def test_fit_when_networks_train_together_then_each_is_as_if_trained_alone(
    learners: list[Learner], noises: Noises, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = together(TINY, learners, noises)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for learner, path in zip(learners, paths, strict=True):
        single = alone(TINY, learner, noises, tmp_path / "alone" / learner.name)
        assert path == learner.out / "gru.pt"
        assert farthest(path, single) < 1e-4
        of_single = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        of_group = [row for row in rows if row["network"] == learner.name]
        for a, b in zip(of_group, of_single, strict=True):
            assert a["round"] == b["round"]
            assert a["loss"] == pytest.approx(b["loss"], abs=2e-3)
            assert set(a) - {"network"} == set(b)


def test_fit_when_a_single_training_was_stopped_then_the_group_goes_on_from_it_and_the_others_catch_up(
    learners: list[Learner],
    noises: Noises,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(self: fit_gru.Feeder, seed: int) -> tuple[torch.Tensor, ...]:
        if seed % 100003 == 1:
            raise KeyboardInterrupt
        return draw(self, seed)

    draw = fit_gru.Feeder.draw
    monkeypatch.setattr(fit_gru.Feeder, "draw", stop)
    first = replace(TINY, seed=learners[0].seed)
    with pytest.raises(KeyboardInterrupt):
        fit_gru.fit(first, CONFIG, learners[0].patients, [], noises, learners[0].out, every=1)
    monkeypatch.setattr(fit_gru.Feeder, "draw", draw)
    capsys.readouterr()
    paths = together(TINY, learners, noises)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["network"], row["round"]) for row in rows] == [("two", 1), ("one", 2), ("two", 2)]
    for learner, path in zip(learners, paths, strict=True):
        assert farthest(path, alone(TINY, learner, noises, tmp_path / "alone" / learner.name)) < 1e-4
    together(TINY, learners, noises)
    capsys.readouterr()
    assert checkpoint.read(paths[0])["round"] == 2


def test_fit_when_a_loss_is_no_number_then_it_says_so_and_keeps_the_checkpoints(
    learners: list[Learner], noises: Noises
) -> None:
    paths = together(replace(TINY, rounds=1), learners[:1], noises)
    kept = paths[0].read_bytes()
    saved = checkpoint.read(paths[0])
    saved["recipe"]["rounds"] = 2
    saved["net"]["head.bias"][0] = float("nan")
    checkpoint.write(saved, paths[0])
    with pytest.raises(
        BadInput, match=r"round 2: the losses are \[nan\]; the checkpoints before it are kept"
    ):
        together(TINY, learners[:1], noises)
    assert checkpoint.read(paths[0])["round"] == 1
    assert kept


def test_losses_when_targets_are_of_every_kind_then_each_network_has_what_it_has_alone() -> None:
    torch.manual_seed(0)
    y = torch.randn(3, 4, 50, 11)
    qrs, weight = torch.randint(0, 2, (3, 4, 50)), torch.randint(0, 4, (3, 4, 50))
    now, before = torch.randint(-1, NOT_S + 1, (2, 3, 4, 50))
    now[2], before[2], weight[2] = -1, -1, 0
    targets = [t.to(torch.int8) for t in (qrs, weight, now, before)]
    weights = torch.tensor(TINY.weights)
    got = fit_gru_together.losses(y, *targets, weights)
    for m in range(3):
        alone = fit_gru.losses(y[m], qrs[m].float(), weight[m].float(), now[m], before[m], weights)
        assert float(got[m]) == pytest.approx(float(alone), rel=1e-5)
    assert float(got[2]) == 0.0


def test_look_when_leads_differ_in_number_and_length_then_each_is_judged_as_alone(
    patients: list[Patient], learners: list[Learner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_gru_together, "STRETCH", 3000)
    monkeypatch.setattr(fit_gru, "LEARNING_S", 10.0)
    short = replace(patients[2], x=patients[2].x[:5000])
    who = [replace(learners[0], held_out=patients[:2]), replace(learners[1], held_out=[short])]
    trainings = [fit_gru.start(replace(TINY, seed=w.seed), CONFIG) for w in who]
    group = fit_gru_together.Group(trainings, [torch.Generator(), torch.Generator()], TINY, CPU)
    expected = [fit_gru.check(CONFIG, t.ema, w.held_out) for t, w in zip(trainings, who, strict=True)]
    assert group.look(who) == expected


def test_main_when_folds_and_seeds_are_given_then_patients_and_places_are_theirs(
    patients: list[Patient], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, noises: Noises
) -> None:
    asked: list[list[Learner]] = []

    def fit(recipe: GruRecipe, config: GruConfig, learners: list[Learner], *rest: object) -> list[Path]:
        asked.append(learners)
        return []

    monkeypatch.setattr(
        fit_gru_together, "people", lambda fold: (patients[: 2 + fold.k], patients[2 + fold.k :])
    )
    monkeypatch.setattr(fit_gru_together, "load_noise", lambda: noises)
    monkeypatch.setattr(fit_gru_together, "fit", fit)
    places = [(s, Fold(k, 3), tmp_path / f"{s}-{k}") for s in (1, 2) for k in (0, 1)]
    fit_gru_together.main(places, CPU)
    assert [(w.name, w.seed, len(w.patients), len(w.held_out), w.out.name) for w in asked[0]] == [
        ("seed 1 fold-0-of-3", 1, 2, 2, "1-0"),
        ("seed 1 fold-1-of-3", 1, 3, 1, "1-1"),
        ("seed 2 fold-0-of-3", 2, 2, 2, "2-0"),
        ("seed 2 fold-1-of-3", 2, 3, 1, "2-1"),
    ]


def farthest_weight(one: Path, other: Path) -> float:
    a, b = (checkpoint.read(path)["net"] for path in (one, other))
    return max(float((value - b[name]).abs().max()) for name, value in a.items())


def test_fit_when_networks_have_teachers_then_each_is_as_if_taught_alone(
    learners: list[Learner], noises: Noises, tmp_path: Path
) -> None:
    others = [
        [fit_gru.with_weights(CONFIG, GruNet(CONFIG).state_dict()).state_dict() for _ in range(2)]
        for _ in learners
    ]
    taught = [replace(p, taught_by=those) for p, those in zip(learners, others, strict=True)]
    for learner, path in zip(taught, together(TINY, taught, noises), strict=True):
        single = fit_gru.fit(
            replace(TINY, seed=learner.seed),
            CONFIG,
            learner.patients,
            [],
            noises,
            tmp_path / "alone" / learner.name,
            taught_by=learner.taught_by,
        )
        assert farthest(path, single) < 1e-4
        assert checkpoint.read(path)["recipe"]["teachers"] == 2
        plain = alone(TINY, learner, noises, tmp_path / "plain" / learner.name)
        apart = farthest(path, single), farthest_weight(single, plain)
        assert apart[1] > 20 * apart[0]
