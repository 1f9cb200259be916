"""What a subscriber takes for an explanation: a monitor's own, whole, and nothing that is not like it."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from edge.artefact import load_models
from edge.explain import message as explained
from edge.explain.beat import Explainer
from edge.messages import Composer
from edge.pipeline import Pipeline
from edge.types import Beat
from edge.ward.heard import Heard, read
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import SampleBlock

FS = 250.0


@pytest.fixture(scope="module")
def payload() -> bytes:
    """A real message about a real answer."""
    explainer = Explainer(load_models())
    pipeline = Pipeline(explainer.watched)
    mv = VirtualPatient(FS, 1, "sinus:9s rate=70").read(2000).mv
    composer = Composer("bed4", "b00t")
    message = None
    for k in range(0, len(mv), 5):
        for event in pipeline.push(SampleBlock("bed4", k, FS, mv[k : k + 5], ("II",))):
            if isinstance(event, Beat):
                explainer.on_beat(event, k / FS)
        if explainer.waits(k / FS) and (found := explainer.step(k / FS)) is not None:
            message = composer.explain(*found, lambda sample: 1.7e9 + sample / FS)
    assert message is not None
    assert (message.topic, message.retain, message.qos, message.key) == (
        "heartwire/bed4/explain",
        False,
        0,
        None,
    )
    assert composer.seq == 0
    return message.payload


def test_message_when_a_monitor_made_it_then_every_number_arrives(payload: bytes) -> None:
    heard = read(["explain"], payload)
    assert heard is not None
    fact, body = heard.fact, json.loads(payload)
    assert isinstance(fact, explained.ExplainHeard)
    assert (heard.boot_id, heard.seq, heard.late) == ("b00t", -1, False)
    again = json.loads(msgspec.json.encode(fact))
    assert again["cnn"] == {**body["cnn"], "image": {**body["cnn"]["image"], "reach": 1}}
    assert again["fusion"] == body["fusion"]
    assert again["gru"]["h"]["data"] == body["gru"]["h"]["data"]
    assert (again["id"], again["aami"], again["delay_ms"]) == (body["id"], body["aami"], body["delay_ms"])
    assert fact.t_ms == pytest.approx(1.7e12, rel=1e-6)
    assert 200.0 < body["delay_ms"] < 260.0


def test_fields_when_one_is_absent_then_nothing_is_heard(payload: bytes) -> None:
    whole = json.loads(payload)
    optional = {"reach", "boot_id", "classes", "synced"}
    n = 0
    for path in _paths(whole):
        body = copy.deepcopy(whole)
        inner: Any = body
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        if path[-1] in optional:
            continue
        assert read(["explain"], json.dumps(body).encode()) is None, path
        n += 1
    assert n > 40


def _paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return []
    return [p for key, v in value.items() for p in [(*path, key), *_paths(v, (*path, key))]]


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        inner: Any = body
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to

    return change


BAD = {
    "class": _set("aami", to="<b>"),
    "no text for names": _set("fusion", "weighed", "of", to="constructor"),
    "id": _set("id", to=-1),
    "time": _set("t", to="yesterday"),
    "probability": _set("cnn", "probs", 0, to=1.5),
    "five of them": _set("gru", "probs", to=[0.2] * 4),
    "scale": _set("gru", "h", "scale", to=0.0),
    "rate": _set("gru", "fs", to=1e9),
    "kind": _set("gru", "h", "dtype", to="float64"),
    "shape": _set("gru", "h", "shape", to=[1, 1]),
    "shape of three": _set("cnn", "image", "shape", to=[1, 128, 3]),
    "huge shape": _set("gru", "h", "shape", to=[4096, 4096]),
    "no cells": _set("gru", "h", "shape", to=[0, 64]),
    "channels": _set("cnn", "image", "shape", to=[192, 2]),
    "no base64": _set("gru", "h", "data", to="<script>"),
    "short": _set("gru", "ecg", "data", to=base64.b64encode(b"abc").decode()),
    "peak outside": _set("gru", "r_peak", to=4000),
    "no layers": _set("cnn", "layers", to=[]),
    "many layers": _set("cnn", "layers", to=[{}] * 40),
    "spoken elsewhere": _set("cnn", "spoke", to=[[0.0] * 5]),
    "group": _set("fusion", "weighed", "adds", to={"gru": 1.0}),
    "number": _set("fusion", "weighed", "answer", to=1e300),
    "object": _set("gru", to=[]),
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_message_when_a_value_is_no_monitors_then_nothing_is_heard(
    payload: bytes, change: Callable[[dict[str, Any]], None]
) -> None:
    body = json.loads(payload)
    change(body)
    assert read(["explain"], json.dumps(body).encode()) is None


def test_message_when_bytes_are_lost_or_turned_then_never_an_error(payload: bytes) -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        data = bytearray(payload)
        for at in rng.integers(0, len(data), 3):
            data[at] = rng.integers(0, 256)
        said = read(["explain"], bytes(data[: rng.integers(1, len(data) + 1)]))
        assert said is None or isinstance(said, Heard)


def test_message_when_too_long_then_nothing_is_heard(payload: bytes) -> None:
    spaces = b" " * (explained.MAX_BYTES - len(payload))
    assert read(["explain"], payload + spaces) is not None
    assert read(["explain"], payload + spaces + b" ") is None


def test_message_when_nothing_was_weighed_then_heard_all_the_same(payload: bytes) -> None:
    body = json.loads(payload)
    body["fusion"].update(weighed=None, before=None)
    body["cnn"]["spoke"] = None
    heard = read(["explain"], json.dumps(body).encode())
    assert heard is not None
    assert isinstance(heard.fact, explained.ExplainHeard)
    assert heard.fact.fusion.weighed is None
