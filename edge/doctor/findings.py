"""What the doctor says: one finding each, in plain words, with the configuration that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEVELS = ("ok", "note", "wrong")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : str
        A short word: format, firmware, rate, losses, jitter, electrodes, clipping, mains, gain, polarity, heart.
    level : str
        One of `LEVELS`: as it should be, worth knowing, or wrong.
    text : str
        One sentence for a person.
    value : float or str or None
        What was measured, if it is one value.
    config : str
        A line of TOML that mends it, such as ``fs = 251.2``; empty where there is none.
    """

    what: str
    level: str
    text: str
    value: float | str | None = None
    config: str = ""

    def as_json(self) -> dict[str, Any]:
        """As an object."""
        return {
            "what": self.what,
            "level": self.level,
            "text": self.text,
            "value": self.value,
            "config": self.config or None,
        }

    def as_line(self) -> str:
        """As a line for a terminal."""
        return f"{self.level:5}  {self.what:10}  {self.text}"
