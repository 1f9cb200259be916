"""What a mark means to ``rxr``: a beat label, or that VF, AF or an unreadable stretch begins or ends."""

from __future__ import annotations

from edge.recording.annotations import Mark
from train.ec57.walk import unreadable
from train.labels import TABLE

#: Marks that are no beat: begin and end of VF, of AF, of an unreadable stretch, and all others.
VF_ON, VF_OFF, AF_ON, AF_OFF, SHUT, READABLE, OTHER = "[", "]", "{", "}", "U", "C", "O"


class RunLabels:
    """Labels one annotation list mark by mark; what was in progress changes what a mark means.

    Quirks of the original: a rhythm mark whose text begins with '(AF' begins AF, atrial flutter '(AFL'
    among them; normal beats in AF are S; VF ends AF and AF ends VF; any other rhythm mark ends either.
    """

    __slots__ = ("_af", "_shut", "_vf")

    def __init__(self) -> None:
        self._af = self._vf = self._shut = False

    def label(self, mark: Mark) -> str:
        """N S V F Q of a beat (paced and learning beats are Q), or one of this module's letters."""
        kind = TABLE.get(mark.symbol)
        if kind is not None:
            return "S" if kind == "N" and self._af else kind
        if mark.symbol == "~":
            return self._noise(unreadable(mark))
        if mark.symbol == "[" or (mark.symbol == "+" and mark.aux.startswith("(VF")):
            return self._begin_vf()
        if mark.symbol == "]":
            return self._end_vf()
        if mark.symbol == "+" and mark.aux:
            return self._begin_af() if mark.aux.startswith("(AF") else self._end_rhythm()
        return OTHER

    def _noise(self, begins: bool) -> str:
        if begins == self._shut:
            return OTHER
        self._shut = begins
        return SHUT if begins else READABLE

    def _begin_vf(self) -> str:
        if self._vf:
            return OTHER
        self._af, self._vf = False, True
        return VF_ON

    def _end_vf(self) -> str:
        if not self._vf:
            return OTHER
        self._vf = False
        return VF_OFF

    def _begin_af(self) -> str:
        if self._af:
            return OTHER
        self._af, self._vf = True, False
        return AF_ON

    def _end_rhythm(self) -> str:
        if self._af:
            self._af = False
            return AF_OFF
        return self._end_vf()
