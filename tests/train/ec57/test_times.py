from __future__ import annotations

from datetime import date

import pytest

from train.ec57.errors import Ec57Error
from train.ec57.times import clock, samples, seconds


@pytest.mark.parametrize(("length", "fs", "expected"), [(0.15, 360, 54), (0.15, 250, 38), (0.15, 128, 19)])
def test_samples_when_rate_is_odd_then_halves_round_up(length: float, fs: float, expected: int) -> None:
    assert samples(length, fs) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        (".15", 0.15),
        ("90.5", 90.5),
        ("5:0", 300.0),
        ("1:02:03.5", 3723.5),
        ("s720", 2.0),
        ("e", 100.0),
        ("[12:00:30]", 30.0),
        ("[0:0:10 1]", 43210.0),
        ("[12:00:00 25/12/2001]", 86400.0),
        ("[12:00:40 23/12/2001]", 40.0),
    ],
)
def test_seconds_when_written_as_the_originals_take_it_then_it_is_that_time(
    text: str, expected: float
) -> None:
    assert seconds(text, 360.0, 36000, 12 * 3600.0, date(2001, 12, 24)) == pytest.approx(expected)


def test_seconds_when_the_record_has_no_length_then_its_end_is_zero() -> None:
    assert seconds("e", 360.0) == 0.0


@pytest.mark.parametrize("text", ["", "soon", "5:", "1:2:3:4", "-5", "[12:00", "[12:00 x/y/z]"])
def test_seconds_when_it_is_no_time_then_one_line_says_so(text: str) -> None:
    with pytest.raises(Ec57Error, match=r"^time ") as raised:
        seconds(text, 360.0, 36000, 0.0, date(2001, 12, 24))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (0, "    0:00.000"),
        (360, "    0:01.000"),
        (1, "    0:00.003"),
        (359, "    0:00.997"),
        (35244, "    1:37.900"),
        (3600 * 360, " 1:00:00.000"),
        (3723 * 360 + 180, " 1:02:03.500"),
    ],
)
def test_clock_when_samples_are_given_then_it_is_twelve_characters(n: int, expected: str) -> None:
    assert clock(n, 360.0) == expected


def test_clock_when_milliseconds_round_to_a_second_then_it_is_carried() -> None:
    assert clock(59_999, 10000.0) == "    0:06.000"
    assert clock(5_999_999, 100000.0) == "    1:00.000"
