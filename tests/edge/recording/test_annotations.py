from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.recording.annotations import (
    END_BYTES,
    SYMBOLS,
    AnnotationError,
    Annotations,
    Mark,
    encode,
    in_order,
    marks,
    parse,
)

ANY_MARK = st.builds(
    Mark,
    st.integers(0, 5_000_000_000),
    st.sampled_from([*SYMBOLS[1:], "[42]", "[49]"]),
    st.integers(-128, 127),
    st.integers(0, 255),
    st.integers(-128, 127),
    st.text(st.characters(max_codepoint=255), max_size=255),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY_MARK, max_size=20))
def test_encode_when_read_back_then_marks_are_the_same(drawn: list[Mark]) -> None:
    # A NOTE at sample 0 at the head is a remark of the file and not a mark.
    given_marks = [Mark(0, "N"), *drawn]
    assert parse(encode(given_marks)) == Annotations(tuple(given_marks))


# Codes 15 and 17 have no symbol in the library.
@pytest.mark.parametrize("symbol", [symbol for symbol in SYMBOLS[1:] if symbol not in ("[15]", "[17]")])
def test_encode_when_read_by_the_wfdb_library_then_every_symbol_is_known(symbol: str, tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    given_marks = [Mark(5, "N"), Mark(2000, symbol, -1, 1, 2, "(AFIB"), Mark(2000, "V", chan=1, num=2)]
    (tmp_path / "rec.hw").write_bytes(encode(given_marks))
    assert marks(wfdb.rdann(str(tmp_path / "rec"), "hw")) == given_marks


def test_parse_when_written_by_the_wfdb_library_then_marks_are_the_same(tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    np = pytest.importorskip("numpy")
    wfdb.wrann(
        "rec", "hw", np.array([10, 20, 9000]), ["N", "~", "+"], subtype=np.array([0, -1, 0]),
        aux_note=["", "", "(AFIB"], fs=250, write_dir=str(tmp_path),
    )  # fmt: skip
    read = parse((tmp_path / "rec.hw").read_bytes())
    assert read.ticks_per_s == 250.0
    assert read.at(250.0) == [Mark(10, "N"), Mark(20, "~", -1), Mark(9000, "+", aux="(AFIB")]
    assert [mark.sample for mark in read.at(125.0)] == [5, 10, 4500]


def test_at_when_half_a_sample_is_left_then_it_is_rounded_up() -> None:
    read = Annotations((Mark(1, "N"), Mark(3, "N")), 250.0)
    assert [mark.sample for mark in read.at(125.0)] == [1, 2]


def test_at_when_the_file_names_no_resolution_then_times_stay() -> None:
    assert Annotations((Mark(7, "N"),)).at(128.0) == [Mark(7, "N")]


def test_parse_when_words_are_known_then_each_adds_to_its_mark() -> None:
    data = bytes.fromhex(
        "00ec 0100 0000"  # skip 65536
        "0a04"  # N after 10
        "0538 fff7"  # ~ after 5, subtype -1
        "0000"
    )
    assert parse(data).marks == (Mark(65546, "N"), Mark(65551, "~", -1))


def test_parse_when_the_end_mark_is_missing_then_the_last_mark_is_lost() -> None:
    whole = encode([Mark(10, "N"), Mark(20, "V"), Mark(30, "S", aux="text")])
    assert parse(whole).whole
    for n in range(len(whole) - 1, len(whole) - 9, -1):
        cut = parse(whole[:n])
        assert cut == Annotations((Mark(10, "N"), Mark(20, "V")), whole=False)


def test_parse_when_bytes_follow_the_end_mark_then_they_are_not_read() -> None:
    assert parse(encode([Mark(10, "N")]) + b"\x05\x04").marks == (Mark(10, "N"),)


def test_parse_when_remarks_stand_at_the_head_then_they_are_not_marks() -> None:
    head = [Mark(0, '"', aux="## time resolution: 128"), Mark(0, '"', aux="made by hand")]
    read = parse(encode([*head, Mark(0, "N"), Mark(0, '"', aux="kept")]))
    assert read == Annotations((Mark(0, "N"), Mark(0, '"', aux="kept")), 128.0)


def test_parse_when_the_file_is_empty_then_one_line_says_so() -> None:
    with pytest.raises(AnnotationError, match=r"^100\.hw is empty: expected a WFDB annotation file$"):
        parse(b"", "100.hw")
    assert parse(b"\0\0").marks == ()


def aha(code: str, sample: int, number: int, subtype: int = 0, text: bytes = b"") -> bytes:
    time = (sample >> 16).to_bytes(2, "little") + (sample & 0xFFFF).to_bytes(2, "little")
    return (
        b"\0"
        + code.encode()
        + time
        + number.to_bytes(2, "little")
        + bytes([subtype, 0])
        + text.ljust(6, b"\0")
    )


def test_parse_when_format_is_aha_then_codes_are_mapped() -> None:
    data = aha("N", 100, 1) + aha("R", 70000, 2) + aha("U", 70100, 3) + aha("O", 70200, 4, text=b"hi")
    read = parse(data + b"\xff" * 64)
    assert read.whole
    assert read.marks == (
        Mark(100, "N"),
        Mark(70000, "r"),
        Mark(70100, "~", -1),
        Mark(70200, '"', aux="hi"),
    )
    assert not parse(data).whole


@pytest.mark.parametrize("symbol", ["", "X", "[60]", "NN"])
def test_encode_when_a_symbol_is_unknown_then_one_line_names_it(symbol: str) -> None:
    with pytest.raises(AnnotationError, match=r"symbol '.*': expected one of N L R"):
        encode([Mark(1, symbol)])


def test_encode_when_a_text_is_too_long_then_one_line_says_where() -> None:
    with pytest.raises(
        AnnotationError, match="mark at 7: got a text of 256 characters, expected 255 at most"
    ):
        encode([Mark(7, '"', aux="x" * 256)])


def test_in_order_when_two_marks_agree_in_time_num_and_chan_then_the_last_is_kept() -> None:
    given_marks = [Mark(30, "N"), Mark(10, "V"), Mark(30, "S"), Mark(30, "Q", chan=1)]
    assert in_order(given_marks) == [Mark(10, "V"), Mark(30, "S"), Mark(30, "Q", chan=1)]


def test_encode_when_marks_are_added_later_then_the_file_is_that_of_all_at_once() -> None:
    given = [
        Mark(10, "N", num=98),
        Mark(2000, "+", aux="(AFIB"),
        Mark(2001, "V", num=97),
        Mark(2002, "N", chan=1),
    ]
    file = b"" + encode([])
    last = None
    for mark in given:
        file = file[:-END_BYTES] + encode([mark], last)
        assert parse(file).whole
        last = mark
    assert file == encode(given)
    assert list(parse(file).marks) == given
