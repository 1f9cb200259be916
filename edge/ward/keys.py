"""What a terminal sends, as keys: letters as they are, arrows and tabs by name, all other sequences swallowed. Pure.

A terminal tells an arrow as Escape and a few characters (ECMA-48, 5.4; xterm's SS3 form), and a slow line may cut
them anywhere: the A of an arrow must never be taken for the letter.
"""

from __future__ import annotations

import re

_WHOLE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]|[^\[O\x1b])")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")
_NAMES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[Z": "back-tab",
    "\t": "tab",
}


class Keys:
    """Cuts what comes into keys."""

    def __init__(self) -> None:
        self._rest = ""

    def push(self, text: str) -> list[str]:
        """The keys in `text` and what was left before; call it with "" when nothing came for a while.

        Returns
        -------
        list of str
            Single characters, and ``up``, ``down``, ``tab``, ``back-tab``.
        """
        if not text:
            self._rest = ""  # Escape alone, or a sequence that never ended
            return []
        text = self._rest + text
        self._rest, out = "", []
        while text:
            if text[0] != "\x1b":
                out.append(_NAMES.get(text[0], text[0]))
                text = text[1:]
            elif found := _WHOLE.match(text):
                out += [_NAMES[found[0]]] if found[0] in _NAMES else []
                text = text[found.end() :]
            elif (begun := _BEGUN.match(text)) is not None and begun.end() == len(text):
                self._rest, text = text, ""
            else:  # what another character broke off
                text = text[1 if begun is None else begun.end() :]
        return out
