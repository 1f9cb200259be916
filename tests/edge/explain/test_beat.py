"""The body of ``explain``, unpacked and held against the networks run by hand, and when a beat is explained."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from edge.artefact import Models, load_models
from edge.cnn import softmax
from edge.explain.beat import LATEST_S, LEAST_APART_S, Explainer, n_hidden, packed
from edge.fusion import MeanFusion
from edge.pipeline import Pipeline
from edge.types import AAMI, Beat
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import BadInput, SampleBlock
from train.tflite_read import gru_weights

FS = 250.0
Told = tuple[Beat, dict[str, Any]]


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


def real(array: dict[str, Any]) -> np.ndarray:
    """The real values of a packed array, read without the code that packed it."""
    kind = {"int8": "<i1", "uint8": "<u1", "int16": "<i2"}[array["dtype"]]
    whole = np.frombuffer(base64.b64decode(array["data"]), kind).reshape(array["shape"])
    return (whole.astype(np.float64) - array["zero"]) * array["scale"]


def play(
    models: Models, script: str, seconds: float, chunk: int = 5
) -> tuple[list[Told], list[Beat], Explainer]:
    """What is told of a patient, in the time of the stream, one step a block; and all early answers."""
    explainer = Explainer(models)
    pipeline = Pipeline(explainer.watched, wave_ms=0.0)
    mv = VirtualPatient(FS, 3, script).read(round(seconds * FS)).mv
    told: list[Told] = []
    beats: list[Beat] = []
    for k in range(0, len(mv), chunk):
        now_s = k / FS
        for event in pipeline.push(SampleBlock("bed", k, FS, mv[k : k + chunk], ("II",))):
            if isinstance(event, Beat):
                explainer.on_beat(event, now_s)
                beats += [] if event.final else [event]
        if explainer.waits(now_s) and (found := explainer.step(now_s)) is not None:
            told.append(found)
    return told, beats, explainer


@pytest.fixture(scope="module")
def whole(models: Models) -> tuple[list[Told], list[Beat], Explainer]:
    return play(models, "sinus:20s rate=75 pvc=0.2", 20.0)


def test_gru_when_run_by_hand_from_a_cold_state_then_the_states_and_posteriors_told(models: Models) -> None:
    told, _, explainer = play(models, "sinus:20s rate=80", 3.0)
    _, body = told[0]
    look = explainer._watch.look
    assert look is not None
    gru = body["gru"]
    ecg = real(gru["ecg"])
    w = gru_weights(models.gru.content, "gru")
    h, context1, context2 = np.zeros(64), np.zeros(8), np.zeros(128)
    states, posteriors = [], []
    sigmoid = lambda v: 1.0 / (1.0 + np.exp(-v))  # noqa: E731
    # Less than four seconds in, the trail reaches back to the first sample: all of it can be run again.
    n = len([x for x, _, _ in look.trail])
    xs = [x for x, _, _ in look.trail]
    for x in xs:
        seen1 = np.append(context1, x)
        z1 = np.maximum(w.stem1_weight @ seen1 + w.stem1_bias, 0.0)
        seen2 = np.append(context2, z1)
        z2 = np.maximum(w.stem2_weight @ seen2 + w.stem2_bias, 0.0)
        gi, gh = w.weight_ih @ z2 + w.bias_ih, w.weight_hh @ h + w.bias_hh
        r, z = sigmoid(gi[:64] + gh[:64]), sigmoid(gi[64:128] + gh[64:128])
        h = (1.0 - z) * np.tanh(gi[128:] + r * gh[128:]) + z * h
        y = w.head_weight @ h + w.head_bias
        context1, context2 = seen1[1:], seen2[len(z1) :]
        states.append(h)
        posteriors.append(np.append(sigmoid(y[0]), softmax(y[1:6].astype(np.float32))))
    m = len(real(gru["h"]))
    # The newest beat may be a later one than the first told: compare where both have the same samples.
    first = [k for k in range(n) if abs(xs[k] - ecg[0]) < 1e-3 and len(xs) - k >= len(ecg)][:1]
    assert first
    at = first[0] + np.arange(m) * 2
    assert np.abs(ecg - np.array(xs[first[0] : first[0] + len(ecg)])).max() < 6e-4
    assert np.abs(real(gru["h"]) - np.array(states)[at]).max() < 0.5 / 127 + 1e-3
    assert np.abs(real(gru["posteriors"]) - np.array(posteriors)[at]).max() < 0.5 / 255 + 2e-3
    assert (gru["fs"], gru["fs_ecg"]) == (62.5, 125.0)


def test_body_when_a_beat_was_answered_then_all_of_it_is_about_that_beat(
    models: Models, whole: tuple[list[Told], list[Beat], Explainer]
) -> None:
    told, beats, explainer = whole
    early = {beat.id: beat for beat in beats}
    assert len(told) > 8
    assert {body["aami"] for _, body in told} >= {"N", "V"}
    for beat, body in told:
        assert beat == early[body["id"]]
        assert body["fusion"]["probs"] == pytest.approx(beat.probs, abs=6e-5)
        weighed = body["fusion"]["weighed"]
        p = beat.probs[AAMI.index(beat.aami)]
        assert weighed["of"] == beat.aami
        if p < 0.999:
            assert weighed["answer"] == pytest.approx(np.log(p / (1.0 - p)), abs=0.01)
        assert weighed["usual"] + sum(weighed["adds"].values()) == pytest.approx(weighed["answer"], abs=0.005)
        image, ecg, r = real(body["cnn"]["image"]), real(body["gru"]["ecg"]), body["gru"]["r_peak"]
        before = body["cnn"]["before"]
        # The same R-peak in both, and the same ECG round it, but for the patient's scale.
        assert np.abs(ecg[r - 1 : r + 2] - beat.r_peak.amp_mv).min() < 6e-4
        n = min(r, 40)
        a, b = image[before - n : before + 19, 0], ecg[r - n : r + 19]
        assert np.corrcoef(a, b)[0, 1] > 0.999
        if image[
            :, 1
        ].any():  # a usual beat is known: the third channel is the difference, where int8 holds it
            held = np.abs(image).max(1) < 2.4
            quantum = body["cnn"]["image"]["scale"]
            assert np.abs(image[:, 0] - image[:, 1] - image[:, 2])[held].max() < 1.6 * quantum
        assert sum(body["cnn"]["probs"]) == pytest.approx(1.0, abs=3e-4)
        if body["fusion"]["before"] is not None:
            assert body["fusion"]["before"]["id"] == beat.id - 1
    assert sum(body["fusion"]["before"] is not None for _, body in told) > 5
    assert explainer.n_dropped == told[-1][1]["n_dropped"]


def test_message_when_encoded_then_under_64_kb_and_nothing_in_it_but_numbers_and_known_words(
    whole: tuple[list[Told], list[Beat], Explainer],
) -> None:
    for _, body in whole[0]:
        text = msgspec.json.encode(body)
        assert len(text) < 40_000
        assert not {"nan", "inf"} & {str(v) for v in _leaves(msgspec.json.decode(text))}


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in _leaves(v)]
    return [leaf for v in value for leaf in _leaves(v)] if isinstance(value, list) else [value]


def test_beats_when_a_bigeminy_goes_on_then_both_kinds_are_explained_one_a_second(models: Models) -> None:
    told, beats, _ = play(models, "bigeminy:30s", 30.0)
    late = [body["aami"] for beat, body in told if beat.at > 10 * FS]
    assert min(late.count("N"), late.count("V")) > 4
    assert len(told) <= 30 / LEAST_APART_S + 1 < len(beats)


def test_beat_when_no_moment_is_quiet_then_it_is_given_up(models: Models) -> None:
    _, beats, explainer = play(models, "sinus:20s rate=75", 6.0)
    beat, look = beats[-1], explainer._watch.look
    assert look is not None
    explainer.on_beat(beat, 100.0)
    dropped = explainer.n_dropped
    assert explainer.waits(100.1)
    assert explainer.step(100.1) is None  # the first of three steps
    assert not explainer.waits(100.1 + LATEST_S)
    assert explainer.step(100.1 + LATEST_S) is None
    assert explainer.n_dropped == dropped + 1


def test_beat_when_the_networks_saw_another_one_then_it_is_not_explained(models: Models) -> None:
    _, beats, explainer = play(models, "sinus:20s rate=75", 6.0)
    explainer.on_beat(replace(beats[-1], probs=(0.2, 0.2, 0.2, 0.2, 0.2)), 100.0)
    assert not explainer.waits(100.1)
    corrected = replace(beats[-1], probs=(0.2, 0.2, 0.2, 0.2, 0.2), plain=beats[-1].probs)
    explainer.on_beat(corrected, 100.0)
    assert explainer.waits(100.1)


def test_explainer_when_the_fusion_is_no_network_then_nothing_is_weighed(models: Models) -> None:
    told, _, _ = play(replace(models, fusion=MeanFusion()), "sinus:20s rate=75", 6.0)
    assert told[-1][1]["fusion"]["weighed"] is None
    assert told[-1][1]["fusion"]["before"] is not None


def test_explainer_when_the_networks_are_too_large_then_one_line_says_so(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.explain.beat.MOST_BYTES", 10_000)
    with pytest.raises(
        BadInput, match=r"^explain: .* bytes a message, expected at most 10000; .*without --explain$"
    ):
        Explainer(models)


def test_packed_when_a_value_does_not_fit_then_clipped() -> None:
    assert real(packed(np.array([[-300.0, 5.0], [300.0, -6.0]]), "int8", 0.5)).tolist() == [
        [-64.0, 2.5],
        [63.5, -3.0],
    ]
    assert real(packed(np.array([-3, 40000]), "int16", 1.0)).tolist() == [-3.0, 32767.0]


def test_hidden_when_counted_then_those_of_the_trained_layer(models: Models) -> None:
    assert (
        n_hidden(models.gru.content, models.gru.n_out)
        == gru_weights(models.gru.content, "gru").weight_hh.shape[1]
    )
    with pytest.raises(BadInput, match="dense layers with 7 outputs, expected 1"):
        n_hidden(models.gru.content, 7)
