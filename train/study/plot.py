"""How every figure of the study is drawn: one palette, sizes that stay readable, and the same bytes each time."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.types import BadInput

COLOURS = {
    "cnn": "#0072b2",
    "tcn": "#56b4e9",
    "rnn": "#d55e00",
    "lstm": "#cc79a7",
    "gru": "#e69f00",
    "conv_gru": "#009e73",
    "gru_conv": "#117733",
    "late": "#999933",
    "trees": "#222222",
    "nn1": "#888888",
}
"""A colour a family, after Okabe and Ito (2008): told apart by colour-blind readers too."""

MARKERS = {
    "cnn": "o",
    "tcn": "v",
    "rnn": "x",
    "lstm": "D",
    "gru": "s",
    "conv_gru": "^",
    "gru_conv": "<",
    "late": ">",
    "trees": "*",
    "nn1": "+",
}

WORDS = {
    "cnn": "CNN",
    "tcn": "TCN",
    "rnn": "vanilla RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "conv_gru": "conv → GRU",
    "gru_conv": "GRU → conv",
    "late": "late fusion",
    "trees": "boosted trees",
    "nn1": "1 nearest neighbour",
}

BEATS = {"N": "#0072b2", "S": "#e69f00", "V": "#d55e00", "F": "#009e73", "Q": "#888888"}

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "heartwire",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "path.simplify": True,
}


@contextmanager
def figure(path: Path, width: float, height: float, **subplots: Any) -> Iterator[tuple[Any, NDArray[Any]]]:
    """A figure of so many inches and its axes (rows, columns), written to `path` when all is drawn.

    Raises
    ------
    BadInput
        When matplotlib is not installed, or the file cannot be written.
    """
    try:
        import matplotlib
    except ImportError:
        raise BadInput("figures need matplotlib: run pip install 'heartwire[train]'") from None
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **STYLE}):
        drawn = Figure(figsize=(width, height))
        axes = drawn.subplots(squeeze=False, **subplots)
        yield drawn, axes
        held = io.StringIO()
        FigureCanvasSVG(drawn).print_svg(held, metadata={"Date": None, "Creator": None})
    write(path, tidy(held.getvalue()))


def tidy(svg: str) -> str:
    """The same picture in fewer bytes: paths to two digits, no trailing spaces, no notes of matplotlib."""
    svg = re.sub(r"<!--.*?-->\n?\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(?<= d=")[^"]*', lambda path: re.sub(r"\d+\.\d{3,}", _two, path[0]), svg)
    svg = re.sub(r'(?<= [xy]=")\d+\.\d{3,}(?=")', _two, svg)
    return re.sub(r"[ \t]+\n", "\n", svg)


def _two(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}"


def write(path: Path, text: str) -> None:
    """Write a file of the report.

    Raises
    ------
    BadInput
        When it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}; choose another folder") from None


def jitter(n: int, width: float) -> NDArray[np.float64]:
    """Offsets (n,) evenly from -width to width, so that points on one line stand beside each other."""
    return np.linspace(-width, width, n) if n > 1 else np.zeros(n)


def share(low: float, high: float) -> str:
    """An interval as the report writes it."""
    return f"[{low:.3f}, {high:.3f}]"
