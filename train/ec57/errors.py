"""The one exception of these tools."""

from __future__ import annotations

from edge.recording.annotations import AnnotationError


class Ec57Error(AnnotationError):
    """A user's mistake or an unusable file: one line that says got, expected, where, what to do."""
