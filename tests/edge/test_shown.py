"""Hostile text becomes short and harmless, ordinary text stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.shown import shown


@pytest.mark.parametrize("text", ["bed4", "Größe 3", "<img src=x onerror=alert(1)>", "קומה 2", "x" * 64])
def test_shown_when_text_is_printable_then_it_stays(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("a\nb", "a\\nb"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("x" * 65, "x" * 63 + "…"),
        ("\0" * 40, "\\x00" * 15 + "\\x0…"),
    ],
)
def test_shown_when_text_is_hostile_then_escaped_and_cut(text: str, expected: str) -> None:
    assert shown(text) == expected


@given(st.text(st.characters(), max_size=200), st.integers(1, 100))
def test_shown_when_anything_then_printable_and_bounded(text: str, most: int) -> None:
    clean = shown(text, most)
    assert clean.isprintable()
    assert len(clean) <= most
