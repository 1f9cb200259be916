"""Curves in braille: every dot where it belongs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.ward.braille import plot

FLAT = (0.0, 0.0)


def test_plot_when_flat_then_one_row_of_dots() -> None:
    assert plot([FLAT] * 6, 0.0, 3.0, 1) == ["⣀⣀⣀"]
    assert plot([(3.0, 3.0)] * 4, 0.0, 3.0, 1) == ["⠉⠉"]


def test_plot_when_it_rises_then_no_hole_between_neighbours() -> None:
    assert plot([FLAT, (7.0, 7.0)], 0.0, 7.0, 2) == ["⢸", "⡸"]
    assert plot([(7.0, 7.0), FLAT], 0.0, 7.0, 2) == ["⢱", "⢸"]


def test_plot_when_something_is_missing_then_a_hole() -> None:
    assert plot([FLAT, None, None, FLAT, None, None], 0.0, 3.0, 1) == ["⡀⢀"]
    assert plot([], 0.0, 3.0, 2) == ["", ""]


def test_plot_when_outside_then_at_the_edge() -> None:
    assert plot([(-9.0, 9.0)] * 2, 0.0, 3.0, 1) == ["⣿"]


@given(st.lists(st.none() | st.tuples(st.floats(-5, 5), st.floats(0, 5)), max_size=60), st.integers(1, 6))
def test_plot_when_anything_then_within_its_size(
    curve: list[tuple[float, float] | None], n_rows: int
) -> None:
    columns = [c if c is None else (c[0], c[0] + c[1]) for c in curve]
    rows = plot(columns, -1.0, 1.5, n_rows)
    assert len(rows) == n_rows
    assert all(len(row) <= (len(columns) + 1) // 2 for row in rows)
    assert all(c == " " or 0x2800 < ord(c) < 0x2900 for row in rows for c in row)
