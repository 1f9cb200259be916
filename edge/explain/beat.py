"""What a beat's networks saw and remembered, for those who want to look inside. Pure: time is an argument.

Off unless asked for. :class:`edge.explain.seen.Watch` keeps what the networks were shown; here it becomes the body of
one message, for at most one beat a second, once the beat's own answers are out. It decides nothing, and no answer
depends on it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artefact import Models
from edge.cnn import softmax
from edge.explain.graph import Graph
from edge.explain.layers import FeatureMap, Layers
from edge.explain.seen import TRAIL_S, Look, Step, Watch
from edge.explain.weigh import GROUPS, Weigher
from edge.fusion import Fusion
from edge.rpeaks import SEARCH_AHEAD, SEARCH_BACK, deflection
from edge.types import AAMI, Beat
from firmware_bridge.types import BadInput

F32 = NDArray[np.float32]

LEAST_APART_S = 1.0
"""No more than one beat is explained in this time. One that comes earlier waits for its end, unless a newer one comes:
so of a bigeminy both beats are explained by turns, not the same one for ever."""

LATEST_S = 2.0
"""A beat that has not found quiet moments enough by then is not explained any more."""

MOST_BYTES = 60_000
"""Of the message's arrays; the message stays below 64 kB."""

EVERY = 2
"""Of the GRU's states every second one is told: 62.5 a second at 125 Hz."""

H_SCALE = 1.0 / 127.0
P_SCALE = 1.0 / 255.0
UV_MV = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A beat that is to be explained: its early answer, what the networks saw, the beat before, since when."""

    beat: Beat
    look: Look
    before: Beat | None
    since_s: float


class Explainer:
    """Takes beats as they are answered and explains the newest when asked to, in steps of a fraction of a millisecond.

    Parameters
    ----------
    models : Models
        What the pipeline runs. Give `watched` to the pipeline instead.

    Attributes
    ----------
    watched : Models
        The same models, watched.
    n_dropped : int
        Beats that are not explained: a newer one came first, or there was no quiet moment.

    Raises
    ------
    BadInput
        When the models' graphs are not those that can be looked into, or too large for a message.
    """

    def __init__(self, models: Models) -> None:
        self._watch = Watch(models.fs)
        self.watched = self._watch.over(models)
        self._fs = models.fs
        self._before = models.manifests["beat_cnn"].before
        delay = models.manifests["gru"].delay
        self._answered = delay["class"] - delay["filter"]
        self._layers = Layers(models.beat_cnn.content, "beat_cnn")
        fusion = models.fusion
        self._weigher = Weigher(fusion.content, "fusion") if isinstance(fusion, Fusion) else None
        self._n_hidden = n_hidden(models.gru.content, models.gru.n_out)
        n_states = round(TRAIL_S * models.fs) // EVERY
        n_bytes = self._layers.n_bytes + n_states * (self._n_hidden + 6) + 4 * n_states
        if n_bytes * 4 // 3 > MOST_BYTES:
            raise BadInput(
                f"explain: the networks' insides take {n_bytes * 4 // 3} bytes a message, expected at most "
                f"{MOST_BYTES}; these models are too large for it, run without --explain"
            )
        self._waiting: _Waiting | None = None
        self._parts: dict[str, Any] = {}
        self._final: Beat | None = None
        self._last_s = float("-inf")
        self.n_dropped = 0

    # -- when ------------------------------------------------------------------------------------------------

    def on_beat(self, beat: Beat, now_s: float) -> None:
        """An answer about a beat was given at monotonic time `now_s`."""
        if beat.final:
            self._final = beat
            return
        look = self._watch.look
        if look is None or not _is_of(beat, look.early):
            return
        self.n_dropped += self._waiting is not None
        before = self._final if self._final is not None and self._final.id == beat.id - 1 else None
        self._parts = {}
        self._waiting = _Waiting(
            beat, look, before if before and _is_of(before, look.before) else None, now_s
        )

    def waits(self, now_s: float) -> bool:
        """Whether a beat is to be explained now; one that waited too long is given up."""
        if self._waiting is None or now_s - self._last_s < LEAST_APART_S:
            return False
        if now_s - self._waiting.since_s > LATEST_S:
            self._waiting = None
            self.n_dropped += 1
        return self._waiting is not None

    def step(self, now_s: float) -> tuple[Beat, dict[str, Any]] | None:
        """One of three steps for the beat that waits, if one does. The last gives its early answer and the body."""
        waiting = self._waiting
        if waiting is None:
            return None
        beat, look, parts = waiting.beat, waiting.look, self._parts
        if "cnn" not in parts:
            parts["cnn"] = self._cnn(look)
            return None
        if "gru" not in parts:
            parts["gru"] = self._gru(look.trail)
            return None
        parts["fusion"] = self._fusion(look, AAMI.index(beat.plain_aami), waiting.before)
        self._waiting, self._last_s = None, now_s
        return beat, {
            "id": beat.id,
            "aami": beat.aami,
            "warming": beat.warming,
            "readable": beat.readable,
            "classes": AAMI,
            **parts,
            "n_dropped": self.n_dropped,
        }

    # -- what ------------------------------------------------------------------------------------------------

    def _cnn(self, look: Look) -> dict[str, Any]:
        inside = self._layers.look(look.image)
        return {
            "fs": self._fs,
            "before": self._before,
            "image": _map(inside.image),
            "layers": [_map(layer) for layer in inside.maps],
            "spoke": None if inside.spoke is None else _rounded(inside.spoke),
            "probs": _rounded(softmax(look.cnn)),
        }

    def _gru(self, trail: list[Step]) -> dict[str, Any]:
        last = (len(trail) - 1) % EVERY
        some = trail[last::EVERY]
        states = np.concatenate([s for _, s, _ in some])[:, -self._n_hidden :]
        logits = np.stack([y for _, _, y in some])
        posteriors = np.concatenate([1.0 / (1.0 + np.exp(-logits[:, :1])), _softmax(logits[:, 1:6])], axis=1)
        ecg = np.array([x for x, _, _ in trail[last:]], np.float32)
        start = max(0, len(ecg) - self._answered - SEARCH_BACK - 2)  # where `edge.rpeaks.refine` looked too
        nearby = ecg[start : start + SEARCH_BACK + SEARCH_AHEAD + 3]
        now = trail[-1][2]
        return {
            "fs": self._fs / EVERY,
            "fs_ecg": self._fs,
            "r_peak": round(start + deflection(nearby)[0]),
            "ecg": packed(np.rint(ecg / UV_MV), "int16", UV_MV),
            "h": packed(np.rint(states / np.float32(H_SCALE)), "int8", H_SCALE),
            "posteriors": packed(np.rint(posteriors / P_SCALE), "uint8", P_SCALE),
            "probs": _rounded(softmax(now[1:6])),
            "before": _rounded(softmax(now[6:11])),
        }

    def _fusion(self, look: Look, called: int, before: Beat | None) -> dict[str, Any]:
        body: dict[str, Any] = {"probs": _rounded(look.early), "weighed": None, "before": None}
        if before is not None:
            body["before"] = {"id": before.id, "aami": before.aami, "probs": _rounded(look.before)}
        if self._weigher is not None:
            found = self._weigher.weigh(look.row, look.memory, called)
            adds = {name: round(v, 3) for name, v in zip(GROUPS, found.adds, strict=True)}
            body["weighed"] = {
                "of": AAMI[called],
                "usual": round(found.usual, 3),
                "adds": adds,
                "answer": round(found.answer, 3),
            }
        return body


def n_hidden(content: bytes, n_out: int) -> int:
    """Hidden units of the GRU in a .tflite file with `n_out` outputs: what its last dense layer takes.

    Raises
    ------
    BadInput
        When there is no such layer.
    """
    graph = Graph(content, "gru")
    heads = [op for op in graph.ops if op.name == "FULLY_CONNECTED" and graph.shape(op.makes[0])[-1] == n_out]
    if len(heads) != 1:
        raise graph.stranger(f"it has {len(heads)} dense layers with {n_out} outputs, expected 1")
    return graph.shape(heads[0].takes[0])[-1]


def packed(x: NDArray[Any], dtype: str, scale: float, zero: int = 0) -> dict[str, Any]:
    """An array for JSON: its bytes (little endian, last axis fastest) in base64; real values (x - zero) * scale.

    Values that `dtype` cannot hold are clipped.
    """
    kind = np.dtype(dtype).newbyteorder("<")
    info = np.iinfo(kind)
    data = np.clip(x, info.min, info.max).astype(kind).tobytes()
    text = base64.b64encode(data).decode()
    return {"shape": list(x.shape), "dtype": dtype, "scale": scale, "zero": zero, "data": text}


def _map(layer: FeatureMap) -> dict[str, Any]:
    return {**packed(layer.x, "int8", layer.scale, layer.zero), "reach": layer.reach}


def _is_of(beat: Beat, probs: F32) -> bool:
    """Whether `probs` are what the fusion said in this answer, before any correction."""
    return tuple(probs.tolist()) == (beat.probs if beat.plain is None else beat.plain)


def _softmax(logits: F32) -> F32:
    e = np.exp(logits - logits.max(1, keepdims=True))
    out: F32 = e / e.sum(1, keepdims=True)
    return out


def _rounded(x: F32) -> list[Any]:
    return np.round(x.astype(np.float64), 4).tolist()  # type: ignore[no-any-return]
