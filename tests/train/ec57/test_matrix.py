from __future__ import annotations

from collections import Counter

import pytest

from train.ec57.matrix import Matrix, Rate

#: Every cell: two absent beats are no pair.
PAIRS = [(row, column) for row in "NSVFQOX" for column in "NSVFQOX" if not {row, column} <= set("OX")]


def matrix(**cells: int) -> Matrix:
    return Matrix(Counter({(name[0], name[1].upper()): n for name, n in cells.items()}))


def test_rate_when_nothing_was_counted_then_it_is_undefined() -> None:
    assert Rate(0, 0).percent is None
    assert Rate(1, 3).percent == pytest.approx(33.333333)


def test_matrix_when_added_then_cells_add() -> None:
    one = matrix(Nn=2, Vo=1)
    assert one + one == matrix(Nn=4, Vo=2)


def test_matrix_when_sveb_are_not_asked_for_then_s_is_n_on_both_sides() -> None:
    assert matrix(Nn=1, Ss=2, Ns=3, Sv=4, Vs=5, So=6, Xs=7).without_sveb() == matrix(
        Nn=6, Nv=4, Vn=5, No=6, Xn=7
    )


# Every cell alone: which statistics have it above and below the line. F and Q called V stand in no VEB rate but
# their own class's QRS; Q called S in no SVEB predictivity, F called S in it.
@pytest.mark.parametrize(("row", "column"), PAIRS)
def test_rates_when_one_cell_holds_all_then_each_takes_it_or_leaves_it(row: str, column: str) -> None:
    one = Matrix(Counter({(row, column): 1}))
    real_row, real_column = row in "NSVFQ", column in "NSVFQ"
    both = int(real_row and real_column)
    assert one.qrs_se == Rate(both, int(real_row))
    assert one.qrs_ppv == Rate(both, int(real_column))
    assert one.veb_se == Rate(int(row == column == "V"), int(row == "V"))
    assert one.veb_ppv == Rate(int(row == column == "V"), int(column == "V" and row not in "FQ"))
    assert one.sveb_se == Rate(int(row == column == "S"), int(row == "S"))
    assert one.sveb_ppv == Rate(int(row == column == "S"), int(column == "S" and row != "Q"))
    false_veb = int(column == "V" and row in "NSOX")
    assert one.veb_fpr == Rate(false_veb, int(row != "V" and column in "NSFQ") + false_veb)
    assert one.beats_in_shutdown == Rate(int(column == "X" and row in "NVFQ"), int(real_row))
    if real_row:
        assert one.in_shutdown(row) == Rate(int(column == "X"), 1)
