"""``python -m train export``: the shipped models as C99, checked before a file is written; a sketch for Arduino."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.artefact import Manifest, Models, load_models, shipped
from edge.beats import LEARN_ABOVE, LONGEST_WAIT_S
from edge.fusion import Fusion
from edge.intervals import LONG
from edge.lead import STRIDE_S
from edge.pipeline import TICK
from edge.quality import QualityLimits
from edge.resample import Resampler
from edge.rhythm_window import SCALE_QUANTILE
from edge.signal_measures import Measurer
from firmware_bridge import c_export, c_options, sketch
from firmware_bridge.c_models import GruWeights, Int8Net, NoiseSettings, Options, Settings
from firmware_bridge.types import BadInput
from train.chip_check import check_fusion, check_gru, check_net
from train.chip_count import Instructions, count
from train.chip_size import Sizes, measure
from train.tflite_read import fusion_weights, gru_weights, int8_net

MOST_STEP = 16
"""The low-pass before the models takes 8 values of RAM for each."""


@dataclass(frozen=True, slots=True)
class Differences:
    """How far what was read was from the .tflite files on noise: logits, quanta, probabilities."""

    gru: float
    beat: int
    rhythm: int
    fusion: float


@dataclass(frozen=True, slots=True)
class Chip:
    """All that the C files are made of."""

    gru: GruWeights
    beat: Int8Net
    settings: Settings
    options: Options
    differences: Differences

    def files(self) -> dict[str, str]:
        """The generated files by name."""
        return c_export.files(self.gru, self.beat, self.settings, self.options)


def read(root: Path, fs_in: float | None = None, gru_int8: bool = False) -> Chip:
    """Read the models below `root`, and compare what was read with the files' own answers.

    `fs_in` is the rate of the device's samples in Hz, a whole multiple of the models' (their own if None); `gru_int8`
    makes the weights of the GRU and of the fusion int8.

    Raises
    ------
    BadInput
        When an artefact is damaged, its graph is another one, or the answers differ.
    """
    models = load_models(root)
    gru, beat = models.manifests["gru"], models.manifests["beat_cnn"]
    weights = gru_weights(models.gru.content, str(root / "gru"))
    net = int8_net(models.beat_cnn.content, str(root / "beat_cnn"))
    extra = options(models, root)
    assert isinstance(models.fusion, Fusion)
    return Chip(
        weights,
        net,
        settings(gru, beat, fs_in, gru_int8, (models.manifests["fusion"], models.manifests["rhythm_cnn"])),
        extra,
        Differences(
            check_gru(weights, models.gru),
            check_net(net, models.beat_cnn, "beat_cnn"),
            check_net(extra.rhythm, models.rhythm_cnn, "rhythm_cnn"),
            check_fusion(extra.fusion, models.fusion),
        ),
    )


def options(models: Models, root: Path) -> Options:
    """The fusion, what it needs to know, and the rhythm network.

    Raises
    ------
    BadInput
        When a graph is another one, or the fusion wants features that the C does not compute.
    """
    fusion, rhythm, gru = (models.manifests[kind] for kind in ("fusion", "rhythm_cnn", "gru"))
    assert isinstance(models.fusion, Fusion)
    c_options.check_inputs(fusion.inputs, gru.classes)
    limits = QualityLimits()
    window, stride = round(limits.noise_s * gru.fs), max(1, round(STRIDE_S * gru.fs))
    m = Measurer(gru.fs, window)
    return Options(
        fusion=fusion_weights(models.fusion.content, fusion.inputs, str(root / "fusion")),
        noise=NoiseSettings(
            window=window,
            look=stride * round(1.0 / STRIDE_S),
            second=m.second,
            lag=m.lag,
            envelope=m.envelope,
            half=m.half,
            n_fft=m.n_fft,
            edges=tuple(m.edges),
            peak=(m.peak_from, m.peak_to, m.peak_half),
            on=limits.noise_on,
            off=limits.noise_off,
            limits=asdict(limits.noise),
        ),
        n_intervals=LONG,
        rhythm=int8_net(models.rhythm_cnn.content, str(root / "rhythm_cnn")),
        rhythms=rhythm.classes,
        window=rhythm.window,
        hop=math.lcm(rhythm.hop, TICK),
        scale_at=int(SCALE_QUANTILE * (rhythm.window - 1)),
    )


def settings(
    gru: Manifest,
    beat: Manifest,
    fs_in: float | None = None,
    gru_int8: bool = False,
    others: tuple[Manifest, ...] = (),
) -> Settings:
    """What the C code needs of the manifests, for a device of `fs_in` Hz.

    Raises
    ------
    BadInput
        When `fs_in` is no whole multiple of the models' rate.
    """
    fs_in = gru.fs if fs_in is None else fs_in
    if fs_in not in [gru.fs * k for k in range(1, MOST_STEP + 1)]:
        raise BadInput(
            f"got --fs {fs_in:g}, expected a multiple of the models' rate, {gru.fs:g} to {MOST_STEP * gru.fs:g} Hz; "
            "set the converter to one of them"
        )
    resampler = Resampler(fs_in, gru.fs)
    return Settings(
        fs=gru.fs,
        step=int(resampler.step),
        taps=tuple(resampler.taps[0]),
        sos=gru.sos,
        clip_mv=gru.thresholds["clip_mv"],
        qrs_logit=gru.thresholds["qrs_logit"],
        qrs_delay=gru.delay["qrs"],
        class_delay=gru.delay["class"],
        filter_delay=gru.delay["filter"],
        longest_wait=round(LONGEST_WAIT_S * gru.fs),
        tick=TICK,
        peak_lag=gru.calibration["peak_lag"],
        learn_above=LEARN_ABOVE,
        window=beat.window,
        before=beat.before,
        classes=gru.classes,
        gru_int8=gru_int8,
        origin=tuple(f"{m.name}, sha256 {m.sha256}" for m in (gru, beat, *others)),
    )


def write(chip: Chip, folder: Path) -> None:
    """The generated files and the hand-written ones, side by side."""
    kernels = {name: (c_export.FOLDER / name).read_text(encoding="utf-8") for name in c_export.SOURCES}
    put(folder, {**chip.files(), **kernels})


def put(folder: Path, files: dict[str, str]) -> None:
    """Write `files`, by their paths below `folder`."""
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{folder}: {error.strerror or error}; name a folder that can be written") from None


def report(chip: Chip, sizes: list[Sizes], counted: Instructions | None = None) -> str:
    """What the models cost and how well they were met, in lines."""
    step, beat = chip.gru.macs, sum(layer.macs for layer in chip.beat.layers)
    lines = [
        f"gru: {step} MAC a sample, {step * chip.settings.fs / 1e6:.2f} million a second at "
        f"{chip.settings.fs:g} Hz; at most {chip.differences.gru:.1e} from the .tflite file (logits)",
        f"beat_cnn: {beat} MAC a beat; at most {chip.differences.beat} quanta from the .tflite file "
        f"(a quantum is {chip.beat.out_scale:.3g})",
    ]
    lines += [
        f"rhythm_cnn: {sum(layer.macs for layer in chip.options.rhythm.layers)} MAC a second; at most "
        f"{chip.differences.rhythm} quanta from the .tflite file",
        f"fusion: {chip.options.fusion.macs} MAC a beat; at most {chip.differences.fusion:.1e} from the .tflite file "
        "(probabilities)",
    ]
    for s in sizes:
        if not s.options:
            base = s
            lines.append(
                f"{s.target}: flash {s.flash} bytes (weights {s.weights}, code {s.code}, without the math "
                f"library); RAM {s.state} a patient, {s.scratch} shared"
            )
            continue
        lines.append(
            f"  with {' and '.join(s.options)}: flash {s.flash} (+{s.flash - base.flash}); RAM {s.state} "
            f"(+{s.state - base.state}) a patient, {s.scratch} (+{s.scratch - base.scratch}) shared"
        )
    if counted is not None:
        lines.append(
            f"Cortex-M4F: {counted.gru_step} instructions a GRU step, {counted.filters} the filters, "
            f"{counted.beat_cnn} the beat network; with the filters "
            f"{(counted.gru_step + counted.filters) * chip.settings.fs / 1e6:.1f} million a second; options: fusion "
            f"{counted.fusion} a beat and {counted.quality} a second, rhythm {counted.rhythm} a second"
        )
    return "\n".join(lines if sizes else [*lines, "sizes: no C compiler here"])


def main(argv: list[str] | None = None) -> int:
    """``python -m train export``: the GRU, the beat network, filters and R-peak logic as C99; a sketch for Arduino."""
    parser = argparse.ArgumentParser(prog="python -m train export", description=main.__doc__)
    parser.add_argument("--c", type=Path, metavar="DIR", help="where the models' C files go")
    parser.add_argument(
        "--arduino",
        type=Path,
        metavar="DIR",
        help="where the sketch for an AD8232 goes, in a folder of its own",
    )
    parser.add_argument(
        "--fs", type=float, metavar="HZ", help="rate of the device's samples (default: the models')"
    )
    parser.add_argument(
        "--gru", choices=("float", "int8"), default="float", help="the GRU's weights (default: float)"
    )
    parser.add_argument(
        "--models", type=Path, default=shipped(), help="artefacts (default: the shipped ones)"
    )
    args = parser.parse_args(argv)
    if args.c is None and args.arduino is None:
        parser.error("got neither --c DIR nor --arduino DIR, expected one of them: say where the files go")
    if args.arduino is not None:
        put(args.arduino, sketch.files())
        print(f"{args.arduino / sketch.NAME}: open {sketch.NAME}.ino in the Arduino IDE")
    if args.c is None:
        return 0
    chip = read(args.models, args.fs, args.gru == "int8")
    write(chip, args.c)
    print(report(chip, measure(args.c), count(args.c)))
    return 0
