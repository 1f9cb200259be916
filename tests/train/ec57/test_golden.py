"""The reports against those of the C programs: HEARTWIRE_GOLDEN holds these, HEARTWIRE_DATA the databases."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import pytest

from train.ec57 import Comparison, beats_report, bxb, marks

EVERY_SECOND = (
    "100 102 104 106 108 111 113 115 117 119 122 124 201 203 207 209 212 214 217 220 222 228 231 233"
)
RECORDS = EVERY_SECOND.split()
TESTS = ("osea", "syn")


def folder(variable: str, part: str = "") -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: it names the folder that holds {part or 'the golden reports'}")
    return Path(value) / part


@lru_cache(maxsize=256)
def compared(record: str, test: str, start_s: float = 300.0) -> Comparison:
    wfdb = pytest.importorskip("wfdb")
    reference = marks(wfdb.rdann(str(folder("HEARTWIRE_DATA", "mitdb") / record), "atr"))
    answers = marks(wfdb.rdann(str(folder("HEARTWIRE_GOLDEN") / record), test))
    return bxb(reference, answers, 360.0, 650000, start_s=start_s)


def all_compared(test: str, start_s: float = 300.0) -> dict[str, Comparison]:
    return {record: compared(record, test, start_s) for record in RECORDS}


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("record", RECORDS)
def test_standard_report_when_compared_with_the_original_then_every_character_agrees(
    record: str, test: str
) -> None:
    golden = (folder("HEARTWIRE_GOLDEN") / f"{record}.{test}.bxb.txt").read_text()
    assert beats_report.standard(record, compared(record, test), "atr", test) == golden


@pytest.mark.parametrize(("start_s", "suffix"), [(300.0, ""), (0.0, "_from0")])
@pytest.mark.parametrize("test", TESTS)
def test_beat_lines_when_compared_with_the_original_then_every_character_agrees(
    test: str, start_s: float, suffix: str
) -> None:
    golden = (folder("HEARTWIRE_GOLDEN") / f"{test}.bxb{suffix}_lines.txt").read_text()
    lines = [beats_report.line(record, result) for record, result in all_compared(test, start_s).items()]
    assert beats_report.LINE_HEADER + "".join(lines) == golden


@pytest.mark.parametrize(("start_s", "suffix"), [(300.0, ""), (0.0, "_from0")])
@pytest.mark.parametrize("test", TESTS)
def test_shutdown_lines_when_compared_with_the_original_then_every_character_agrees(
    test: str, start_s: float, suffix: str
) -> None:
    golden = (folder("HEARTWIRE_GOLDEN") / f"{test}.shutdown{suffix}_lines.txt").read_text()
    lines = [
        beats_report.shutdown_line(record, result) for record, result in all_compared(test, start_s).items()
    ]
    assert beats_report.SHUTDOWN_HEADER + "".join(lines) == golden
