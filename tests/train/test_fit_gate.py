from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import fit_gate, splits
from train.fit_gate import (
    AT_BOTH,
    AT_LETHAL,
    MODELS,
    Examples,
    GateRecipe,
    beats,
    called,
    compared,
    features,
    lines,
)
from train.gate_windows import CODE, LETHAL, NAMES, NOISE, SIGNAL, Looks

QUICK = GateRecipe(steps=60, batch=256, lr=0.05, n_thresholds=100, tries=40, tree_least=5)
BUSY, RANGE = NAMES.index("busy"), NAMES.index("range_mv")


def looks(
    source: str, unit: int, busy: float, n: int = 60, rule: float = 0.0, range_mv: float = 1.0
) -> Looks:
    """Looks that differ in how busy they are; the rule calls every `1 / rule`-th noise."""
    rng = np.random.default_rng((int(CODE[source]), unit))
    measures = rng.uniform(0.3, 0.5, (n, len(NAMES)))
    measures[:, BUSY] = busy + rng.normal(0.0, 0.02, n)
    measures[:, RANGE] = range_mv
    noisy = np.arange(n) < rule * n
    truth = np.full(n, CODE[source], np.int8)
    # Patients of all three folds: one of svdb's first nine.
    return Looks(("svdb", splits.SVDB[unit]), f"{source} {unit}", truth, measures, noisy, noisy, np.ones(n))


def made(units: int = 9, rule_on_noise: float = 0.5) -> list[Looks]:
    out = []
    for unit in range(units):
        out.append(looks("em alone", unit, 0.4, rule=rule_on_noise))
        out.append(looks("DS1", unit, 0.1, rule=0.1))
        out.append(looks("VT, vfdb", unit, 0.2, rule=0.1))
        out.append(looks("asystole, vfdb", unit, 0.4, range_mv=0.1))
    return out


def examples(which: list[Looks]) -> Examples:
    data = fit_gate.examples(which, 3)
    assert set(data.fold.tolist()) == {0, 1, 2}
    return data


@pytest.mark.parametrize("model", MODELS)
def test_called_when_one_measure_tells_them_apart_then_every_model_finds_more_than_a_poor_rule(
    model: str,
) -> None:
    which = made()
    found = called(examples(which), model, 3, QUICK)
    for flags in found.values():
        row = compared(which, flags, 200)
        assert row["mean of noise"]["more"]["interval_95"][0] > 40.0
        assert all(row[f"mean of {kind}"]["more"]["percent"] < 8.0 for kind in (SIGNAL, LETHAL))
        assert row["em alone"]["model"]["percent"] > 95.0
        assert row["em alone"]["rule"]["percent"] == 50.0
        # as small as a heart standing still: never noise, however busy
        assert row["asystole, vfdb"]["model"]["percent"] == 0.0


@pytest.mark.parametrize(
    ("noise", "signal", "lethal", "better"),
    [
        ((2.0, 0.5), -0.1, 0.0, True),
        ((2.0, -0.5), -0.1, 0.0, False),
        ((2.0, 0.5), 0.1, 0.0, False),
        ((2.0, 0.5), 0.0, 0.1, False),
    ],
)
def test_beats_when_more_noise_is_found_then_only_for_certain_and_not_at_the_price_of_hearts(
    noise: tuple[float, float], signal: float, lethal: float, better: bool
) -> None:
    each = {"noise": noise, "signal": (signal, -1.0), "lethal": (lethal, -1.0)}
    row = {
        f"mean of {k}": {"more": {"percent": v, "interval_95": [low, 5.0]}} for k, (v, low) in each.items()
    }
    assert beats(row) is better


def test_called_when_the_rule_finds_all_then_no_model_beats_it() -> None:
    which = made(rule_on_noise=1.0)
    row = compared(which, called(examples(which), "logistic regression", 3, QUICK)[AT_BOTH], 200)
    assert not beats(row)
    assert "does not beat the rule" in next(iter(lines({"tree": {AT_BOTH: row}})))


def test_called_when_nothing_tells_them_apart_then_no_more_is_false_on_those_learned_from() -> None:
    which = [
        replace(one, measures=np.random.default_rng(k).uniform(0.3, 1, one.measures.shape))
        for k, one in enumerate(made())
    ]
    data = examples(which)
    score = data.x[:, BUSY]
    everyone = np.ones(len(score), bool)
    for kind in (LETHAL, SIGNAL):
        limit = fit_gate.threshold(data, score, everyone, kind, 500)
        assert 0.0 < data.share(score > limit, kind, everyone) <= data.share(data.rule, kind, everyone)
    found = called(data, "logistic regression", 3, QUICK)
    assert found[AT_BOTH].sum() <= found[AT_LETHAL].sum()
    assert not beats(compared(which, found[AT_BOTH], 200))


def test_threshold_when_there_is_nothing_of_a_kind_then_nothing_is_called_noise() -> None:
    data = examples([looks("em alone", unit, 0.4) for unit in range(9)])
    assert fit_gate.threshold(data, data.x[:, 0], np.ones(len(data.truth), bool), LETHAL, 10) == float("inf")


def test_weights_when_sources_differ_in_size_then_kinds_and_sources_weigh_alike() -> None:
    which = [looks("em alone", 0, 0.4, 10), looks("ma alone", 1, 0.4, 90), looks("DS1", 2, 0.1, 50)]
    data = fit_gate.examples(which, 3)
    weight = data.weights(np.ones(150, bool))
    em, ma, ds1 = (weight[data.truth == CODE[name]].sum() for name in ("em alone", "ma alone", "DS1"))
    assert em == pytest.approx(ma)
    assert em + ma == pytest.approx(ds1)
    assert weight.sum() == pytest.approx(150.0)


def test_features_when_made_then_sizes_are_logarithms_and_the_rest_is_as_it_was() -> None:
    x = np.full((2, len(NAMES)), 0.5)
    found = features(x)
    logs = {name for k, name in enumerate(NAMES) if found[0, k] != 0.5}
    assert logs == set(fit_gate.LOGS)
    assert found[1, RANGE] == pytest.approx(np.log(0.51))
    assert (x == 0.5).all()


def test_main_when_all_data_are_there_then_every_model_is_held_against_the_rule(
    gate_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fit_gate, "GateRecipe", lambda seed: replace(QUICK, seed=seed))
    rows = fit_gate.main(3, seed=2)
    shown = capsys.readouterr().out
    assert set(rows[fit_gate.SEARCHED]) == {AT_BOTH}
    assert shown.count("NoiseLimits(min_range_mv=0.25,") == 3
    for model in MODELS:
        assert set(rows[model]) == {AT_LETHAL, AT_BOTH}
        assert f"{model}, threshold as false as the rule on lethal: " in shown
        assert {f"mean of {kind}" for kind in (NOISE, SIGNAL, LETHAL)} <= set(rows[model][AT_BOTH])
    assert shown.count("  vfdb, labelled NOISE: rule ") == 2 * len(MODELS) + 1
