"""One GRU step and one CNN window, called from Python the way the monitor calls them."""

from __future__ import annotations

import numpy as np

from edge.bench.timing import median_us
from edge.cnn import Int8Cnn
from edge.gru import GruModel
from edge.runtime import make_interpreter


def gru_step_us(model: GruModel) -> float:
    """Microseconds of one :meth:`GruModel.step`, state carried."""
    state = model.new_state()
    return median_us(lambda: model.step(0.25, state), n_batches=2000)


def cnn_window_us(cnn: Int8Cnn) -> float:
    """Microseconds of one window, quantising included."""
    (given,) = make_interpreter(cnn.content).get_input_details()
    window = np.random.default_rng(0).standard_normal(given["shape"]).astype(np.float32)
    return median_us(lambda: cnn.logits(window), per_batch=5)
