"""Shipped models: a .tflite file and the manifest that says what it is. Loading verifies all of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from edge.af import AF_INPUTS, AfModel
from edge.cnn import Int8Cnn
from edge.filters import Cascade
from edge.fusion import FUSION_INPUTS, BeatFuser, Fusion, MeanFusion
from edge.gru import GruModel
from edge.rhythm import AfJudge
from edge.rpeaks import SEARCH_AHEAD
from edge.types import AAMI, RHYTHMS
from edge.windows import RING_SIZE
from firmware_bridge.types import BadInput

KINDS = ("gru", "beat_cnn", "rhythm_cnn", "af", "fusion")
MANIFEST_VERSION = 1

NEEDED: dict[str, dict[str, tuple[str, ...]]] = {
    "gru": {
        "delay": ("qrs", "class", "filter"),
        "thresholds": ("qrs_logit", "clip_mv"),
        "calibration": ("peak_lag",),
    },
}
"""Entries that the pipeline reads, by kind and field."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model is. `fs` in Hz; `window`, `before`, `hop` and `delay` entries in samples at `fs`.

    `sos` holds the filters in front of the model; `thresholds` and `calibration` what was chosen on patients
    held out of its training; `trained_on`, `results` and `parity` say where it comes from and how good it is.
    """

    kind: str
    version: int
    name: str
    sha256: str
    fs: float
    units: str
    classes: tuple[str, ...]
    sos: tuple[tuple[float, ...], ...] = ()
    window: int = 0
    before: int = 0
    hop: int = 0
    delay: dict[str, int] = {}
    thresholds: dict[str, float] = {}
    calibration: dict[str, float] = {}
    inputs: tuple[str, ...] = ()
    gate_order: str = ""
    trained_on: dict[str, Any] = {}
    results: dict[str, Any] = {}
    parity: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Models:
    """Everything the pipeline runs, weights only: one set serves any number of patients."""

    gru: GruModel
    beat_cnn: Int8Cnn
    rhythm_cnn: Int8Cnn
    af: AfJudge
    fusion: BeatFuser
    manifests: dict[str, Manifest]

    @property
    def fs(self) -> float:
        """Rate of the models in Hz."""
        return self.manifests["gru"].fs


def shipped() -> Path:
    """The folder of the models that come with heartwire."""
    return Path(__file__).parent / "artefacts"


def load_models(path: Path | None = None) -> Models:
    """Load and verify the five models.

    Parameters
    ----------
    path : Path, optional
        A folder with ``gru``, ``beat_cnn``, ``rhythm_cnn``, ``af`` and ``fusion``; the shipped one by default.

    Raises
    ------
    BadInput
        Naming the file and what does not fit: missing, wrong hash, wrong shape, rates that differ.
    """
    root = path or shipped()
    networks = load_networks(root)
    fusion, manifest = load_fusion(root, networks.fs)
    return replace(networks, fusion=fusion, manifests={**networks.manifests, "fusion": manifest})


def load_fusion(root: Path, fs: float) -> tuple[Fusion, Manifest]:
    """The fusion in ``root/fusion`` and its manifest, for networks at `fs` Hz. BadInput as :func:`load_models`."""
    manifest, content = _read(root / "fusion", "fusion")
    if manifest.inputs != FUSION_INPUTS:
        raise BadInput(f"{root / 'fusion'}: its inputs are not those of this heartwire; fit it again")
    if manifest.fs != fs:
        raise BadInput(f"{root / 'fusion'}: made for {manifest.fs:g} Hz, the networks run at {fs:g} Hz")
    return Fusion(content, f"{root / 'fusion'}"), manifest


def load_networks(root: Path) -> Models:
    """The networks alone, with a fusion that knows no better than the mean of them (for fitting one)."""
    read = {kind: _read(root / kind, kind) for kind in KINDS[:4]}
    manifests = {kind: manifest for kind, (manifest, _) in read.items()}
    rates = {m.fs for m in manifests.values()}
    _check_fit(root, manifests["gru"], manifests["beat_cnn"], manifests["rhythm_cnn"])
    if len(rates) != 1:
        raise BadInput(f"{root}: the models run at different rates {sorted(rates)} Hz; export them together")
    return Models(
        gru=GruModel(read["gru"][1], 1 + 2 * len(AAMI), f"{root / 'gru'}"),
        beat_cnn=_cnn(root, read["beat_cnn"], 3, AAMI),
        rhythm_cnn=_cnn(root, read["rhythm_cnn"], 1, RHYTHMS),
        af=_af(root, read["af"]),
        fusion=MeanFusion(),
        manifests=manifests,
    )


def load_rhythm_cnn(root: Path) -> Int8Cnn:
    """The rhythm CNN alone, of a folder that holds no other network. Raises BadInput as :func:`load_models` does."""
    return _cnn(root, _read(root / "rhythm_cnn", "rhythm_cnn"), 1, RHYTHMS)


def _check_fit(root: Path, gru: Manifest, beat: Manifest, rhythm: Manifest) -> None:
    """Windows must lie in what the ring keeps and be complete when a beat is answered."""
    if gru.classes != AAMI:
        raise BadInput(f"{root / 'gru'}: classes {list(gru.classes)}, expected {list(AAMI)}; fit it again")
    if not gru.sos:
        raise BadInput(f"{root / 'gru'}: its manifest has no filters (sos); export the model again")
    Cascade(gru.sos)
    lead_time = gru.delay["class"] - gru.delay["filter"] - SEARCH_AHEAD
    if (
        not 0 < beat.before < beat.window <= beat.before + lead_time
        or not gru.delay["class"] > gru.delay["qrs"]
    ):
        raise BadInput(
            f"{root / 'beat_cnn'}: window {beat.window} with {beat.before} before the R-peak, expected at most "
            f"{lead_time} after it (what the delays of gru leave); export them together"
        )
    if not 0 < rhythm.hop <= rhythm.window <= RING_SIZE:
        raise BadInput(
            f"{root / 'rhythm_cnn'}: window {rhythm.window}, hop {rhythm.hop}, expected 0 < hop <= window <= "
            f"{RING_SIZE}; export the model again"
        )


def _af(root: Path, read: tuple[Manifest, bytes]) -> AfModel:
    if read[0].inputs != AF_INPUTS:
        raise BadInput(f"{root / 'af'}: its inputs are not those of this heartwire; fit it again")
    return AfModel(read[1], str(root / "af"))


def _cnn(root: Path, read: tuple[Manifest, bytes], n_channels: int, classes: tuple[str, ...]) -> Int8Cnn:
    manifest, content = read
    if manifest.classes != classes:
        raise BadInput(
            f"{root / manifest.kind}: classes {list(manifest.classes)}, expected {list(classes)}; fit it again"
        )
    return Int8Cnn(content, (1, manifest.window, n_channels), len(classes), str(root / manifest.kind))


def _read(folder: Path, kind: str) -> tuple[Manifest, bytes]:
    """One model's manifest and bytes, hash checked."""
    try:
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
        content = (folder / "model.tflite").read_bytes()
    except OSError as error:
        raise BadInput(
            f"{folder}: {error.strerror or error}; expected manifest.json and model.tflite"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(f"{folder / 'manifest.json'}: {error}; export the model again") from None
    if manifest.kind != kind or manifest.version != MANIFEST_VERSION:
        raise BadInput(
            f"{folder / 'manifest.json'}: kind {manifest.kind!r} version {manifest.version}, "
            f"expected {kind!r} version {MANIFEST_VERSION}; export the model again"
        )
    missing = [
        f"{field}.{key}"
        for field, keys in NEEDED.get(kind, {}).items()
        for key in keys
        if key not in getattr(manifest, field)
    ]
    if missing or not 20.0 <= manifest.fs <= 1000.0:
        what = f"no {', '.join(missing)}" if missing else f"fs {manifest.fs:g}, expected 20 to 1000 Hz"
        raise BadInput(f"{folder / 'manifest.json'}: {what}; export the model again")
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.sha256:
        raise BadInput(
            f"{folder / 'model.tflite'}: sha256 {found[:12]}..., manifest says {manifest.sha256[:12]}...; "
            "the file was changed or damaged, install heartwire again"
        )
    return manifest, content
