"""What every layer of a network says of a beat: the shipped kinds, and the same shapes never trained.

The weights come out of the artefacts. The int8 network is run in float, each layer in its own quanta: for a map or a
linear probe a layer's unit does not matter, and rounding is all that is left out (a test holds the answers together).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.artefact import load_networks
from train.augment import Strip
from train.beat_images import STORE, images_of, readable
from train.dataset import Patient
from train.gru_layer import run_layer
from train.models import KERNEL, BeatCnn, GruConfig, GruNet
from train.tflite_read import gru_weights, int8_net

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

CONTEXT = 2 * (KERNEL - 1)
"""Samples before the newest one that the GRU's stem sees at once."""

STRETCH = 16384
"""Samples that a state is carried over at once."""

CNN_LAYERS = ("image", "conv 1", "conv 2", "conv 3", "conv 4", "logits")
GRU_LAYERS = ("17 samples", "conv 1", "conv 2", "state", "logits")


@dataclass(frozen=True, slots=True)
class Pair:
    """A GRU and a beat CNN, and how many samples after an R-peak (on the filtered lead) the GRU's class is read."""

    gru: GruNet
    cnn: BeatCnn
    class_delay: int


def shipped_pair(folder: Path) -> Pair:
    """The two networks below `folder`, as :mod:`train.models` knows them.

    Raises
    ------
    BadInput
        When an artefact is damaged or its graph is another one.
    """
    models = load_networks(folder)
    manifest = models.manifests["gru"]
    return Pair(
        gru_of(models.gru.content, str(folder / "gru")),
        cnn_of(models.beat_cnn.content, str(folder / "beat_cnn")),
        manifest.delay["class"],
    )


def untrained_pair(seed: int) -> Pair:
    """The same shapes as PyTorch begins them: what the wiring alone is worth."""
    torch.manual_seed(seed)
    config = GruConfig()
    return Pair(GruNet(config).eval(), BeatCnn().eval(), config.class_delay - 1)


def gru_of(content: bytes, where: str) -> GruNet:
    """The step model as a network that takes whole stretches."""
    w = gru_weights(content, where)
    n1, kernel = w.stem1_weight.shape
    n2, hidden = len(w.stem2_bias), w.weight_hh.shape[1]
    net = GruNet(GruConfig(n_stem1=n1, n_stem2=n2, n_hidden=hidden)).eval()
    stem2 = w.stem2_weight.reshape(n2, kernel, n1).transpose(0, 2, 1)
    named = {
        "stem1.weight": w.stem1_weight[:, None],
        "stem1.bias": w.stem1_bias,
        "stem2.weight": stem2,
        "stem2.bias": w.stem2_bias,
        "gru.weight_ih_l0": w.weight_ih,
        "gru.weight_hh_l0": w.weight_hh,
        "gru.bias_ih_l0": w.bias_ih,
        "gru.bias_hh_l0": w.bias_hh,
        "head.weight": w.head_weight,
        "head.bias": w.head_bias,
    }
    net.load_state_dict(
        {k: torch.tensor(np.ascontiguousarray(v), dtype=torch.float32) for k, v in named.items()}
    )
    return net


def cnn_of(content: bytes, where: str) -> BeatCnn:
    """The int8 network in float, without its rounding: inputs and logits in their own units, layers in quanta."""
    net = int8_net(content, where)
    out = BeatCnn(net.layers[0].n_given, net.layers[0].weight.shape[2], len(net.layers[-1].bias)).eval()
    named: dict[str, Tensor] = {}
    for k, layer in enumerate(net.layers):
        weight = layer.weight.astype(np.float64) * layer.rescale[:, None, None]
        bias = layer.bias * layer.rescale
        last = k == len(net.layers) - 1
        if k == 0:
            weight = weight / net.in_scale
        if last:
            weight, bias = weight[:, 0] * net.out_scale, bias * net.out_scale
        name = "dense" if last else f"convs.{k}"
        named[f"{name}.weight"] = torch.tensor(
            weight if last else weight.transpose(0, 2, 1), dtype=torch.float32
        )
        named[f"{name}.bias"] = torch.tensor(bias, dtype=torch.float32)
    out.load_state_dict(named)
    return out


@torch.no_grad()
def cnn_maps(net: BeatCnn, images: F32) -> dict[str, F32]:
    """Every layer of :data:`CNN_LAYERS`: (n, time, channels) of images (n, WINDOW, 3); the logits (n, 1, classes)."""
    out: dict[str, F32] = {"image": images}
    z = torch.from_numpy(images).transpose(1, 2)
    for k, conv in enumerate(net.convs):
        z = torch.relu(conv(z))
        out[f"conv {k + 1}"] = z.transpose(1, 2).contiguous().numpy()
    out["logits"] = net.dense(z.transpose(1, 2).flatten(1))[:, None].numpy()
    return out


@torch.no_grad()
def gru_maps(net: GruNet, lead: F32, keep: I64) -> dict[str, F32]:
    """Every layer of :data:`GRU_LAYERS` at samples `keep` (ascending) of a lead (n,) begun cold: (n_keep, width)."""
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), lead])
    parts: dict[str, list[F32]] = {name: [] for name in GRU_LAYERS}
    state = torch.zeros(1, 1, net.config.n_hidden)
    for start in range(0, len(lead), STRETCH):
        end = min(start + STRETCH, len(lead))
        x = torch.from_numpy(np.ascontiguousarray(padded[start : end + CONTEXT]))
        first = torch.relu(net.stem1(x[None, None] * net.config.input_gain))
        if start == 0:  # a cold step model has heard nothing, not even silence
            first[..., : KERNEL - 1] = 0.0
        second = torch.relu(net.stem2(first))
        h, state = run_layer(net.gru, second.transpose(1, 2), state)
        own = keep[(keep >= start) & (keep < end)] - start
        at = torch.from_numpy(own)
        parts["17 samples"].append(
            np.stack([x[k : k + CONTEXT + 1].numpy() for k in own]) if len(own) else _none()
        )
        parts["conv 1"].append(first[0].T[at + KERNEL - 1].numpy())
        parts["conv 2"].append(second[0].T[at].numpy())
        parts["state"].append(h[0][at].numpy())
        parts["logits"].append(net.head(h[0][at]).numpy())
    return {name: np.concatenate(found) for name, found in parts.items()}


def _none() -> F32:
    return np.zeros((0, CONTEXT + 1), np.float32)


def images_at(patient: Patient, index: I64) -> tuple[F32, NDArray[np.bool_]]:
    """(images (n, WINDOW, 3) of these beats of a patient, which of them have one); the template grows as by the bed."""
    strip = Strip(np.ascontiguousarray(patient.x[:, 0]), patient.r, patient.c, patient.mask)
    images, _ = images_of(strip, np.random.default_rng(0), doubt=0.0)
    place = {beat: k for k, beat in enumerate(readable(strip))}
    found = np.array([int(k) in place for k in index], bool)
    chosen = np.array([place.get(int(k), 0) for k in index], np.int64)
    return images[chosen].astype(np.float32) / np.float32(STORE), found
