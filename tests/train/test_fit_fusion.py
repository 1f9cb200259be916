from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.fusion import FUSION_INPUTS, N_INPUTS, BeatEvidence, features

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import checkpoint, fit_fusion, fusion_rows  # noqa: E402
from train.beat_rows import Job, Rows, save  # noqa: E402
from train.dataset import HELD_OUT  # noqa: E402
from train.fit_fusion import FusionRecipe, answers, fit, told  # noqa: E402
from train.fusion_scores import scores, table, weighed  # noqa: E402

TINY = FusionRecipe(steps=60, batch=12, beats=40, lr=2e-2, ema=0.9)


def rows_of(patient: str, seed: int, group: str = "ds1", fold: int = 0, n: int = 120) -> Rows:
    """Beats whose class can be read from the GRU's five features, scaled as log-probabilities are."""
    rng = np.random.default_rng(seed)
    c = rng.integers(0, 5, n)
    x = rng.normal(-2.0, 1.0, (n, N_INPUTS)).astype(np.float32)
    x[np.arange(n), c] += 4.0
    x[:, FUSION_INPUTS.index("nothing")] = 0.0
    return Rows(patient, group, 0, fold, x, c, 280.0 + np.arange(n))


@pytest.fixture(scope="module")
def rows() -> list[Rows]:
    groups = ("ds1", "svdb", "ds1", "svdb", "paced", "cinc")
    return [rows_of(f"p{k}", k, groups[k % 6], k % 3) for k in range(12)]


def test_fit_when_the_features_tell_the_class_then_an_unseen_patient_is_told_too(rows: list[Rows]) -> None:
    net = fit(rows, TINY)
    new = rows_of("new", 77)
    for probs in answers(net, new):
        assert np.allclose(probs.sum(1), 1.0, atol=1e-5)
        assert table([probs], [new]).trace() > 0.75 * (new.at_s >= 300.0).sum()


def test_fit_when_the_seed_is_the_same_then_so_are_the_weights(rows: list[Rows]) -> None:
    recipe = replace(TINY, steps=5)
    a, b, other = (fit(rows, r).state_dict() for r in (recipe, recipe, replace(recipe, seed=2)))
    assert all(torch.equal(value, b[name]) for name, value in a.items())
    assert not torch.equal(a["mix.weight"], other["mix.weight"])


def test_fit_when_a_feature_stands_still_then_its_spread_is_not_zero(rows: list[Rows]) -> None:
    net = fit(rows, replace(TINY, steps=1))
    assert float(net.spread.min()) == pytest.approx(0.1)


def test_answers_when_cut_short_then_the_beats_before_are_told_the_same(rows: list[Rows]) -> None:
    net, long = fit(rows, replace(TINY, steps=3)), rows_of("new", 5)
    short = replace(long, x=long.x[:50], c=long.c[:50], at_s=long.at_s[:50])
    early, final = answers(net, long)
    early_short, final_short = answers(net, short)
    assert np.abs(early[:50] - early_short).max() < 1e-5
    assert np.abs(final[:49] - final_short[:49]).max() < 1e-5


def test_begin_cold_when_applied_then_the_rows_are_those_that_a_first_beat_has(rows: list[Rows]) -> None:
    x = np.full((8, N_INPUTS), 0.5, np.float32)
    fit_fusion.begin_cold(x)
    unknown = BeatEvidence(
        gru=np.zeros(5, np.float32),
        gru_before=np.zeros(5, np.float32),
        cnn=np.zeros(5, np.float32),
        rr_s=None,
        rr_last_s=None,
        rr_mean_s=None,
        rr_long_s=None,
        rr_spread=0.0,
        irregular=None,
        amp_ratio=1.0,
        likeness=None,
        sqi=0.5,
    )
    first = features(unknown)
    same = [
        k
        for k, name in enumerate(FUSION_INPUTS)
        if not name.startswith(("gru_N", "gru_S", "gru_V", "gru_F", "gru_Q", "cnn", "nothing"))
    ]
    assert np.allclose(x[0, same], first[same])
    assert (x[6:] == 0.5).all()


def test_told_when_folds_are_fitted_then_nobody_is_answered_by_a_net_that_saw_them(
    rows: list[Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []

    def fit_and_remember(chosen: list[Rows], recipe: FusionRecipe, teachers: list[int]) -> int:
        assert not teachers
        seen.append({r.patient for r in chosen})
        return len(seen) - 1

    def check_and_answer(net: int, shown: Rows) -> tuple[np.ndarray, np.ndarray]:
        assert shown.patient not in seen[net]
        even = np.full((len(shown.c), 5), 0.2, np.float32)
        return even, even

    monkeypatch.setattr(fit_fusion, "fit", fit_and_remember)
    monkeypatch.setattr(fit_fusion, "answers", check_and_answer)
    nets = fit_fusion.fit_all(rows, [], TINY, 3, 1)
    assert seen[-1] == {r.patient for r in rows}
    shown, answered = told(nets, rows)
    assert sorted(r.patient for r in shown) == sorted(r.patient for r in rows if r.group != "cinc")
    results = scores(shown, answered)
    assert set(results) == {"early", "final"}
    assert set(results["final"]) == {"all", "mitdb", "svdb", "ece"}


def test_weigh_when_a_net_is_weighed_then_its_probabilities_are(rows: list[Rows]) -> None:
    net = fit(rows, replace(TINY, steps=2))
    before = answers(net, rows[0])
    fit_fusion.weigh(net, (1.5, 0.25))
    for a, b in zip(before, answers(net, rows[0]), strict=True):
        assert np.abs(weighed(a, (1.5, 0.25)) - b).max() < 1e-5


def test_factors_of_when_a_folds_labels_change_then_its_own_factors_stay(rows: list[Rows]) -> None:
    """Every answer says V at 0.4 beside N at 0.5: whoever's beats are V wants a larger factor, the others do not."""
    probs = np.tile(np.array([0.5, 0.05, 0.4, 0.025, 0.025], np.float32), (120, 1))
    at_s = 300.0 + np.arange(120)

    def factors(first: int) -> list[tuple[float, float]]:
        of_fold = [first, 0, 0]
        shown = [replace(rows[k], fold=k, c=np.full(120, of_fold[k]), at_s=at_s) for k in range(3)]
        return fit_fusion.factors_of(shown, [(probs, probs)] * 3, 3)

    all_n, v_in_fold_0 = factors(0), factors(2)
    assert len(all_n) == 4
    assert all_n[0] == v_in_fold_0[0]
    assert v_in_fold_0[1][1] >= 1.5
    assert v_in_fold_0[3][1] >= 1.5


def test_fit_all_when_spread_over_processes_then_the_nets_are_the_same(rows: list[Rows]) -> None:
    recipe = replace(TINY, steps=2, taught_by=1)
    alone = [net.state_dict() for net in fit_fusion.fit_all(rows[:8], rows[8:], recipe, 2, 1)]
    spread = [net.state_dict() for net in fit_fusion.fit_all(rows[:8], rows[8:], recipe, 2, 2)]
    for a, b in zip(alone, spread, strict=True):
        assert all(torch.allclose(value, b[name], atol=1e-6) for name, value in a.items())


@pytest.fixture
def recorded(rows: list[Rows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows of three folds, kept; their patients lie in mitdb and svdb."""
    kept = [replace(r, patient=f"{'svdb' if k % 2 else 'mitdb'}/{r.patient}") for k, r in enumerate(rows)]
    for k in range(3):
        (tmp_path / f"fold-{k}-of-3").mkdir()
        save([r for r in kept if r.fold == k], tmp_path / f"fold-{k}-of-3" / "beat_rows.npz", "these")
    job = Job("mitdb", "101", "ds1", 0, 0, "networks")
    monkeypatch.setattr(fusion_rows, "jobs_of", lambda runs, fold, fusions=None: [job])
    monkeypatch.setattr(fusion_rows, "mark_of_job", lambda job: "these")
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    return tmp_path


def test_main_when_folds_are_recorded_then_each_checkpoint_says_who_it_is_from(
    recorded: Path, rows: list[Rows], capsys: pytest.CaptureFixture[str]
) -> None:
    saved = checkpoint.read(fit_fusion.main(recorded, 3, 1, steps=2, batch=4, beats=20))
    everyone = {r.patient for r in rows if r.group != "cinc"}
    assert {p.split("/")[1] for names in saved["patients"].values() for p in names} == everyone
    assert "3 folds" in saved["rows"]
    assert set(json.loads(capsys.readouterr().out)) == {"factors", "early", "final"}
    net = fit_fusion.FusionNet(FusionRecipe())
    net.load_state_dict(saved["net"])
    assert set(saved["factors"]) == {"S", "V"}
    for k in range(3):
        of_fold = checkpoint.read(recorded / f"fold-{k}-of-3" / "fusion.pt")
        known = {p.split("/")[1] for names in of_fold["patients"].values() for p in names}
        assert known == everyone - {r.patient for r in rows if r.fold == k}


def test_main_when_the_recipe_has_factors_then_every_fold_has_them(recorded: Path) -> None:
    path = fit_fusion.main(recorded, 3, 1, steps=2, batch=4, beats=20, factors=(1.5, 0.5))
    for folder in (path.parent, *(path.parent / f"fold-{k}-of-3" for k in range(3))):
        assert checkpoint.read(folder / "fusion.pt")["factors"] == {"S": 1.5, "V": 0.5}


def test_batch_of_when_opinions_are_moved_then_alike_for_all_beats_of_a_stretch(rows: list[Rows]) -> None:
    """Without noise and at one scale what is left between a moved stretch and its beats is one offset a class."""
    still = replace(TINY, log_prob_noise=0.0, cold_starts=0.0, stretch=0.0, batch=1, beats=120, moved=2.0)
    alone = [replace(rows[0], x=np.zeros_like(rows[0].x))]
    x = fit_fusion.batch_of(np.random.default_rng(1), alone, still)[0][0].numpy()
    assert (x[:, :10] == x[0, :10]).all()
    assert np.abs(x[0, :10]).max() > 0.5
    assert not x[:, 10:].any()  # nothing was said of the beat before: nothing is moved


def test_main_when_other_networks_are_named_then_their_patients_teach_and_none_is_scored(
    recorded: Path, rows: list[Rows], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = recorded / "seed-2"
    for k in range(3):
        (other / f"fold-{k}-of-3").mkdir(parents=True)
        moved = [replace(r, x=r.x + 1.0, patient=f"mitdb/{r.patient}") for r in rows if r.fold == k]
        save(moved, other / f"fold-{k}-of-3" / "beat_rows.npz", "these")
    learned: list[int] = []
    true_fit = fit_fusion.fit

    def count(
        chosen: list[Rows], recipe: FusionRecipe, teachers: list[fit_fusion.FusionNet]
    ) -> fit_fusion.FusionNet:
        learned.append(len(chosen))
        return true_fit(chosen, recipe, teachers)

    monkeypatch.setattr(fit_fusion, "fit", count)
    path = fit_fusion.main(recorded, 3, 1, also=[other], seeds=2, steps=2, batch=4, beats=20)
    assert learned[-1] == 2 * len(rows)
    assert len(learned) == 2 * 4
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(line) for line in lines[:2]] == [
        {"factors", "early", "final"},
        {"seed", "factors", "early", "final"},
    ]
    assert lines[1]["seed"] == 2
    saved = checkpoint.read(path)
    assert saved["results"]["F1 of 2 seeds, mean and standard deviation"] == lines[2]
    assert saved["recipe"]["seed"] == 1


def test_fit_when_taught_then_it_says_more_of_what_its_teachers_say(rows: list[Rows]) -> None:
    """The teachers know nothing but V, the labels everything: their pupil is drawn to V."""
    teachers = [fit(rows, replace(TINY, steps=2, seed=seed)) for seed in (1, 2)]
    with torch.no_grad():
        for teacher in teachers:
            teacher.out.weight.zero_()
            teacher.out.bias.copy_(torch.tensor([0.0, 0.0, 9.0, 0.0, 0.0] * 2))
    alone, taught = fit(rows, TINY), fit(rows, TINY, teachers)
    for said, and_taught in zip(answers(alone, rows[0]), answers(taught, rows[0]), strict=True):
        assert and_taught[:, 2].mean() > said[:, 2].mean() + 0.2


def test_fit_with_teachers_when_there_are_more_rows_then_the_pupil_alone_hears_them(
    rows: list[Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int, list[object]]] = []

    def remember(chosen: list[Rows], recipe: FusionRecipe, teachers: tuple[object, ...] = ()) -> int:
        heard.append((len(chosen), recipe.seed, list(teachers)))
        return len(heard)

    monkeypatch.setattr(fit_fusion, "fit", remember)
    fit_fusion.fit_with_teachers(rows[:8], rows[8:], replace(TINY, seed=7, taught_by=2))
    assert heard == [(8, 1, []), (8, 2, []), (12, 7, [1, 2])]


def test_main_when_taught_and_rows_of_others_are_recorded_in_place_then_the_command_says_so(
    recorded: Path, rows: list[Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path | None]] = []

    def rows_of(runs: Path, n_folds: int, n_processes: int, in_place: Path | None = None) -> list[Rows]:
        asked.append((runs.name, in_place))
        return rows

    monkeypatch.setattr(fit_fusion, "rows_of_folds", rows_of)
    changes = {"steps": 2, "batch": 4, "beats": 20, "taught_by": 1, "factors": (1.5, 0.35)}
    path = fit_fusion.main(recorded, 3, 1, also=[Path("other")], in_place=Path("folds"), **changes)
    saved = checkpoint.read(path)
    assert saved["command"].endswith("fusion --also other --in-place folds --taught-by 1 --factors 1.5 0.35")
    assert saved["recipe"]["taught_by"] == 1
    assert asked == [(recorded.name, None), ("other", Path("folds"))]


def test_main_when_one_set_of_networks_is_listened_to_then_strangers_are_told_from_the_known(
    synthetic_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Job] = []

    def record(jobs: list[Job], path: Path, n_processes: int) -> list[Rows]:
        seen.extend(jobs)
        return [
            replace(rows_of(f"{j.database}/{j.record}", k, j.group, j.fold, 60), lead=j.lead)
            for k, j in enumerate(jobs)
        ]

    monkeypatch.setattr(fusion_rows, "record_all", record)
    monkeypatch.setattr(fusion_rows, "mark_of", lambda artefacts: "these")
    path = fit_fusion.main(tmp_path, 3, 1, tmp_path / "networks", steps=2, batch=4, beats=20)
    saved = checkpoint.read(path)
    held = {f"{d}/{n}" for d in ("mitdb", "svdb") for n in HELD_OUT[d]}
    assert set(saved["patients"]["stranger"]) == held
    assert not held & set(saved["patients"]["known"])
    assert {(j.database, j.record) for j in seen if j.fold >= 0} == {tuple(name.split("/")) for name in held}
    assert all(j.lead == 0 for j in seen if j.fold < 0)
