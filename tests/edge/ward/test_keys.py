"""What a terminal sends, cut anywhere, never becomes a key that nobody pressed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.ward.keys import Keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("aqS", ["a", "q", "S"]),
        ("\t\x1b[Z\x1b[A\x1b[B", ["tab", "back-tab", "up", "down"]),
        ("\x1bOA\x1bOB", ["up", "down"]),
        ("\x1b[C\x1b[1;5A\x1bOS\x1b[3~\x1ba", []),  # right, ctrl-up, F4, delete, alt-a
        ("\x1b\x1b[Aa", ["up", "a"]),
        ("\x1b[\x1ba", []),
        ("", []),
    ],
)
def test_keys_when_pressed_then_by_name_and_other_sequences_swallowed(text: str, keys: list[str]) -> None:
    assert Keys().push(text) == keys


SEQUENCES = st.sampled_from(
    ["\x1b[A", "\x1bOA", "\x1b[1;5a", "\x1b[Z", "\t", "a", "s", "\x1b[200~", "\x1bOs"]
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(SEQUENCES, max_size=8), st.lists(st.integers(0, 60), max_size=6))
def test_keys_when_a_slow_line_cuts_them_anywhere_then_the_same(parts: list[str], cuts: list[int]) -> None:
    text, keys, out, at = "".join(parts), Keys(), [], 0
    for cut in [*sorted(cuts), len(text)]:
        out += keys.push(text[at:cut]) if text[at:cut] else []
        at = max(at, cut)
    assert out == Keys().push(text)
    assert out.count("a") == parts.count("a")
    assert out.count("s") == parts.count("s")


def test_keys_when_escape_is_pressed_alone_then_the_next_key_after_a_while_is_itself() -> None:
    keys = Keys()
    assert keys.push("\x1b") == []
    assert keys.push("") == []
    assert keys.push("q") == ["q"]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=5))
def test_keys_when_anything_comes_then_no_control_sequence_is_a_key(texts: list[str]) -> None:
    keys = Keys()
    for text in texts:
        assert all(len(key) == 1 or key in ("up", "down", "tab", "back-tab") for key in keys.push(text))
