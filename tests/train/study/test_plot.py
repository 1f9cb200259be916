"""Plots: the same bytes each time, small, and a clear line where a file cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from firmware_bridge.types import BadInput
from train.study.plot import BEATS, COLOURS, MARKERS, WORDS, figure, tidy, write


def draw(path: Path) -> bytes:
    rng = np.random.default_rng(0)
    with figure(path, 4.0, 3.0, ncols=2) as (_, axes):
        axes[0, 0].plot(rng.normal(size=50), marker="o", color=COLOURS["gru"])
        axes[0, 1].imshow(rng.normal(size=(8, 9)), interpolation="none", aspect="auto")
        axes[0, 0].set_ylabel("macro F1")
    return path.read_bytes()


def test_figure_when_drawn_twice_then_the_bytes_are_the_same(tmp_path: Path) -> None:
    one, two = draw(tmp_path / "a" / "one.svg"), draw(tmp_path / "two.svg")
    assert one == two
    assert b"macro F1</text>" in one
    assert b"<dc:date>" not in one
    assert len(one) < 60_000


def test_tidy_when_numbers_are_long_then_paths_are_short_and_transforms_stay() -> None:
    svg = (
        '<g>\n <!-- note -->\n <path d="M 1.23456 2.5 L 30.98765 4"/> <g transform="scale(0.00123)"/>  \n</g>'
    )
    assert tidy(svg) == '<g>\n <path d="M 1.23 2.5 L 30.99 4"/> <g transform="scale(0.00123)"/>\n</g>'


def test_families_when_listed_then_each_has_colour_marker_and_word_of_its_own() -> None:
    assert set(COLOURS) == set(MARKERS) == set(WORDS)
    for of in (COLOURS, MARKERS, WORDS, BEATS):
        assert len(set(of.values())) == len(of)


def test_write_when_the_folder_cannot_be_made_then_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        write(tmp_path / "file" / "x.svg", "")
