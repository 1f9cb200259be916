from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

from train.paper import Mark, svg

FS = 360.0
MARKS = [Mark(1.0, "N", "N"), Mark(2.0, "N", "V"), Mark(3.0, "", "V"), Mark(4.0, "S", "")]


def drawn(mv: np.ndarray) -> ET.Element:
    return ET.fromstring(svg(mv, FS, MARKS, "a < b & c", "note"))


def texts(root: ET.Element) -> list[tuple[str, str]]:
    return [(e.text or "", e.attrib["fill"]) for e in root.iter() if e.tag.endswith("text")]


def test_svg_when_drawn_then_labels_stand_above_and_answers_below_and_errors_are_red() -> None:
    found = texts(drawn(np.zeros(int(8 * FS))))
    assert [t for t, _ in found] == ["a < b & c", "note", "N", "N", "N", "V", "–", "V", "S", "–"]
    red = found[4][1]
    assert [colour == red for _, colour in found[2:]] == [False, False] + [True] * 6


def test_svg_when_the_lead_is_long_then_the_file_stays_small_and_to_scale() -> None:
    mv = np.random.default_rng(0).normal(0.0, 1.0, int(8 * FS))
    text = svg(mv, FS, MARKS, "title", "note")
    assert len(text.encode()) < 30_000
    assert drawn(mv).attrib["width"] == str((8 * 25 + 8) * 4)


def test_svg_when_the_lead_leaves_the_paper_or_is_missing_then_it_is_held_at_the_edge() -> None:
    mv = np.zeros(int(2 * FS))
    mv[100:200], mv[300] = 50.0, np.nan
    path = next(e for e in drawn(mv).iter() if e.attrib.get("stroke-width") == "1.2").attrib["d"]
    steps = np.array(path.split("l")[1].split(), float).reshape(-1, 2)
    y = float(path[1:].split("l")[0].split()[1]) + np.cumsum(steps[:, 1])
    assert y.min() >= 16 * 4
    assert y.max() <= (16 + 40) * 4
