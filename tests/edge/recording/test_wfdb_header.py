from __future__ import annotations

from edge.recording.segments import Segment
from edge.recording.wfdb_header import Origin, header_text, moment, read_origin, stamp


def test_header_text_when_names_are_hostile_then_each_line_stays_one() -> None:
    segment = Segment(1, 0, 360.0, ("a\nb.dat 16", ""), (0, 5), 1_790_000_000.0)
    lines = header_text("r", segment, 7, [1, 2], [40000, -40000], ["x\ny"]).split("\n")
    assert lines == [
        "r 2 360 7 14:13:20.000 21/09/2026",
        "r.dat 16 1000(0)/mV 16 0 1 -25536 0 a?b.dat 16",
        "r.dat 16 1000(5)/mV 16 0 2 25536 0 ECG",
        "# x?y",
        "",
    ]


def test_read_origin_when_written_then_the_same_and_none_in_records_of_others() -> None:
    origin = Origin("bed4", "ab12-3", 900, True)
    assert read_origin(["69 M 1085 1629 x1", origin.comment()]) == origin
    assert read_origin(["69 M 1085 1629 x1"]) is None


def test_moment_when_the_time_is_none_then_1970() -> None:
    assert stamp(1_790_000_000.4) == "20260921T141320Z"
    for odd in (-1.0, 1e18, float("nan")):
        assert moment(odd).year == 1970
