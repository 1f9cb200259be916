from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.rpeaks import DOUBT, DOUBT_WAIT, LONGEST_BACK, MISSED, MISSED_APART, USUAL
from firmware_bridge import c_export
from firmware_bridge.c_models import (
    FusionWeights,
    GruWeights,
    Int8Layer,
    Int8Net,
    NoiseSettings,
    Options,
    Settings,
)

F32 = NDArray[np.float32]


def drawn(*shape: int) -> F32:
    return np.random.default_rng(sum(shape)).normal(0.0, 1.0, shape).astype(np.float32)


GRU = GruWeights(
    drawn(2, 3),
    drawn(2),
    drawn(4, 6),
    drawn(4),
    drawn(15, 4),
    drawn(15),
    drawn(15, 5),
    drawn(15),
    drawn(7, 5),
    drawn(7),
)
LAYERS = (
    Int8Layer(
        np.arange(-9, 9, dtype=np.int8).reshape(3, 3, 2),
        np.array([5, -6, 7], np.int32),
        np.array([0.25, 0.003, 0.5]),
        in_zero=3,
        out_zero=-128,
        least=-128,
        most=127,
        n_given=10,
        n_made=5,
        stride=2,
        pad=1,
    ),
    Int8Layer(
        np.ones((3, 1, 15), np.int8), np.zeros(3, np.int32), np.full(3, 0.01), -128, 7, -128, 127, 1, 1
    ),
)
BEAT = Int8Net(LAYERS, 0.02, 3, 0.05, 7)
SOS = ((0.5, 0.25, 0.125, 1.0, -0.75, 0.0625),)
TAPS = (0.25, 0.5, 0.25, 0.0)
SETTINGS = Settings(
    fs=125.0,
    step=2,
    taps=TAPS,
    sos=SOS,
    clip_mv=8.0,
    qrs_logit=0.1,
    qrs_delay=13,
    class_delay=24,
    filter_delay=1,
    longest_wait=312,
    tick=25,
    peak_lag=0.5,
    learn_above=0.7,
    window=10,
    before=7,
    classes=("N", "S", "V"),
    origin=("gru-7, sha256 00ff",),
)

FUSION = FusionWeights(
    ("gru_N", "rr", "nothing"),
    *(drawn(*shape) for shape in ((3,), (3,), (4, 6), (4,), (6, 4), (6,), (6, 2), (6,), (6, 6), (6,))),
)
NOISE = NoiseSettings(
    500, 124, 125, 4, 10, 31, 512, (0, 5, 13, 37, 82), (7, 37, 3), 3, 1, {"muscle_fast": 0.25}
)
OPTIONS = Options(FUSION, NOISE, 32, BEAT, ("sinus", "vf", "noise"), 30, 25, 28)


def constants(text: str) -> dict[str, str]:
    return dict(re.findall(r"^#define (\w+) (.+)$", text, re.MULTILINE))


def table(text: str, name: str) -> list[float]:
    body = re.search(rf"\b{name}\[[^=]*= \{{(.*?)\}};", text, re.DOTALL)
    assert body, name
    return [float(word.strip("{} \n").rstrip("f")) for word in body[1].split(",")]


def test_files_when_written_then_every_weight_comes_back_bit_for_bit() -> None:
    text = c_export.files(GRU, BEAT, SETTINGS, OPTIONS)["heartwire_weights.c"]
    assert len(GRU.tables()) == 10
    for name, value in GRU.tables():
        assert np.array(table(text, name), np.float32).tobytes() == value.tobytes(), name
    assert tuple(table(text, "hw_taps")) == TAPS
    for k, layer in enumerate(LAYERS):
        assert table(text, f"hw_beat_layers_{k}_weight") == layer.weight.reshape(-1).tolist()
        assert table(text, f"hw_beat_layers_{k}_bias") == layer.bias.tolist()
    assert table(text, "hw_sos") == [0.5, 0.25, 0.125, -0.75, 0.0625]


def test_header_when_written_then_sizes_and_names_are_the_models() -> None:
    text = c_export.files(GRU, BEAT, SETTINGS, OPTIONS)["heartwire_weights.h"]
    got = constants(text)
    expected = {
        "HW_N_STEM1": 2,
        "HW_N_STEM2": 4,
        "HW_N_HIDDEN": 5,
        "HW_N_LOGITS": 7,
        "HW_KERNEL": 3,
        "HW_WINDOW": 10,
    }
    assert {name: int(got[name]) for name in expected} == expected
    assert [got[f"HW_CLASS_{name}"] for name in "NSV"] == ["0", "1", "2"]
    assert got["HW_WAIT"] == "11u"
    assert (got["HW_EVEN"], got["HW_ODD"]) == ("15", "20")
    assert "gru-7, sha256 00ff" in text
    assert got["HW_GRU_INT8"] == "0"
    assert got["HW_MOST_MV"] == "8.0f"


@pytest.mark.parametrize(("before", "size"), [(7, 512), (109, 512), (132, 512), (133, 1024)])
def test_header_when_the_window_reaches_back_then_the_ring_holds_it(before: int, size: int) -> None:
    got = constants(c_export.header(GRU, BEAT, replace(SETTINGS, before=before), OPTIONS))
    assert got["HW_RING_SHORT"] == f"{size}u"
    assert got["HW_RING_LONG"] == f"{size}u"
    latest = LONGEST_BACK - MISSED_APART + DOUBT_WAIT
    assert before + latest + SETTINGS.qrs_delay - SETTINGS.filter_delay + c_export.SEARCH_BACK < size


def test_header_when_r_peaks_are_told_then_their_limits_are_edges() -> None:
    got = constants(c_export.header(GRU, BEAT, replace(SETTINGS, qrs_logit=0.25), OPTIONS))
    assert (float(got["HW_DOUBT_LOGIT"][:-1]), float(got["HW_MISSED_LOGIT"][:-1])) == (
        0.25 + DOUBT,
        0.25 + MISSED,
    )
    assert got["HW_USUAL"] == str(USUAL)


@pytest.mark.parametrize("threshold", [0.0, 0.1, -0.1, 0.3, 1 / 3, -2.7, 1.5])
def test_header_when_the_threshold_is_no_float_then_comparing_floats_still_gives_the_same(
    threshold: float,
) -> None:
    text = constants(c_export.header(GRU, BEAT, replace(SETTINGS, qrs_logit=threshold), OPTIONS))[
        "HW_QRS_LOGIT"
    ]
    single = np.float32(text.rstrip("f"))
    near = np.float32(threshold)
    for logit in (np.nextafter(near, np.float32(-9)), near, np.nextafter(near, np.float32(9))):
        assert (logit > single) == (float(logit) > threshold)


def test_sources_when_listed_then_they_are_all_that_is_there() -> None:
    assert sorted((*c_export.SOURCES, "hw_frame.c")) == sorted(p.name for p in c_export.FOLDER.iterdir())
    for name in c_export.SOURCES:
        assert (c_export.FOLDER / name).read_text().count("\n") < 250
