"""What the networks were shown and what they answered, kept while the pipeline runs them. Pure.

:meth:`Watch.over` gives models that run on the very same files in the very same way, and leave a trace of each run:
the GRU's state after every sample, the beat CNN's image, the fusion's row and memory. Nothing is changed here; a trace
holds references to arrays that nobody writes to again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.artefact import Models
from edge.cnn import Int8Cnn
from edge.fusion import BeatFuser, log_probs
from edge.gru import GruModel
from edge.step_model import StepState
from edge.types import AAMI

F32 = NDArray[np.float32]

TRAIL_S = 4.0
"""How far back the GRU's states are kept: a few beats."""

Step = tuple[float, F32, F32]
"""A sample [mV], the GRU's state (1, n_state) after it, its logits (11,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One beat as the networks met it, when its early answer was given.

    Attributes
    ----------
    image, cnn : ndarray of float32 (window, 3), (5,)
        What the beat CNN was shown, and its logits.
    row, memory : ndarray of float32 (33,), (1, n_memory)
        What the fusion was shown, and what it remembered before that.
    early, before : ndarray of float32 (5,)
        The fusion's early probabilities of this beat, the final ones of the beat before.
    trail : list of Step
        The GRU's last steps, oldest first; the last one is that which gave the beat's class. A doubtful or missed
        beat was answered later.
    """

    image: F32
    cnn: F32
    row: F32
    memory: F32
    early: F32
    before: F32
    trail: list[Step]


class Watch:
    """Keeps the traces of one patient's runs.

    Parameters
    ----------
    fs : float
        Rate of the models [Hz].

    Attributes
    ----------
    look : Look or None
        The newest beat.
    """

    def __init__(self, fs: float) -> None:
        self._trail: deque[Step] = deque(maxlen=round(TRAIL_S * fs))
        self._image: tuple[F32, F32] | None = None
        self.look: Look | None = None

    def over(self, models: Models) -> Models:
        """The same models, watched. They are for one pipeline: a second one would mix its traces in."""
        window = models.manifests["beat_cnn"].window
        return replace(
            models,
            gru=_SeenGru(models.gru.content, models.gru.n_out, self.on_step),
            beat_cnn=_SeenCnn(models.beat_cnn.content, window, len(AAMI), self.on_image),
            fusion=_SeenFusion(models.fusion, self.on_row),
        )

    def on_step(self, x_mv: float, before: F32, after: F32, logits: F32) -> None:
        """The GRU took a step: from the state `before` to the state `after`. One that is no successor begins anew."""
        trail = self._trail
        if trail and trail[-1][1] is not before:
            trail.clear()
        trail.append((x_mv, after, logits))

    def on_image(self, image: F32, logits: F32) -> None:
        """The beat CNN looked at an image."""
        self._image = image, logits

    def on_row(self, row: F32, memory: F32, early: F32, before: F32) -> None:
        """The fusion took the row of the beat whose image came last."""
        if self._image is not None and self._trail:
            self.look = Look(*self._image, row, memory, early, before, self._up_to(row))
        self._image = None

    def _up_to(self, row: F32) -> list[Step]:
        """The trail up to the step whose class logits stand in `row`."""
        trail, n = list(self._trail), len(AAMI)
        for end in range(len(trail), 0, -1):
            if np.array_equal(log_probs(trail[end - 1][2][1 : 1 + n]), row[:n]):
                return trail[:end]
        return trail


class _SeenGru(GruModel):
    """The GRU, every step of which is told."""

    def __init__(self, content: bytes, n_out: int, tell: Callable[[float, F32, F32, F32], None]) -> None:
        super().__init__(content, n_out, "gru")
        self._tell = tell

    def step(self, x_mv: float, state: StepState) -> F32:
        """See :meth:`edge.gru.GruModel.step`."""
        before = state.s
        logits = super().step(x_mv, state)
        self._tell(x_mv, before, state.s, logits)
        return logits


class _SeenCnn(Int8Cnn):
    """The beat CNN, every image of which is told."""

    def __init__(self, content: bytes, window: int, n_classes: int, tell: Callable[[F32, F32], None]) -> None:
        super().__init__(content, (1, window, 3), n_classes, "beat_cnn")
        self._tell = tell

    def logits(self, window: F32) -> F32:
        """See :meth:`edge.cnn.Int8Cnn.logits`."""
        logits = super().logits(window)
        self._tell(window, logits)
        return logits


class _SeenFusion:
    """A fusion, every row of which is told."""

    def __init__(self, fusion: BeatFuser, tell: Callable[[F32, F32, F32, F32], None]) -> None:
        self._fusion, self._tell = fusion, tell
        self.new_state, self.unfollowed = fusion.new_state, fusion.unfollowed

    def step(self, x: F32, state: StepState) -> tuple[F32, F32]:
        """See :class:`edge.fusion.BeatFuser`."""
        memory = state.s
        early, before = self._fusion.step(x, state)
        self._tell(x, memory, early, before)
        return early, before
