from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from edge.recording.annotations import Mark, encode
from train.ec57.errors import Ec57Error
from train.ec57.record import Header, find, parse_header, read_annotations, read_header


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("100 2 360 650000", Header(360.0, 650000)),
        ("100", Header(250.0, None)),
        ("100 2", Header(250.0, None)),
        ("100 2 128.5/128(0)", Header(128.5, None)),
        ("100/3 2 360 0", Header(360.0, None)),
        ("100 2 360 650000 12:30:00 24/12/2001", Header(360.0, 650000, 45000.0, date(2001, 12, 24))),
        ("100 2 360 650000 12:30", Header(360.0, 650000, 750.0)),
    ],
)
def test_parse_header_when_fields_are_left_out_then_they_have_their_default(
    line: str, expected: Header
) -> None:
    assert parse_header(f"#wfdb 10.7\n# a comment\n\n{line}\r\n100.dat 212 200\n") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a record line"),
        ("# comment\n", "expected a record line"),
        ("100 2 0 5\n", "got sampling rate '0'"),
        ("100 2 fast\n", "got sampling rate 'fast'"),
        ("100 2 360 -5\n", "got length '-5'"),
    ],
)
def test_parse_header_when_it_is_broken_then_one_line_says_where(text: str, message: str) -> None:
    with pytest.raises(Ec57Error, match=f"^100.hea: {message}"):
        parse_header(text, "100.hea")


def test_header_when_a_time_of_day_is_given_then_it_is_counted_from_its_base() -> None:
    header = parse_header("100 2 360 650000 12:30:00")
    assert header.seconds("[12:35:00]") == 300.0
    assert header.seconds("e") == pytest.approx(650000 / 360)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders on the WFDB path: one has header and reference, the other the test's answers."""
    for name in ("data", "answers"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "100.hea").write_text("100 1 100 10000\n")
    (tmp_path / "data" / "100.atr").write_bytes(encode([Mark(5, "N")]))
    (tmp_path / "answers" / "100.hw").write_bytes(encode([Mark(6, "N")]))
    monkeypatch.setenv("WFDB", f"{tmp_path / 'data'}:{tmp_path / 'answers'}")
    return tmp_path


def test_find_when_files_lie_in_two_folders_then_both_are_found(folders: Path) -> None:
    assert find("100", "atr") == folders / "data" / "100.atr"
    assert find("100", "hw") == folders / "answers" / "100.hw"
    assert find("100", "qrs") is None


def test_read_when_record_is_there_then_header_and_marks_are_given(folders: Path) -> None:
    assert read_header("100") == Header(100.0, 10000)
    assert read_header("101") is None
    assert read_annotations("100", "hw").marks == (Mark(6, "N"),)


def test_find_when_no_path_is_set_then_it_is_the_current_folder(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WFDB")
    monkeypatch.chdir(folders / "data")
    assert read_annotations("100", "atr").marks == (Mark(5, "N"),)
    monkeypatch.chdir(folders)
    assert read_annotations("data/100", "atr").marks == (Mark(5, "N"),)


@pytest.mark.usefixtures("folders")
def test_read_annotations_when_they_are_missing_then_one_line_says_where_it_looked() -> None:
    with pytest.raises(Ec57Error, match=r"^no annotations 100\.qrs in .*answers: name the folders"):
        read_annotations("100", "qrs")
