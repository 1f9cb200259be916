from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from firmware_bridge.types import BadInput
from train import __main__ as train_main
from train import fit

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

ROOT = Path(__file__).resolve().parents[2]


def test_one_thread_when_inside_then_denormals_are_zero_and_afterwards_as_before() -> None:
    tiny = torch.tensor([1e-39])
    n_threads = torch.get_num_threads()
    with fit.one_thread():
        assert torch.get_num_threads() == 1
        assert float(tiny * 0.5) == 0.0
    assert float(tiny * 0.5) > 0.0
    assert torch.get_num_threads() == n_threads


def test_one_thread_when_numpy_asks_for_its_limits_then_it_has_nothing_to_warn_of() -> None:
    code = (
        "import numpy as np\nfrom train.fit import one_thread\n"
        "with one_thread():\n    np.finfo(np.float64), np.finfo(np.float32)\n"
    )
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], cwd=ROOT, check=True)


def test_main_when_the_kind_is_unknown_then_the_known_ones_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        fit.main(["lstm"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert all(kind in said for kind in fit.KINDS)


@pytest.mark.parametrize("kind", fit.KINDS)
def test_main_when_there_is_no_data_then_one_line_says_how_to_get_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HEARTWIRE_DATA", raising=False)
    monkeypatch.setenv("HEARTWIRE_CACHE", str(tmp_path / "cache"))
    words = ["fit", kind, "--runs", str(tmp_path / "runs")]
    assert train_main.main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "HEARTWIRE_DATA is not set" in said


@pytest.mark.parametrize("text", ["3", "3/3", "-1/3", "a/b", "1/0", "/"])
def test_fold_when_it_is_none_then_one_line_says_what_is(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        fit.main(["gru", "--fold", text])
    assert "--fold" in capsys.readouterr().err.splitlines()[-1]


def test_fold_when_it_is_one_then_its_checkpoints_have_a_folder_of_their_own() -> None:
    assert fit.fold("1/3").folder == "fold-1-of-3"
    assert fit.fold("0/1").folder == ""
    assert fit.fold("all") is None


def test_fold_when_it_is_all_then_only_the_gru_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fit.main(["beat_cnn", "--fold", "all"])
    assert "all is for the gru; expected K/N" in capsys.readouterr().err


@pytest.mark.parametrize("together", [True, False])
def test_main_when_several_grus_are_asked_for_then_each_has_its_fold_its_seed_and_its_folder(
    together: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train import fit_gru, fit_gru_together

    got = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(
        fit_gru, "main", lambda out, fold, teachers, seed: got.append(("alone", seed, fold.folder, out))
    )
    monkeypatch.setattr(
        fit_gru_together,
        "main",
        lambda places, device, teachers: got.extend(
            ("together", seed, fold.folder, out) for seed, fold, out in places
        ),
    )
    words = ["gru", "--fold", "all", "--folds", "2", "--seed", "4", "--seeds", "2", "--runs", str(tmp_path)]
    fit.main(words + ["--together"] * together)
    assert got == [
        (
            "together" if together else "alone",
            seed,
            f"fold-{k}-of-2",
            tmp_path / f"seed-{seed}" / f"fold-{k}-of-2",
        )
        for seed in (4, 5)
        for k in (0, 1)
    ]


def test_main_when_one_gru_is_asked_for_then_its_folder_names_no_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train import fit_gru_together, recurrence

    got = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(recurrence, "compiler", lambda: "nvcc")
    monkeypatch.setattr(
        fit_gru_together, "main", lambda places, device, teachers: got.append((places, str(device), teachers))
    )
    fit.main(["gru", "--seed", "3", "--runs", str(tmp_path), "--teachers", "a", "b"])
    assert got == [([(3, fit.Fold(), tmp_path)], "cuda", [Path("a"), Path("b")])]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone is told")
def test_keep_memory_when_told_then_what_was_freed_is_not_fetched_anew() -> None:
    script = (
        "import resource, numpy as np\n"
        "from train.fit import keep_memory\n"
        "{told}\n"
        "np.ones(1_000_003)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(20): np.ones(1_000_003)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    told, untold = (
        int(
            subprocess.run(
                [sys.executable, "-c", script.format(told=word)], cwd=ROOT, capture_output=True, check=True
            ).stdout
        )
        for word in ("keep_memory()", "")
    )
    assert told < 100
    assert told < untold


@pytest.mark.parametrize("text", ["0", "-1", "two", ""])
def test_seeds_when_it_is_no_number_then_one_line_says_what_is(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        fit.main(["fusion", "--seeds", text])
    assert "expected a number of seeds, 1 or more" in capsys.readouterr().err


def test_gru_when_there_is_a_gpu_and_no_compiler_for_it_then_one_line_says_so_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train import fit_gru_together, recurrence

    begun: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(recurrence.shutil, "which", lambda name: None)
    monkeypatch.setattr(fit_gru_together, "main", lambda *given: begun.append(given))
    with pytest.raises(BadInput, match="nvcc"):
        fit.main(["gru", "--fold", "all", "--runs", str(tmp_path)])
    assert not begun
