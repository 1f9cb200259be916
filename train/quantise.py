"""Checkpoints to shipped artefacts: convert, check against the trained network, write model and manifest."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edge.af import AF_INPUTS
from edge.artefact import MANIFEST_VERSION, shipped
from edge.cnn import Int8Cnn
from edge.fusion import FUSION_INPUTS
from edge.gru import GruModel
from edge.types import AAMI, RHYTHMS
from firmware_bridge.types import BadInput
from train import beat_images, checkpoint, rhythm_windows, tflite_graphs, weak_labels
from train.beat_images import STORE
from train.dataset import Fold, fold_named, load_noise, load_patient, load_patients
from train.front import FS_MODEL, SOS
from train.models import KERNEL, BeatCnn, GruConfig, GruNet, RhythmCnn, fold_norms
from train.splits import Key

FILTER_LAG = 1
"""Whole samples after its true time round which an R-peak is looked for on the filtered lead: the 40 Hz low-pass'
group delay is 0.49 samples at 10 Hz and 0.65 at 20 Hz."""

PEAK_LAG = 0.5
"""What the low-pass delays the top of an R-wave by, in fractions of a sample: the virtual patient's peaks at 1 kHz
came 0.4 samples late, those of mitdb's training records 0.65 after their labels."""

QRS_LOGIT = 0.0
"""Threshold on the QRS logit until :mod:`train.tune` has chosen one on held-out patients."""


def arrays(state: dict[str, torch.Tensor]) -> tflite_graphs.Weights:
    """A state dict as float32 arrays."""
    return {name: value.detach().numpy().astype(np.float32) for name, value in state.items()}


def write(kind: str, content: bytes, out: Path, **fields: Any) -> None:
    """Write one artefact folder."""
    folder = out / kind
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    manifest = {
        "kind": kind,
        "version": MANIFEST_VERSION,
        "name": f"{kind}-1",
        "sha256": hashlib.sha256(content).hexdigest(),
        "fs": FS_MODEL,
        **fields,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


OF_BEATS = ["mitdb DS1 and paced", "svdb", "cinc2017 N and A (weak labels)", "nstdb noise"]


def trained_on(
    databases: list[str],
    recipe: dict[str, Any],
    command: str,
    runs: Path,
    held_out: Callable[[Fold], Iterable[Key]] = weak_labels.held_out,
) -> dict[str, Any]:
    """The manifest's account of where a model comes from; `runs` is named for the fold that it holds out.

    Of cinc2017, whose recordings are thousands, only the number held out is told.
    """
    out = ["/".join(key) for key in held_out(fold_named(runs.name))]
    recordings = [name for name in out if name.startswith("cinc2017/")]
    many = [f"{len(recordings)} recordings of cinc2017"] if recordings else []
    return {
        "databases": databases,
        "held_out": sorted(set(out) - set(recordings)) + many,
        "left_out": ["mitdb/201", "all of DS2"],
        "seed": recipe.get("seed"),
        "recipe": recipe,
        "command": command,
    }


@torch.no_grad()
def cold_start(
    config: GruConfig, weights: dict[str, torch.Tensor], x: NDArray[np.float32]
) -> NDArray[np.float32]:
    """PyTorch's logits (n, 11) of one lead (n,), every context of the stem zero before the first sample."""
    net = GruNet(config)
    net.load_state_dict(weights)
    pad = torch.nn.functional.pad
    z = torch.relu(net.stem1(pad(torch.from_numpy(x)[None, None] * config.input_gain, (KERNEL - 1, 0))))
    z = torch.relu(net.stem2(pad(z, (KERNEL - 1, 0))))
    h, _ = net.gru(z.transpose(1, 2))
    out: NDArray[np.float32] = net.head(h)[0].numpy()
    return out


def export_gru(runs: Path, out: Path) -> None:
    """The GRU, float32, one step a call; parity with PyTorch over a minute of a held-out patient."""
    saved = checkpoint.read(runs / "gru.pt")
    config = GruConfig(**saved["config"])
    content = tflite_graphs.gru_step(arrays(saved["ema"]), config)
    example = load_patient("mitdb", "116", "ds1")
    write(
        "gru",
        content,
        out,
        units="mV",
        classes=AAMI,
        sos=SOS,
        thresholds={"qrs_logit": QRS_LOGIT, "clip_mv": 8.0},
        delay={"qrs": config.qrs_delay, "class": config.class_delay - 1, "filter": FILTER_LAG},
        calibration={"peak_lag": PEAK_LAG},
        gate_order="r z n (PyTorch)",
        trained_on=trained_on(OF_BEATS, saved["recipe"], "python -m train fit gru", runs),
        parity=gru_parity(content, config, saved["ema"], example.x[:7500, 0]),
    )


def gru_parity(
    content: bytes, config: GruConfig, weights: dict[str, torch.Tensor], x: NDArray[np.float32]
) -> dict[str, float]:
    """How far the step model is from PyTorch's pass over the same lead `x` (n,), both from a cold state."""
    model = GruModel(content, 1 + 2 * config.n_classes, "gru")
    state = model.new_state()
    ours = np.stack([model.step(float(v), state) for v in x])
    theirs = cold_start(config, weights, x)
    return {"max_abs_logit_difference": float(np.abs(ours - theirs).max()), "samples": len(x)}


def export_beat_cnn(runs: Path, out: Path) -> None:
    """The beat network in int8, calibrated on a quarter of the training patients, checked on one held out."""
    patients, _ = load_patients(Fold())
    example = load_patient("svdb", "802", "svdb")
    noises = load_noise()
    sets = [beat_images.draw(p, 31 + i, noises) for i, p in enumerate(patients[::4])]
    _export_cnn(
        "beat_cnn",
        BeatCnn(),
        np.concatenate([s[0] for s in sets]),
        beat_images.plain(example)[0],
        runs,
        out,
        units="mV over the patient's scale",
        classes=AAMI,
        before=beat_images.BEFORE,
        databases=OF_BEATS,
    )


def export_rhythm_cnn(runs: Path, out: Path) -> None:
    """The rhythm network in int8; its manifest names those that its fold holds out."""
    fold = fold_named(runs.name)
    (calibration, _), (held, _) = rhythm_windows.build(fold)
    check = held if fold.n > 1 else calibration
    _export_cnn(
        "rhythm_cnn",
        RhythmCnn(),
        calibration,
        check,
        runs,
        out,
        units="mV over the window's 95th percentile",
        classes=RHYTHMS,
        hop=rhythm_windows.HOP,
        databases=["mitdb DS1", "svdb", "vfdb", "cudb", "cinc2017", "nstdb noise"],
        held_out=rhythm_windows.held_out,
    )


def _export_cnn(
    kind: str,
    net: torch.nn.Module,
    images: NDArray[np.int8],
    check: NDArray[np.int8],
    runs: Path,
    out: Path,
    *,
    databases: list[str],
    classes: tuple[str, ...],
    held_out: Callable[[Fold], Iterable[Key]] = weak_labels.held_out,
    **fields: Any,
) -> None:
    """A window network in int8; agreement with the float network on held-out windows `check`."""
    saved = checkpoint.read(runs / f"{kind}.pt")
    net.load_state_dict(saved["ema"])
    rng = np.random.default_rng(0)
    take = images[rng.choice(len(images), min(600, len(images)), replace=False)].astype(np.float32) / STORE
    content = cnn_of(net, take)
    shown = check[rng.choice(len(check), min(1500, len(check)), replace=False)]
    write(
        kind,
        content,
        out,
        classes=classes,
        window=images.shape[1],
        **fields,
        trained_on=trained_on(databases, saved["recipe"], f"python -m train fit {kind}", runs, held_out),
        parity=agreement(content, net, shown, images.shape[1], len(classes)),
    )


def cnn_of(net: torch.nn.Module, samples: NDArray[np.float32]) -> bytes:
    """A beat or rhythm network as a full-int8 file, calibrated on `samples` (n, window, n_channels)."""
    strides = [conv.stride[0] for conv in net.convs]
    return tflite_graphs.cnn_int8(
        arrays(fold_norms(net.state_dict())),
        strides,
        isinstance(net, BeatCnn),
        samples.shape[1],
        samples.shape[2],
        samples,
    )


@torch.no_grad()
def agreement(
    content: bytes, net: torch.nn.Module, images: NDArray[np.int8], window: int, n_classes: int
) -> dict[str, float]:
    """How far the int8 file is from the float network on the same windows."""
    net.eval()
    x = images.astype(np.float32) / STORE
    theirs = net(torch.from_numpy(x)).softmax(1).numpy()
    model = Int8Cnn(content, (1, window, x.shape[2]), n_classes, "check")
    ours = np.stack([model.probs(v) for v in x])
    return {
        "argmax_agreement": float((ours.argmax(1) == theirs.argmax(1)).mean()),
        "p99_abs_probability_difference": float(np.quantile(np.abs(ours - theirs), 0.99)),
        "windows": len(x),
    }


def export_af(runs: Path, out: Path) -> None:
    """The network that tells AF from RR intervals, float32."""
    saved = checkpoint.read(runs / "af.pt")
    write(
        "af",
        tflite_graphs.af(arrays(saved["net"])),
        out,
        units="see edge.af",
        classes=("af",),
        inputs=AF_INPUTS,
        trained_on={
            "patients": saved["patients"],
            "seed": saved["recipe"]["seed"],
            "recipe": saved["recipe"],
            "command": "python -m train fit af",
        },
        results=saved["results"],
    )


def export_fusion(runs: Path, out: Path) -> None:
    """The fusion network, float32."""
    saved = checkpoint.read(runs / "fusion.pt")
    content = tflite_graphs.beat_step(arrays(saved["net"]))
    write(
        "fusion",
        content,
        out,
        units="see edge.fusion",
        classes=AAMI,
        inputs=FUSION_INPUTS,
        gate_order="r z n (PyTorch)",
        trained_on={
            "patients": saved["patients"],
            "weak labels": "cinc2017, recordings labelled N and A",
            "rows": saved["rows"],
            "factors": saved["factors"],
            "seed": saved["recipe"]["seed"],
            "recipe": saved["recipe"],
            "command": saved["command"],
        },
        results=saved["results"],
    )


def note_ec57(scores: Path, out: Path) -> None:
    """Write what ``heartwire evaluate DIR --split ds2 --json > scores`` printed last into the fusion's manifest.

    Raises
    ------
    BadInput
        When the file does not end with such a summary, or there is no manifest.
    """
    manifest = out / "fusion" / "manifest.json"
    try:
        summary = json.loads(scores.read_text().splitlines()[-1])["summary"]
        fields = json.loads(manifest.read_text())
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        raise BadInput(
            f"{scores}: expected what `heartwire evaluate DIR --split ds2 --json` prints, and {manifest} beside it"
        ) from None
    fields["results"]["EC57, mitdb DS2, detected peaks, one lead, the whole monitor"] = summary
    manifest.write_text(json.dumps(fields, indent=1) + "\n")


EXPORTS: dict[str, Callable[[Path, Path], None]] = {
    "gru": export_gru,
    "beat_cnn": export_beat_cnn,
    "rhythm_cnn": export_rhythm_cnn,
    "af": export_af,
    "fusion": export_fusion,
}


def main(argv: list[str] | None = None) -> int:
    """``python -m train quantise [kind ...]``: write artefacts from the checkpoints in ``--runs``."""
    parser = argparse.ArgumentParser(prog="python -m train quantise", description=main.__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"default: {' '.join(EXPORTS)}")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, default=shipped())
    parser.add_argument(
        "--ec57", type=Path, metavar="FILE", help="note these scores in the manifests, do no more"
    )
    args = parser.parse_args(argv)
    if args.ec57:
        note_ec57(args.ec57, args.out)
        return 0
    unknown = sorted(set(args.kinds) - set(EXPORTS))
    if unknown:
        raise BadInput(f"unknown model {unknown[0]!r}: expected one of {', '.join(EXPORTS)}")
    for kind in args.kinds or EXPORTS:
        EXPORTS[kind](args.runs, args.out)
        print(json.dumps({"kind": kind, "to": str(args.out / kind)}))
    return 0
