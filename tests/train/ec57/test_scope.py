from __future__ import annotations

import pytest

from train.ec57.errors import Ec57Error
from train.ec57.scope import NEVER, WITH_EITHER, WITH_REFERENCE, Scope, scope_of


def test_scope_of_when_nothing_is_asked_then_it_is_what_ec57_says() -> None:
    assert scope_of("bxb", 360.0, 650000) == Scope(108000, 650000, 54, 360.0)


def test_scope_of_when_the_length_is_unknown_then_it_ends_with_the_reference() -> None:
    assert scope_of("bxb", 360.0, None).end == WITH_REFERENCE
    assert scope_of("bxb", 360.0, 650000, end_s=0.0).end == WITH_EITHER


def test_scope_of_when_it_ends_before_it_starts_then_one_line_says_so() -> None:
    with pytest.raises(
        Ec57Error, match=r"^rxr: nothing to score: ends at sample 360, scoring starts at 108000$"
    ):
        scope_of("rxr", 360.0, 650000, end_s=1.0)


@pytest.mark.parametrize(
    ("end", "reference", "test", "expected"),
    [
        (100, 100, NEVER, True),
        (100, NEVER, 100, True),
        (100, 101, 101, False),
        (WITH_REFERENCE, 5, NEVER, True),
        (WITH_REFERENCE, NEVER, 5, False),
        (WITH_EITHER, 5, 5, True),
        (WITH_EITHER, 5, NEVER, False),
        (WITH_EITHER, NEVER, 5, False),
    ],
)
def test_goes_on_when_lists_have_come_to_a_time_then_the_end_decides(
    end: int, reference: int, test: int, expected: bool
) -> None:
    assert Scope(0, end, 54, 360.0).goes_on(reference, test) is expected
