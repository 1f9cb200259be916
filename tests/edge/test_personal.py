from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edge.fusion import FUSION_INPUTS, N_INPUTS
from edge.personal import FIRST_S, INPUTS, LEAST_BEATS, MOST, MOST_BEATS, N_PHI, Personal, corrected, inputs
from edge.types import AAMI, Beat, Command, Note, RPeak, Status
from firmware_bridge.types import BadInput

STATUS = Status(70.0, None, "sinus", 1.0, False, 850.0, None, 0.0, 0, False, 0)
SHAPE = FUSION_INPUTS.index("qrs_residual")
TICK_S = 0.2


def _row(odd: bool) -> np.ndarray:
    """Features of a beat that looks like the usual one, or of an odd one."""
    row = np.zeros(N_INPUTS, np.float32)
    for name, mean, _ in INPUTS:
        row[FUSION_INPUTS.index(name)] = mean
    row[SHAPE] += 2.5 * odd
    return row


def _beat(id_: int, aami: str, p: float = 0.8, **more: bool) -> Beat:
    """An early answer: `aami` with probability p, the rest even."""
    probs = [p if c == aami else (1.0 - p) / 4.0 for c in AAMI]
    circumstances = {"final": False, "warming": False, "readable": True, **more}
    return Beat(
        id_, RPeak(200 * id_, 1.0, 0.9), 0.8, aami, tuple(probs), 1.0, at=200 * id_ + 50, **circumstances
    )  # type: ignore[arg-type]


class Bedside:
    """Gives a patient's beats to a `Personal`, one each 0.8 s, and lets time pass."""

    def __init__(self, mode: str) -> None:
        self.personal = Personal(mode)
        self.n = 0
        self.notes: list[Note] = []

    def beat(self, aami: str = "N", odd: bool = False, p: float = 0.8, **more: bool) -> tuple[Beat, Beat]:
        """Both answers about one more beat."""
        early = _beat(self.n, aami, p, **more)
        self.n += 1
        out = (
            self.personal.early(early, _row(odd)),
            self.personal.final(dataclasses.replace(early, final=True)),
        )
        self.wait(0.8)
        return out

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.notes += self.personal.tick(TICK_S, 200 * self.n)

    def label(self, id_: int, aami: str) -> Note:
        return self.personal.label(Command("label", aami, "Ana", beat=id_), 7)


def test_inputs_when_all_is_usual_then_a_one_and_zeros_and_nothing_is_ever_far() -> None:
    phi = inputs(_row(False))
    assert phi.shape == (N_PHI,)
    assert phi[0] == 1.0
    assert phi[1:] == pytest.approx(np.zeros(N_PHI - 1), abs=1e-6)
    wild = inputs(np.full(N_INPUTS, 6.0, np.float32))
    assert np.abs(wild).max() <= 4.0


def test_corrected_when_weights_are_huge_then_odds_move_by_the_stated_factor_and_no_more() -> None:
    w = np.zeros((N_PHI, 5))
    w[0] = [100.0, 0.0, -100.0, 0.0, 0.0]
    for p_v in (0.5, 0.9, 0.997):
        p = np.array([1.0 - p_v, 0.0, p_v, 0.0, 0.0]) + 1e-12
        out = corrected(np.log(p), inputs(_row(False)), w)
        assert out.sum() == pytest.approx(1.0)
        assert (out[0] / out[2]) / (p[0] / p[2]) == pytest.approx(np.exp(2 * MOST), rel=1e-6)
    sure = np.array([0.0024, 0.0, 0.9976, 0.0, 0.0]) + 1e-12
    assert corrected(np.log(sure), inputs(_row(False)), w).argmax() == AAMI.index("V")


def test_off_when_beats_come_then_they_go_as_they_are_and_nothing_is_kept() -> None:
    bed = Bedside("off")
    early, final = bed.beat()
    assert (early, final) == (_beat(0, "N"), dataclasses.replace(_beat(0, "N"), final=True))
    assert bed.personal.status(STATUS) is STATUS
    assert bed.notes == []
    assert "'off'" in str(bed.personal.refuses(Command("label", "V", "", beat=0)))


def test_labels_when_odd_beats_called_n_are_labelled_v_then_odd_ones_are_v_and_usual_ones_stay() -> None:
    bed = Bedside("labels")
    for k in range(40):
        bed.beat(odd=k % 5 == 0)
    assert bed.personal.status(STATUS).personal_beats == 0
    for k in range(0, 40, 5):
        note = bed.label(k, "V")
    assert note == Note(
        "label", 7000, 7000, "beat 35 is V, says Ana; the monitor's own answer was N (0.80)", 7
    )
    bed.wait(10.0)
    odd, usual = bed.beat(odd=True), bed.beat()
    assert [b.aami for b in odd] == ["V", "V"]
    assert [b.plain_aami for b in odd] == ["N", "N"]
    assert all(b.ventricular for b in odd)
    assert [b.aami for b in usual] == ["N", "N"]
    assert odd[1].uncorrected() == dataclasses.replace(_beat(40, "N"), final=True)
    assert sum(odd[0].probs) == pytest.approx(1.0)
    assert "8 labelled beats" in bed.notes[-1].detail
    status = bed.personal.status(STATUS)
    assert (status.personal, status.personal_beats) == ("labels", 8)


def test_labels_when_v_is_wrongly_called_n_by_a_person_then_it_counts_as_v_for_alarms_all_the_same() -> None:
    bed = Bedside("labels")
    for _ in range(30):
        bed.beat("V", odd=True, p=0.7)
    for k in range(30):
        bed.label(k, "N")
    bed.wait(10.0)
    early, final = bed.beat("V", odd=True, p=0.7)
    assert (early.aami, final.aami) == ("N", "N")
    assert early.ventricular
    assert final.ventricular
    assert final.uncorrected().aami == "V"


def test_labels_when_a_label_is_given_again_then_the_last_word_counts() -> None:
    bed = Bedside("labels")
    for _ in range(20):
        bed.beat()
    for aami in ("V", "N"):
        for k in range(20):
            bed.label(k, aami)
        bed.wait(10.0)
        assert bed.beat()[1].aami == aami


def test_labels_when_the_beat_has_no_final_answer_yet_then_it_teaches_once_it_has() -> None:
    bed = Bedside("labels")
    early = _beat(0, "N")
    bed.personal.early(early, _row(True))
    assert "(0.80)" in bed.label(0, "V").detail
    bed.wait(10.0)
    assert bed.notes == []
    bed.personal.final(dataclasses.replace(early, final=True))
    bed.wait(10.0)
    assert [n.kind for n in bed.notes] == ["personal"]


@pytest.mark.parametrize(
    ("beat", "aami", "says"),
    [
        (99, "V", r"got beat 99, expected the id of one of the last 768 beats \(0 to 2\)"),
        (None, "V", "got beat None"),
        (1, "X", "got class 'X', expected one of N S V F Q"),
        (1, "", "got class ''"),
        (1, "NV", "got class 'NV'"),
        (1, "\x1b[2J" + "V" * 99, r"got class '\\\\x1b\[2JVVV"),
    ],
)
def test_label_when_beat_or_class_is_unknown_then_one_line_and_nothing_is_learned(
    beat: int | None, aami: str, says: str
) -> None:
    bed = Bedside("labels")
    for _ in range(3):
        bed.beat()
    command = Command("label", aami, "", beat=beat)
    assert len(str(bed.personal.refuses(command)).split("\n")) == 1
    with pytest.raises(BadInput, match=says):
        bed.personal.label(command, 0)
    bed.wait(10.0)
    assert bed.personal.n_beats == 0


def test_label_when_before_the_first_beat_or_in_another_mode_then_refused() -> None:
    assert "(none yet)" in str(Personal("labels").refuses(Command("label", "V", "", beat=0)))
    bed = Bedside("self")
    bed.beat()
    assert "personal mode is 'self'" in str(bed.personal.refuses(Command("label", "V", "", beat=0)))


def test_kept_when_full_then_unlabelled_beats_go_first_and_the_oldest_label_last() -> None:
    personal = Personal("labels")
    for k in range(MOST_BEATS):
        personal.early(_beat(k, "N"), _row(False))
    for k in range(10):
        personal.label(Command("label", "V", "", beat=k), 0)
    for k in range(MOST_BEATS, MOST_BEATS + 5):
        personal.early(_beat(k, "N"), _row(False))
    refused = [k for k in range(20) if personal.refuses(Command("label", "V", "", beat=k))]
    assert refused == [10, 11, 12, 13, 14]
    for k in range(MOST_BEATS + 5):
        if personal.refuses(Command("label", "V", "", beat=k)) is None:
            personal.label(Command("label", "V", "", beat=k), 0)
    personal.early(_beat(5000, "N"), _row(False))
    assert personal.refuses(Command("label", "V", "", beat=0))


def test_self_when_five_minutes_are_over_then_fitted_once_on_sure_readable_beats() -> None:
    bed = Bedside("self")
    n_sure = 0
    while bed.n * 0.8 < FIRST_S + 8.0:
        kind = bed.n % 4
        more = [{}, {"readable": False}, {"warming": True}, {}][kind]
        n_sure += kind == 0 and bed.n * 0.8 < FIRST_S
        bed.beat("V" if bed.n % 8 == 0 else "N", odd=bed.n % 8 == 0, p=0.95 if kind < 3 else 0.6, **more)
    assert [n.kind for n in bed.notes] == ["personal"]
    assert bed.notes[0].detail.startswith("self: answers are corrected by ")
    assert abs(bed.personal.n_beats - n_sure) <= 1
    early, final = bed.beat("V", odd=True, p=0.5)
    assert early.plain is not None
    assert final.probs[2] > 0.5
    bed.wait(60.0)
    assert len(bed.notes) == 1


def test_self_when_too_few_beats_are_sure_then_it_waits_for_more() -> None:
    bed = Bedside("self")
    bed.wait(FIRST_S + 5.0)
    for _ in range(LEAST_BEATS - 1):
        bed.beat(p=0.95)
    assert bed.personal.n_beats == 0
    bed.beat(p=0.95)
    bed.wait(10.0)
    assert bed.personal.n_beats == LEAST_BEATS


def test_forget_when_another_patient_comes_then_nothing_is_left() -> None:
    bed = Bedside("labels")
    for _ in range(20):
        bed.beat(odd=True)
    for k in range(10):
        bed.label(k, "V")
    bed.wait(10.0)
    bed.label(11, "V")
    bed.wait(0.6)
    bed.personal.forget()
    notes = len(bed.notes)
    bed.wait(20.0)
    assert len(bed.notes) == notes
    assert bed.personal.status(STATUS).personal_beats == 0
    assert bed.beat(odd=True)[0].plain is None
    assert bed.personal.refuses(Command("label", "V", "", beat=0))


def test_tick_when_fitting_then_the_old_correction_holds_until_both_answers_have_the_new_one() -> None:
    bed = Bedside("labels")
    for _ in range(20):
        bed.beat(odd=True)
    for k in range(10):
        bed.label(k, "V")
    for _ in range(200):
        done = bed.personal.tick(TICK_S, 0)
        in_use = bed.personal.early(_beat(100, "N"), _row(True)).plain is not None
        assert in_use is bool(done)
        if done:
            break
    assert in_use


def test_probabilities_when_not_a_number_then_other_answers_stay_finite() -> None:
    bed = Bedside("labels")
    for _ in range(5):
        bed.beat()
    broken = dataclasses.replace(_beat(5, "N"), probs=(float("nan"),) * 5)
    bed.personal.early(broken, _row(False))
    bed.personal.final(dataclasses.replace(broken, final=True))
    bed.n += 1
    bed.label(5, "V")
    bed.wait(10.0)
    assert all(np.isfinite(bed.beat()[1].probs))
