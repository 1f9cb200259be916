from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from edge.recording.annotations import Mark, encode, parse
from train.ec57 import beats_report, cli, runs_report

ROOT = Path(__file__).resolve().parents[3]
FS = 100
REFERENCE = [
    *(Mark(31_000 + 100 * k, symbol) for k, symbol in enumerate("NNVVNANN")),
    Mark(40_000, "["), Mark(41_000, "]"), Mark(50_000, "+", aux="(AFIB"), Mark(50_500, "N"),
    Mark(52_000, "+", aux="(N"), Mark(60_000, "=", aux="60"),
]  # fmt: skip
TEST = [
    *(Mark(31_002 + 100 * k, symbol) for k, symbol in enumerate("NNVNNNNN")),
    Mark(40_500, "["), Mark(41_500, "]"), Mark(50_000, "+", aux="(AFIB"), Mark(50_500, "N"),
    Mark(51_000, "+", aux="(N"), Mark(60_001, "=", aux="66"),
]  # fmt: skip
RECORD = ["-r", "100", "-a", "atr", "hw"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with record 100: header, reference and test annotations."""
    (tmp_path / "100.hea").write_text(f"100 1 {FS} 100000\n")
    (tmp_path / "100.atr").write_bytes(encode(REFERENCE))
    (tmp_path / "100.hw").write_bytes(encode(TEST))
    (tmp_path / "100.one").write_bytes(encode([Mark(5, "N")]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WFDB", raising=False)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_main_when_no_report_is_named_then_the_standard_one_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["bxb", *RECORD]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("Beat-by-beat comparison results for record 100\nReference annotator: atr\n")
    assert " N |    7    0    0    0    0    0\n V |    1    1    0    0    0    0\n" in said.out
    assert said.out.endswith("       Total shutdown time:     0 seconds\n")
    assert said.err == ""


@pytest.mark.usefixtures("folder")
def test_main_when_lines_are_appended_then_the_heading_stands_once(folder: Path) -> None:
    for _ in range(2):
        assert cli.main(["bxb", *RECORD, "-L", "beats.txt", "shut.txt"]) == 0
        assert cli.main(["rxr", *RECORD, "-L", "ve.txt", "sve.txt"]) == 0
    heads = {
        "beats.txt": beats_report.LINE_HEADER,
        "shut.txt": beats_report.SHUTDOWN_HEADER,
        "ve.txt": runs_report.LINE_HEADER,
        "sve.txt": runs_report.SVE_TITLE + runs_report.LINE_HEADER,
    }
    for name, head in heads.items():
        text = (folder / name).read_text()
        assert text.startswith(head)
        one, other = text.removeprefix(head).splitlines()
        assert one == other


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["bxb", *RECORD, "-l", "-", "-"], [" 100     7   1   0   0   0    1   0   0   0   0   0 100.00"]),
        (["bxb", *RECORD, "-c", "-"], ["  N  |    7    0    0\n", "VEB false positive rate:  0.000% (0/7)"]),
        (["bxb", *RECORD, "-C", "-"], ["  S  |    1    0    0    0\n", "SVEB sensitivity:   0.00% (0/1)"]),
        (["rxr", *RECORD], ["   2 |    0    1    0", "Couplet sensitivity:   0% (0/1)"]),
        (["rxr", *RECORD, "-c", "-"], ["   C |    0    1    0    0    0\n"]),
        (["rxr", *RECORD, "-S", "-"], ["SVE run-by-run comparison", "Long run sensitivity: 100% (1/1)"]),
        (["epicmp", *RECORD, "-V", "-"], ["VF episode", "Duration sensitivity:  50% (0:05.000/0:10.000)"]),
        (["epicmp", *RECORD, "-A", "-", "-l"], ["   100    1    0    1    0  100 100  50 100      0:20.000"]),
        (["mxm", *RECORD], ["Normalized RMS error: 10.0000% (n = 1)", "Mean reference measurement: 60\n"]),
        (["mxm", *RECORD, "-u", "-l", "-"], ["   100\t 6.0000\t\t60 (unnormalized)\n"]),
    ],
)
def test_main_when_a_report_is_asked_for_then_it_is_printed(
    words: list[str], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 0
    printed = capsys.readouterr().out
    assert [text for text in shown if text not in printed] == []


def test_main_when_annotation_files_are_asked_for_then_they_hold_the_remarks(folder: Path) -> None:
    assert cli.main(["bxb", *RECORD, "-o", "-s", "report.txt"]) == 0
    first = parse((folder / "100.bxb").read_bytes()).marks
    assert Mark(31_302, '"', aux="Vn") in first
    assert (folder / "report.txt").read_text().startswith("Beat-by-beat")
    assert cli.main(["bxb", *RECORD, "-O"]) == 0
    second = parse((folder / "100.bxb").read_bytes()).marks
    assert Mark(31_302, '"', aux="V/N") in second
    assert Mark(40_000, '"', aux="[/O") in second


@pytest.mark.usefixtures("folder")
def test_main_when_differences_are_asked_for_then_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bxb", *RECORD, "-v", "-S", "-"]) == 0
    assert capsys.readouterr().err == "V(31300)/N(31302)\nS(31500)/N(31502)\n"
    assert cli.main(["rxr", *RECORD, "-v"]) == 0
    assert "VE Run-by-run comparison for sensitivity\n2/1(31185-31315)\n" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("option", [["-f", "5:11"], ["-t", "e"], ["-w", "0.2"]])
def test_main_when_the_comparison_is_not_the_standards_then_it_is_told(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bxb", *RECORD, *option]) == 0
    assert capsys.readouterr().err == "bxb: (warning) nonstandard comparison selected\n"


def test_main_when_start_and_end_are_given_then_only_what_lies_between_counts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        cli.main(["bxb", "-r", "100.hea", "-a", "atr", "hw", "-f", "s31150", "-t", "5:13", "-L", "-", "-"])
        == 0
    )
    assert capsys.readouterr().out.startswith(" 100     0   0   1   0")


def test_main_when_there_is_no_header_then_250_hz_are_assumed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "100.hea").unlink()
    assert cli.main(["bxb", *RECORD, "-f", "0"]) == 0
    assert "bxb: (warning) no header 100.hea: 250 Hz assumed\n" in capsys.readouterr().err


def test_main_when_a_file_has_no_end_mark_then_its_lost_mark_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "100.hw").write_bytes(encode(TEST)[:-2])
    assert cli.main(["bxb", *RECORD]) == 0
    assert "100.hw ends without its end mark; its last mark is lost" in capsys.readouterr().err


def test_main_when_a_shutdown_never_ends_then_it_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "100.hea").write_text(f"100 1 {FS}\n")
    (folder / "100.hw").write_bytes(encode([*TEST, Mark(70_000, "~", -1)]))
    assert cli.main(["bxb", *RECORD]) == 0
    assert "shutdown from 11:40.000 on has no end" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_sumstats_when_given_a_file_of_lines_then_it_is_summed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rxr", *RECORD, "-l", "ve.txt"]) == 0
    assert cli.main(["sumstats", "ve.txt"]) == 0
    assert "\nTotal couplets: 1  Total short runs: 0  Total long runs: 1\n" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fly"], "unknown tool 'fly': expected one of bxb, rxr, epicmp, mxm, sumstats"),
        (["bxb", "-r", "100"], "bxb: the following arguments are required: -a; -h shows the options"),
        (["bxb", "-r", "7", "-a", "atr", "hw"], "no annotations 7.atr in the current folder"),
        (["bxb", *RECORD, "-f", "soon"], "time 'soon': expected"),
        (["bxb", *RECORD, "-t", "1"], "bxb: nothing to score: ends at sample 100, scoring starts at 30000"),
        (["bxb", *RECORD, "-s", "no/where.txt"], "cannot write no/where.txt"),
        (["epicmp", *RECORD], "epicmp: got no report to make, expected -A FILE (AF) or -V FILE (VF)"),
        (["mxm", *RECORD, "-m", "200"], "mxm: got measurement type 200, expected -128 to 127"),
        (["mxm", *RECORD, "-m", "3"], "mxm: no measurements of type 3 in the reference list"),
        (["rxr", "-r", "100", "-a", "one", "hw"], "rxr: the reference list has no mark from sample 30000 on"),
        (["sumstats", "nowhere.txt"], "sumstats: cannot read nowhere.txt"),
        (["sumstats", "100.hea"], "100.hea: expected a file that bxb, rxr, epicmp or mxm wrote"),
    ],
)
def test_main_when_the_user_is_mistaken_then_one_line_and_status_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    said = capsys.readouterr()
    last = said.err.splitlines()[-1]
    assert last.startswith(f"ec57: {message}")
    assert said.out == ""


def test_main_when_nothing_or_help_is_asked_for_then_the_tools_are_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: python -m train.ec57 TOOL")
    assert cli.main(["-h"]) == 0
    assert "  epicmp " in capsys.readouterr().out


def test_module_when_run_as_a_program_then_nothing_but_the_standard_library_is_loaded() -> None:
    code = (
        "import runpy, sys\n"
        "before = set(sys.modules)\n"
        "sys.argv = ['ec57', '-h']\n"
        "try:\n    runpy.run_module('train.ec57', run_name='__main__')\n"
        "except SystemExit as stop:\n    assert stop.code == 0\n"
        "names = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print('loaded', *sorted(names - set(sys.stdlib_module_names)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "loaded edge train"


def test_package_when_it_imports_then_only_the_standard_library_and_the_labels() -> None:
    foreign = set()
    for path in (ROOT / "train" / "ec57").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            foreign |= {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("train.ec57")} == {
        "train.labels",
        "edge.recording.annotations",
    }
