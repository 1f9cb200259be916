from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.af import LEAST
from edge.rhythm import VT_BEATS, RhythmStage
from edge.types import RHYTHMS, Beat, Rhythm, RPeak


class Judge:
    """Says one thing of any intervals, once there are enough, and keeps the last it was shown."""

    def __init__(self, logit: float) -> None:
        self._logit = logit
        self.shown: list[float] = []

    def logit(self, rr_s: list[float]) -> float | None:
        self.shown = rr_s
        return self._logit if len(rr_s) >= LEAST else None


SURE_AF = Judge(30.0)
NEVER_AF = Judge(-30.0)
FS = 250


def _window(**p: float) -> np.ndarray:
    """Probabilities in the order of the rhythms; what is left over is sinus."""
    x = np.array([p.get(name, 0.0) for name in RHYTHMS], np.float32)
    x[0] += 1.0 - x.sum()
    return x


def _beat(k: int, aami: str = "N", rr_s: float | None = 0.8, sure: float = 0.95) -> Beat:
    probs = [(1.0 - sure) / 4] * 5
    probs["NSVFQ".index(aami)] = sure
    peak = RPeak(int(k * FS * (rr_s or 0.8)), 1.0, 1.0)
    return Beat(k, peak, rr_s, aami, tuple(probs), 1.0, True, False, True, peak.sample + 60)


def _after(stage: RhythmStage, windows: list[np.ndarray], readable: bool = True) -> list[Rhythm]:
    return [r for at, w in enumerate(windows) for r in stage.on_window(w, at * FS, readable)]


def _with_beats(judge: Judge, *beats: Beat) -> RhythmStage:
    stage = RhythmStage(judge)
    for beat in beats:
        stage.on_beat(beat)
    return stage


def test_label_when_normal_beats_come_then_sinus_told_once() -> None:
    stage = _with_beats(NEVER_AF, *(_beat(k) for k in range(10)))
    (told,) = _after(stage, [_window()] * 5)
    assert (told.label, told.since, told.at) == ("sinus", 0, 0)
    assert stage.label == "sinus"


def test_label_when_no_beats_yet_then_nothing_is_told() -> None:
    assert _after(_with_beats(NEVER_AF, _beat(0)), [_window()] * 5) == []


def test_label_when_most_beats_are_ectopic_then_other() -> None:
    beats = [_beat(k, "SN"[k % 2], 0.8) for k in range(10)]
    assert _after(_with_beats(NEVER_AF, *beats), [_window()])[-1].label == "other"


def test_label_when_windows_fibrillate_then_vf_and_not_for_one_window_alone() -> None:
    stage = _with_beats(NEVER_AF, *(_beat(k) for k in range(10)))
    _after(stage, [_window()] * 8)
    assert _after(stage, [_window(vf=1.0)]) == []
    assert stage.vf_prob == 1.0
    assert [r.label for r in _after(stage, [_window(vf=1.0)] * 3)] == ["vf"]
    assert [r.label for r in _after(stage, [_window()] * 12)] == ["sinus"]


def test_label_when_ventricular_beats_run_then_vt() -> None:
    slow = [_beat(k, "V", 0.7) for k in range(VT_BEATS)]
    fast = [_beat(k, "V", 0.4) for k in range(VT_BEATS)]
    assert _after(_with_beats(NEVER_AF, *slow), [_window()])[-1].label == "other"
    stage = _with_beats(NEVER_AF, *fast)
    assert [r.label for r in _after(stage, [_window()] * 6)] == ["vt", "other"]


def test_label_when_signal_cannot_be_read_then_noise_but_never_over_vf() -> None:
    stage = _with_beats(NEVER_AF, *(_beat(k) for k in range(10)))
    assert _after(stage, [_window()], readable=False)[-1].label == "noise"
    assert _after(stage, [_window(vf=1.0)] * 6, readable=False)[-1].label == "vf"


@pytest.mark.parametrize(("n", "label"), [(LEAST - 1, "sinus"), (LEAST, "af")])
def test_label_when_intervals_and_window_say_af_then_af_from_enough_beats(n: int, label: str) -> None:
    stage = _with_beats(SURE_AF, *(_beat(k, rr_s=0.6 + 0.3 * (k % 3)) for k in range(n)))
    assert _after(stage, [_window(af=0.9)] * 3)[-1].label == label


def test_label_when_intervals_are_of_ventricular_beats_then_they_do_not_count_for_af() -> None:
    beats = [_beat(k, "V" if k % 4 == 0 else "N", 0.7 + 0.01 * (k % 4)) for k in range(28)]
    judge = Judge(30.0)
    assert _after(_with_beats(judge, *beats), [_window(af=0.9)] * 3)[-1].label == "sinus"
    assert len(judge.shown) == 21
    assert 0.7 not in judge.shown


def test_label_when_sure_intervals_and_the_waveform_disagree_then_the_intervals_decide() -> None:
    beats = [_beat(k, rr_s=0.6 + 0.3 * (k % 3)) for k in range(LEAST)]
    assert _after(_with_beats(SURE_AF, *beats), [_window(af=0.2)] * 3)[-1].label == "af"
    assert _after(_with_beats(NEVER_AF, *beats), [_window(af=0.95)] * 3)[-1].label == "sinus"


def test_unknown_when_signal_is_lost_then_told_once_and_nothing_is_remembered() -> None:
    stage = _with_beats(NEVER_AF, *(_beat(k) for k in range(10)))
    _after(stage, [_window(vf=0.4)] * 3)
    assert [r.label for r in stage.unknown(1000)] == ["unknown"]
    assert stage.unknown(1001) == []
    assert (stage.vf_prob, stage.vt_prob, stage.noise_prob) == (0.0, 0.0, 0.0)
    assert _after(stage, [_window()] * 3) == []


def _seen(*beats: Beat) -> RhythmStage:
    """A window that the CNN takes for VT rather than fibrillation, after these beats."""
    stage = _with_beats(NEVER_AF, *beats)
    stage.on_window(_window(vt=0.7, vf=0.2), beats[-1].r_peak.sample if beats else 0, True)
    return stage


def test_evidence_when_cnn_says_vt_and_no_beat_explains_it_then_it_counts_as_fibrillation() -> None:
    assert _seen().vf_evidence(0) == pytest.approx(0.9)
    assert _seen(_beat(0), _beat(1)).vf_evidence(200) == pytest.approx(0.9)


def test_evidence_when_ordinary_beats_explain_the_wave_then_only_while_they_are_new() -> None:
    stage = _seen(*(_beat(k) for k in range(3)))
    assert stage.vf_evidence(400) == pytest.approx(0.2)
    assert stage.vf_evidence(4 * FS + 1) == pytest.approx(0.9)


def test_evidence_when_beats_are_n_or_s_in_doubt_then_they_explain_the_wave_all_the_same() -> None:
    doubtful = [replace(_beat(k, "S"), probs=(0.47, 0.5, 0.01, 0.01, 0.01)) for k in range(3)]
    assert _seen(*doubtful).vf_evidence(400) == pytest.approx(0.2)
    fused = [replace(_beat(k, "S"), probs=(0.1, 0.5, 0.3, 0.05, 0.05)) for k in range(3)]
    assert _seen(*fused).vf_evidence(400) == pytest.approx(0.9)


def test_evidence_when_a_ventricular_run_has_ended_then_it_explains_nothing_any_more() -> None:
    stage = _seen(*(_beat(k, "V", 0.4) for k in range(VT_BEATS)))
    last = int((VT_BEATS - 1) * 0.4 * FS)
    assert stage.vf_evidence(last + int(1.5 * FS)) == pytest.approx(0.2)
    assert stage.vf_evidence(last + int(1.5 * FS) + 1) == pytest.approx(0.9)
