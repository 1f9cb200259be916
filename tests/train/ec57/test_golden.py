"""Every file of the golden folder, made again by the command line and compared character by character.

HEARTWIRE_GOLDEN names the folder: two test annotators' answers for 24 records of mitdb, and the reports of the
WFDB C programs on them. HEARTWIRE_DATA names the one that holds mitdb.
"""

from __future__ import annotations

import io
import os
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from train.ec57 import cli

_EVERY_SECOND = (
    "100 102 104 106 108 111 113 115 117 119 122 124 201 203 207 209 212 214 217 220 222 228 231 233"
)
RECORDS = _EVERY_SECOND.split()
TESTS = ("osea", "syn")
LINES = ("bxb", "bxb_from0", "shutdown", "shutdown_from0", "rxr", "rxr_sv")
OF_A_RECORD = [
    f"{record}.{test}.{tool}.txt" for record in RECORDS for test in TESTS for tool in ("bxb", "rxr")
]
OF_A_TEST = [f"{test}.{kind}_lines.txt" for test in TESTS for kind in LINES]
SUMS = [f"{test}.{tool}_sumstats.txt" for test in TESTS for tool in ("bxb", "rxr")]
GOLDEN = [*OF_A_RECORD, *OF_A_TEST, *SUMS, "syn.af.txt", "syn.vf.txt"]


def folder(variable: str, part: str = "") -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: it names the folder that holds {part or 'the golden reports'}")
    return Path(value) / part


def ec57(*words: str) -> str:
    """What a tool prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert cli.main(list(words)) == 0
    return printed.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the golden one has."""
    path = os.pathsep.join([str(folder("HEARTWIRE_DATA", "mitdb")), str(folder("HEARTWIRE_GOLDEN"))])
    out = tmp_path_factory.mktemp("golden")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WFDB", path)
        for test in TESTS:
            for record in RECORDS:
                compare(record, test, out)
            for tool in ("bxb", "rxr"):
                text = ec57("sumstats", str(out / f"{test}.{tool}_lines.txt"))
                (out / f"{test}.{tool}_sumstats.txt").write_text(text)
        for record in RECORDS:
            ec57(*of(record, "syn", "epicmp"), "-A", str(out / "syn.af.txt"), "-V", str(out / "syn.vf.txt"))
    return out


def of(record: str, test: str, tool: str) -> list[str]:
    return [tool, "-r", record, "-a", "atr", test]


def compare(record: str, test: str, out: Path) -> None:
    lines = {kind: str(out / f"{test}.{kind}_lines.txt") for kind in LINES}
    ec57(*of(record, test, "bxb"), "-S", str(out / f"{record}.{test}.bxb.txt"))
    ec57(*of(record, test, "bxb"), "-L", lines["bxb"], lines["shutdown"])
    ec57(*of(record, test, "bxb"), "-f", "0", "-L", lines["bxb_from0"], lines["shutdown_from0"])
    ec57(*of(record, test, "rxr"), "-S", str(out / f"{record}.{test}.rxr.txt"))
    ec57(*of(record, test, "rxr"), "-L", lines["rxr"], lines["rxr_sv"])


@pytest.mark.parametrize("name", GOLDEN)
def test_tools_when_given_the_golden_annotations_then_every_character_agrees(made: Path, name: str) -> None:
    assert (made / name).read_text() == (folder("HEARTWIRE_GOLDEN") / name).read_text()


def test_golden_folder_when_listed_then_every_report_in_it_is_compared() -> None:
    there = {path.name for path in folder("HEARTWIRE_GOLDEN").iterdir()}
    annotations = {f"{record}.{test}" for record in RECORDS for test in TESTS}
    assert there - annotations - {"README.md"} == set(GOLDEN)
