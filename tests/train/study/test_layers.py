"""Layers: read from the artefacts they answer as the artefacts do, and a beat's image is its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

import torch

from edge.artefact import load_networks, shipped
from train.augment import Strip
from train.beat_images import BEFORE, readable
from train.dataset import Patient
from train.study import layers
from train.study.layers import (
    CNN_LAYERS,
    GRU_LAYERS,
    Pair,
    cnn_maps,
    gru_maps,
    images_at,
    shipped_pair,
    untrained_pair,
)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return shipped_pair(shipped())


def test_gru_maps_when_compared_with_the_step_model_then_its_logits_are_the_artefacts(pair: Pair) -> None:
    lead = np.random.default_rng(0).normal(0.0, 0.5, 700).astype(np.float32)
    model = load_networks(shipped()).gru
    state = model.new_state()
    theirs = np.stack([model.step(float(v), state) for v in lead])
    keep = np.arange(300, 700, 7)
    maps = gru_maps(pair.gru, lead, keep)
    assert np.abs(maps["logits"] - theirs[keep]).max() < 1e-3
    assert [(name, m.shape[1]) for name, m in maps.items()] == list(
        zip(GRU_LAYERS, (17, 16, 32, 64, 11), strict=True)
    )
    assert (maps["17 samples"][:, -1] == lead[keep]).all()
    assert np.allclose(maps["state"][-1], state.s[0, -64:], atol=1e-3)


def test_gru_maps_when_a_stretch_ends_then_the_state_goes_on(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = np.random.default_rng(0).normal(0.0, 0.5, 700).astype(np.float32)
    keep = np.array([5, 99, 100, 101, 400, 699])
    whole = gru_maps(pair.gru, lead, keep)
    monkeypatch.setattr(layers, "STRETCH", 100)
    parts = gru_maps(pair.gru, lead, keep)
    assert all(np.allclose(whole[name], parts[name], atol=1e-5) for name in GRU_LAYERS)


def test_gru_maps_when_the_head_reads_the_state_then_it_gives_the_logits(pair: Pair) -> None:
    lead = np.random.default_rng(1).normal(0.0, 0.5, 400).astype(np.float32)
    maps = gru_maps(pair.gru, lead, np.array([100, 399]))
    with torch.no_grad():
        again = pair.gru.head(torch.from_numpy(maps["state"])).numpy()
    assert np.allclose(again, maps["logits"], atol=1e-5)


def test_cnn_maps_when_compared_with_the_int8_network_then_only_rounding_is_between(pair: Pair) -> None:
    rng = np.random.default_rng(2)
    images = np.clip(rng.normal(0.0, 1.0, (30, 128, 3)).cumsum(1) / 6.0, -4, 4).astype(np.float32)
    model = load_networks(shipped()).beat_cnn
    theirs = np.stack([model.logits(image) for image in images])
    maps = cnn_maps(pair.cnn, images)
    assert tuple(maps) == CNN_LAYERS
    assert [m.shape[1:] for m in maps.values()] == [(128, 3), (64, 16), (32, 32), (16, 48), (8, 64), (1, 5)]
    difference = np.abs(maps["logits"][:, 0] - theirs)
    assert float(np.median(difference)) < 0.25
    assert (maps["logits"][:, 0].argmax(1) == theirs.argmax(1)).mean() >= 0.9


def test_images_at_when_beats_are_named_then_their_own_images_come(
    virtual_patient: Callable[..., Patient],
) -> None:
    patient = virtual_patient()
    strip = Strip(np.ascontiguousarray(patient.x[:, 0]), patient.r, patient.c, patient.mask)
    rows = readable(strip)
    images, found = images_at(patient, np.array([rows[5], rows[9]]))
    assert images.shape == (2, 128, 3)
    assert found.all()
    around = np.abs(images[:, BEFORE - 20 : BEFORE + 18, 0]).argmax(1)
    assert (np.abs(around - 20) <= 3).all()
    assert not images_at(patient, np.array([0]))[1].any()


def test_untrained_pair_when_made_twice_then_the_seed_alone_decides() -> None:
    one, same, other = untrained_pair(3), untrained_pair(3), untrained_pair(4)
    assert torch.equal(one.cnn.dense.weight, same.cnn.dense.weight)
    assert not torch.equal(one.gru.head.weight, other.gru.head.weight)
