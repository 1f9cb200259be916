"""Annotations in words, as exports and reports tell them. Pure."""

from __future__ import annotations

from edge.recording.annotations import NOTE, Mark
from edge.recording.marks import rhythm_label


def in_words(mark: Mark) -> str:
    """One short line: a beat's letter, ``rhythm af``, an alarm's remark, or where signal cannot be read."""
    if mark.symbol == "+":
        return f"rhythm {rhythm_label(mark.aux)}"
    if mark.symbol == NOTE:
        return mark.aux.strip("\0 ")
    if mark.symbol == "~":
        return "readable" if mark.subtype == 0 else "unreadable"
    return mark.symbol
