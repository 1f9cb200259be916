from __future__ import annotations

import json
from collections import Counter

import numpy as np

from train import evaluate_report as report
from train.ec57 import Comparison, Matrix
from train.evaluate import Score


def score(record: str, early_ms: list[float] | None = None, **cells: int) -> Score:
    counts = Counter({(name[0], name[1].upper()): n for name, n in cells.items()})
    compared = Comparison(Matrix(counts), 4, 400, 7, 360.0)
    earlier = Comparison(Matrix(Counter({("N", "N"): 1, ("V", "N"): 1})), 0, 0, 7, 360.0)
    delays = np.array([200.0] if early_ms is None else early_ms)
    return Score(record, "MLII", compared, earlier, sum(cells.values()), delays)


def test_row_when_printed_then_it_is_json_with_percent_and_none_for_undefined() -> None:
    told = json.loads(json.dumps(report.row(score("100", Nn=3, No=1))))
    assert told["record"] == "100"
    assert told["beats"] == 4
    assert told["qrs"] == {"se": 75.0, "ppv": 100.0}
    assert told["veb"] == {"se": None, "ppv": None}
    assert told["early"]["veb"]["se"] == 0.0
    assert told["matrix"] == {"Nn": 3, "No": 1}
    assert told["rr_error_ms"] == 27.78


def test_summary_when_records_are_summed_then_it_is_gross_and_has_the_agreed_keys() -> None:
    told = report.summary(
        [score("100", [100.0, 200.0], Nn=90, No=10), score("119", [300.0], Nn=10, Vv=5, Nv=5)]
    )
    head = told["summary"]
    assert (head["records"], head["beats"]) == (2, 120)
    assert head["qrs"] == {"se": 91.67, "ppv": 100.0}
    assert head["veb"] == {"se": 100.0, "ppv": 50.0}
    assert head["sveb"] == {"se": None, "ppv": None}
    assert head["early_ms"] == {"p50": 200.0, "p99": 298.0}
    assert head["shutdown_s"] == 14
    assert told["average"]["qrs_se"] == 95.0
    assert "sveb_without_232" not in head


def test_summary_when_record_232_is_among_them_then_sveb_is_given_without_it() -> None:
    told = report.summary([score("100", Ss=1, Sn=1), score("232", Ss=99, Sn=1)])
    assert told["summary"]["sveb"]["se"] == 98.04
    assert told["summary"]["sveb_without_232"] == {"se": 50.0, "ppv": 100.0}


def test_summary_when_there_is_no_beat_at_all_then_everything_is_undefined() -> None:
    told = report.summary([score("100", [])])
    assert told["summary"]["qrs"] == {"se": None, "ppv": None}
    assert told["summary"]["early_ms"] == {"p50": None, "p99": None}
    assert told["interval_95"]["qrs"]["se"] is None


def test_intervals_when_records_differ_then_they_span_the_gross_value_and_are_repeatable() -> None:
    matrices = [Matrix(Counter({("N", "N"): 100 - i, ("N", "O"): i})) for i in range(20)]
    first = report.intervals(matrices, 500)
    assert first == report.intervals(matrices, 500)
    low, high = first["qrs"]["se"] or (0.0, 0.0)
    assert 80.0 < low < 90.5 < high < 100.0
    assert first["veb"] == {"se": None, "ppv": None}


def test_intervals_when_all_records_are_alike_then_they_have_no_width() -> None:
    alike = [Matrix(Counter({("N", "N"): 3, ("N", "O"): 1}))] * 5
    assert report.intervals(alike, 100)["qrs"]["se"] == [75.0, 75.0]


def test_table_when_printed_then_every_record_and_both_means_have_a_line() -> None:
    lines = report.table([score("100", Nn=3, No=1), score("232", Ss=1, Sn=1, Nn=2)]).splitlines()
    starts = [line.split()[0] for line in lines]
    assert starts[0] == "record"
    assert starts[2:4] == ["100", "232"]
    assert {"gross", "average", "early", "SVEB"} <= set(starts)
    assert lines[2].split()[:4] == ["100", "4", "75.00", "100.00"]
    assert max(len(line) for line in lines[:4]) <= 110
