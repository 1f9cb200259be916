"""The one exception of these tools."""

from __future__ import annotations


class Ec57Error(ValueError):
    """A user's mistake or an unusable file: one line that says got, expected, where, what to do."""
