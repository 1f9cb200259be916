"""What the monitor needs of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from edge.commands import Judge
from edge.types import Command, Event, LinkState
from firmware_bridge.types import Gap, SampleBlock


class Stages(Judge, Protocol):
    """Samples and what the shell knows go in, events come out."""

    def parts(self, item: SampleBlock | Gap | LinkState | Command) -> Iterable[list[Event]]:
        """Take one item, give the events it caused, in parts as they become known."""

    def reset(self) -> list[Event]:
        """Begin anew."""

    @property
    def n_missing(self) -> int | None:
        """Samples that the waveform chunk being collected still lacks; None while there is none."""
