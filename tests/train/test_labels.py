from __future__ import annotations

import pytest

from train.labels import AAMI, TABLE, aami

# ANSI/AAMI EC57 classes of the MIT annotation codes, as bxb assigns them.
N = "NLRB"
S = "AaJSejn"
V = "VrE"
F = "F"
Q = "/fQ?"


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [(symbol, name) for name, symbols in zip(AAMI, (N, S, V, F, Q), strict=True) for symbol in symbols],
)
def test_aami_when_symbol_is_a_beat_then_class_is_that_of_bxb(symbol: str, expected: str) -> None:
    assert aami(symbol) == expected


@pytest.mark.parametrize("symbol", [*list("+~[]!|x\"()ptu'^`=@sTDk*&"), "", "NN"])
def test_aami_when_symbol_is_no_beat_then_none(symbol: str) -> None:
    assert aami(symbol) is None


def test_table_when_counted_then_no_symbol_escapes_these_tests() -> None:
    assert sorted(TABLE) == sorted(N + S + V + F + Q)
