"""What part of two annotation lists is compared, and how far apart two marks may be."""

from __future__ import annotations

from dataclasses import dataclass

from train.ec57.errors import Ec57Error
from train.ec57.times import samples

#: Later than any sample: the time of an annotation list that has ended.
NEVER = 1 << 62
#: Ends of a comparison that are no sample: with the reference list, with the list that ends first.
WITH_REFERENCE, WITH_EITHER = -1, 0
LEARNING_S, WINDOW_S = 300.0, 0.15


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the record.

    Attributes
    ----------
    start : int
        First sample that is scored.
    end : int
        Last sample that is scored, or :data:`WITH_REFERENCE`, or :data:`WITH_EITHER`.
    window : int
        Largest distance of two marks that match [samples].
    fs : float
        Rate that the sample indices count in [Hz].
    """

    start: int
    end: int
    window: int
    fs: float

    def goes_on(self, reference: int, test: int) -> bool:
        """Whether there is more to compare once the lists have come to these times."""
        if self.end > 0:
            return reference <= self.end or test <= self.end
        if self.end == WITH_REFERENCE:
            return reference != NEVER
        return reference != NEVER and test != NEVER


def scope_of(
    who: str,
    fs: float,
    n_samples: int | None,
    start_s: float = LEARNING_S,
    end_s: float | None = None,
    window_s: float = WINDOW_S,
) -> Scope:
    """The scope that these times [s] mean, for the tool `who`.

    Raises
    ------
    Ec57Error
        When the record, or `end_s`, ends before `start_s`.
    """
    start = samples(start_s, fs)
    end = (n_samples or WITH_REFERENCE) if end_s is None else samples(end_s, fs)
    if 0 < end < start:
        raise Ec57Error(f"{who}: nothing to score: ends at sample {end}, scoring starts at {start}")
    return Scope(start, end, samples(window_s, fs), fs)
