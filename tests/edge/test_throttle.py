"""How often the same thing may be said."""

from __future__ import annotations

from edge.throttle import Throttle


def test_throttle_when_few_then_all_pass() -> None:
    throttle = Throttle(3, 10.0)
    assert [throttle.push("gap", t) for t in (0.0, 1.0, 2.0)] == [0, 0, 0]


def test_throttle_when_many_then_held_back_and_counted_for_the_next_that_passes() -> None:
    throttle = Throttle(3, 10.0)
    answers = [throttle.push("gap", 0.1 * k) for k in range(50)]
    assert answers[:3] == [0, 0, 0]
    assert set(answers[3:]) == {None}
    assert throttle.push("gap", 10.05) == 47
    assert throttle.push("gap", 10.15) == 0


def test_throttle_when_another_kind_then_not_held_back_by_the_first() -> None:
    throttle = Throttle(1, 60.0)
    assert throttle.push("gap", 0.0) == 0
    assert throttle.push("reset", 0.0) == 0
    assert throttle.push("gap", 0.0) is None


def test_throttle_when_one_would_be_held_back_then_it_can_be_known_before() -> None:
    throttle = Throttle(2, 10.0)
    assert [(throttle.is_full("gap", t), throttle.push("gap", t)) for t in (0.0, 1.0, 2.0, 10.0)] == [
        (False, 0),
        (False, 0),
        (True, None),
        (False, 1),
    ]


def test_throttle_when_nothing_of_a_kind_comes_any_more_then_its_count_is_told_once_and_it_is_forgotten() -> (
    None
):
    throttle = Throttle(1, 10.0)
    for t in (0.0, 1.0, 2.0):
        throttle.push("gap", t)
    throttle.push("reset", 9.0)
    assert throttle.held(9.9) == []
    assert throttle.held(10.0) == [("gap", 2)]
    assert throttle.held(10.0) == []
    assert throttle.push("gap", 10.0) == 0
    throttle.push("gap", 10.1)
    assert throttle.held(10.2, over=False) == [("gap", 1)]
