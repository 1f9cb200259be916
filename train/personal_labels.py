"""Whom personal mode is scored with: a person who labels the first five minutes, out of the annotations.

The labels go the way that they go at the bed: as commands, once the monitor has given its final answer. No annotation
from later than the first five minutes is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge.personal import FIRST_S
from edge.pipeline import Pipeline
from edge.types import Beat, Command, Event
from firmware_bridge.types import SampleBlock
from train.ec57 import Mark
from train.labels import aami

MATCH_S = 0.15
"""A label belongs to a beat that is no further away (EC57's window)."""


class Labelling:
    """A pipeline in mode 'labels' and somebody who labels its beats.

    Parameters
    ----------
    pipeline : Pipeline
    labels : sequence of Mark
        The record's annotations; those that are no beats or too late are passed over.
    fs : float
        Rate of the record [Hz].
    """

    def __init__(self, pipeline: Pipeline, labels: Sequence[Mark], fs: float) -> None:
        self._pipeline, self._fs = pipeline, fs
        self._labels = [(m.sample, c) for m in labels if m.sample < FIRST_S * fs and (c := aami(m.symbol))]
        self.n_labels = 0
        """Labels given so far."""

    def push(self, block: SampleBlock) -> list[Event]:
        """What the pipeline says of `block`, and of the labels that follow from it."""
        events = self._pipeline.push(block)
        return events + [more for command in self._commands(events) for more in self._pipeline.push(command)]

    def _commands(self, events: Iterable[Event]) -> list[Command]:
        out = []
        for beat in events:
            if not isinstance(beat, Beat) or not beat.final or beat.r_peak.sample >= FIRST_S * self._fs:
                continue
            named = self._nearest(beat.r_peak.sample)
            if named is not None:
                out.append(Command("label", named, "the annotation", beat=beat.id))
        self.n_labels += len(out)
        return out

    def _nearest(self, sample: int) -> str | None:
        near = [(abs(at - sample), c) for at, c in self._labels if abs(at - sample) <= MATCH_S * self._fs]
        return min(near)[1] if near else None
