from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.types import Alarm, Beat, Event, RPeak
from firmware_bridge.types import BadInput, SampleBlock
from train import evaluate
from train.ec57 import Mark, bxb, marks

FS = 100.0


def beat(number: int, sample: int, aami: str = "N", *, final: bool = True, at: int | None = None) -> Beat:
    probs = (1.0, 0.0, 0.0, 0.0, 0.0)
    peak = RPeak(sample, 1.0, 0.9)
    return Beat(number, peak, None, aami, probs, 1.0, final, False, True, sample + 80 if at is None else at)


def alarm(name: str, state: str, since: int, at: int) -> Alarm:
    return Alarm(name, state, "technical", "technical", since, False, False, "", at)


class Script:
    """Says each event when the block that holds its sample `at` arrives: what a pipeline is to `play`."""

    def __init__(self, *events: Event) -> None:
        self.events = list(events)

    def push(self, item: SampleBlock) -> list[Event]:
        return [event for event in self.events if item.start <= event.at < item.end]


def played(*events: Event, n: int = 1000) -> evaluate.Answers:
    mv = np.zeros((n, 1), np.float32)
    return evaluate.play(Script(*events), evaluate.blocks("rec", mv, FS, "MLII"))


def test_blocks_when_put_together_then_they_are_the_lead_and_indices_run_on() -> None:
    mv = np.arange(450, dtype=np.float32).reshape(-1, 1)
    cut = list(evaluate.blocks("rec", mv, 128.0, "ECG1"))
    assert np.array_equal(np.concatenate([block.mv for block in cut]), mv)
    assert [block.start for block in cut] == [0, 128, 256, 384]
    assert {(block.device_id, block.fs, block.leads, block.lead_off) for block in cut} == {
        ("rec", 128.0, ("ECG1",), 0)
    }


def test_play_when_final_revises_early_then_each_keeps_its_own_word() -> None:
    answers = played(beat(1, 100, "N", final=False, at=120), beat(1, 100, "V", at=190))
    assert [b.aami for b in answers.final] == ["V"]
    assert [b.aami for b in answers.early] == ["N"]
    assert answers.early_ms(FS).tolist() == [200.0]


def test_play_when_record_ends_before_the_final_answer_then_the_early_one_stands() -> None:
    answers = played(beat(1, 100), beat(2, 980, "S", final=False, at=995))
    assert [(b.r_peak.sample, b.aami) for b in answers.final] == [(100, "N"), (980, "S")]


def test_play_when_answers_come_out_of_order_then_beats_are_sorted_by_peak() -> None:
    answers = played(beat(2, 300, at=400), beat(1, 100, at=410))
    assert [b.r_peak.sample for b in answers.final] == [100, 300]


def test_play_when_signal_is_declared_unusable_then_the_stretch_is_kept() -> None:
    answers = played(
        alarm("unreadable", "active", 200, 210),
        alarm("unreadable", "cleared", 200, 400),
        alarm("vt", "active", 500, 510),
        alarm("lead_off", "active", 800, 820),
    )
    assert answers.shutdowns == ((200, 400), (800, 1000))


def test_as_marks_when_a_stretch_holds_a_beat_then_shutdown_is_cut_there() -> None:
    found = evaluate.as_marks([beat(1, 500, "V")], [(200, 800)], FS)
    assert found == [
        Mark(200, "~", -1),
        Mark(499, "~", 0),
        Mark(500, "V"),
        Mark(501, "~", -1),
        Mark(800, "~", 0),
    ]


def test_as_marks_when_a_stretch_is_short_then_it_is_no_shutdown() -> None:
    assert evaluate.as_marks([], [(200, 280)], FS) == []


def test_as_marks_when_stretches_overlap_then_they_are_one() -> None:
    assert evaluate.as_marks([], [(200, 500), (400, 900)], FS) == [Mark(200, "~", -1), Mark(900, "~", 0)]


def test_as_marks_when_scored_then_beats_missed_in_shutdown_are_tallied_apart() -> None:
    reference = [Mark(sample, "N") for sample in (100, 300, 600, 950)]
    given = evaluate.as_marks([beat(1, 100), beat(2, 950)], [(200, 800)], FS)
    result = bxb(reference, given, FS, 1000, start_s=0.0)
    assert result.matrix.n("N", "X") == 2
    assert result.shutdown_s == 6


def test_write_annotations_when_read_back_then_marks_are_the_same(tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    given = [
        Mark(10, "N"),
        Mark(200, "~", -1),
        Mark(400, "~", 0),
        *(Mark(500 + i, c) for i, c in enumerate("SVFQ")),
    ]
    path = evaluate.write_annotations(tmp_path / "new", "100", "hw", given)
    assert path == tmp_path / "new" / "100.hw"
    assert marks(wfdb.rdann(str(tmp_path / "new" / "100"), "hw")) == given


def test_write_annotations_when_there_is_no_beat_then_the_file_holds_the_end_mark(tmp_path: Path) -> None:
    pytest.importorskip("wfdb")
    assert evaluate.write_annotations(tmp_path, "100", "hw", []).read_bytes() == b"\x00\x00"


def test_write_annotations_when_folder_is_a_file_then_one_line_says_so(tmp_path: Path) -> None:
    pytest.importorskip("wfdb")
    (tmp_path / "taken").write_text("")
    with pytest.raises(BadInput, match=r"cannot write .*taken"):
        evaluate.write_annotations(tmp_path / "taken", "100", "hw", [Mark(1, "N")])


def test_in_stretches_when_a_beat_is_missed_then_its_stretch_alone_has_the_error() -> None:
    labels = [Mark(100 * k + 50, "N") for k in range(39)]
    given = [mark for mark in labels if mark.sample != 2550]
    parts = list(evaluate.in_stretches(labels, given, FS, 3950, 10.0, 10.0))
    assert [part.qrs_se.total - part.qrs_se.hits for part in parts] == [0, 1]
    assert sum(part.qrs_se.total for part in parts) == 20
