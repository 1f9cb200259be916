from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

from edge.recording.ecg_paper import Label, runs, safe, strip

SVG = "{http://www.w3.org/2000/svg}"


def test_strip_when_drawn_then_25_mm_a_second_and_10_mm_a_millivolt() -> None:
    mv = np.zeros(2500)
    mv[250] = 1.0
    tree = ElementTree.fromstring(strip(mv, 250.0, "t"))
    line = next(e for e in tree.iter(f"{SVG}polyline") if e.get("class") == "ecg")
    points = [tuple(map(float, p.split(","))) for p in line.get("points", "").split()]
    assert points[250][0] - points[0][0] == 25.0
    assert points[0][1] - points[250][1] == 10.0
    assert tree.get("width", "").endswith("mm")
    assert tree.get("width", "").removesuffix("mm") == tree.get("viewBox", "").split()[2]


def test_strip_when_samples_are_missing_then_a_grey_field_and_no_line_through_it() -> None:
    mv = np.sin(np.arange(7500) / 20.0) + 150.0
    mv[1000:1500] = np.nan
    tree = ElementTree.fromstring(strip(mv, 250.0, "t", [Label(1.0, "V")], 10.0))
    lines = list(tree.iter(f"{SVG}polyline"))
    assert len(lines) == 4
    (gap,) = [e for e in tree.iter(f"{SVG}rect") if e.get("class") == "gap"]
    assert float(gap.get("width", "0")) == 50.0
    assert "nan" not in "".join(e.get("points", "") for e in lines)


def test_strip_when_nothing_is_there_then_paper_still() -> None:
    for mv in (np.full(10, np.nan), np.zeros(0), np.zeros(1)):
        ElementTree.fromstring(strip(mv, 250.0, "nothing"))


def test_strip_when_names_are_hostile_then_no_element_of_theirs() -> None:
    text = strip(np.zeros(10), 250.0, "<script>alert(1)</script>\x1b]0;", [Label(0.0, '"><img onerror=x>')])
    ElementTree.fromstring(text)
    assert "<script" not in text
    assert "<img" not in text
    assert "\x1b" not in text
    assert safe('a"b<\u202e') == "a&quot;b&lt;\\u202e"


def test_runs_when_mask_has_stretches_then_each() -> None:
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, bool)) == []
    assert re.search("gap", strip(np.full(5, np.nan), 250.0, "")) is not None
