"""``python -m train parity``: the exported C on this machine beside the monitor's pipeline, on hours of ECG."""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artefact import Models, load_models, shipped
from edge.filters import Cascade
from edge.fusion import MeanFusion
from edge.pipeline import TICK, Pipeline
from edge.resample import Resampler
from edge.rhythm_window import rhythm_image
from edge.types import AAMI, Beat
from edge.windows import Ring
from firmware_bridge.records import open_record
from firmware_bridge.types import BadInput, SampleBlock
from train import chip_host, export

F32 = NDArray[np.float32]

SETTLED = 8
"""Loops after which a patient's template and the fusion's memory are those of the loop."""

Key = tuple[int, bool]
"""An answer: its beat's sample, and whether it is final."""


@dataclass(slots=True)
class Parity:
    """What both said, counted.

    Attributes
    ----------
    n_both, n_pipeline, n_chip : int
        Answers about the same beat at the same sample, and those that one of the two alone gave.
    n_other_class : int
        Of `n_both`, how many name another class.
    apart : list of float
        Of `n_both`, the largest difference of a probability.
    rhythm_apart : list of float
        The same for each window of the rhythm network.
    n_rhythm_missing : int
        Windows that one of the two alone looked at.
    """

    n_both: int = 0
    n_pipeline: int = 0
    n_chip: int = 0
    n_other_class: int = 0
    apart: list[float] = field(default_factory=list)
    rhythm_apart: list[float] = field(default_factory=list)
    n_rhythm_missing: int = 0

    def add(self, other: Parity) -> None:
        """Count `other` in."""
        self.n_both += other.n_both
        self.n_pipeline += other.n_pipeline
        self.n_chip += other.n_chip
        self.n_other_class += other.n_other_class
        self.n_rhythm_missing += other.n_rhythm_missing
        self.apart += other.apart
        self.rhythm_apart += other.rhythm_apart

    def row(self, name: str) -> str:
        """One line of the table."""
        p, r = (np.array(v or [0.0]) for v in (self.apart, self.rhythm_apart))
        return (
            f"{name:<10} {self.n_both:>7} answers, {self.n_pipeline} of the pipeline alone, {self.n_chip} of the chip "
            f"alone, {self.n_other_class} of another class; probabilities apart: most {p.max():.2g}, 99 % of them "
            f"{np.quantile(p, 0.99):.2g}; {len(self.rhythm_apart)} windows of rhythm, {self.n_rhythm_missing} of one "
            f"alone, most {r.max():.2g}"
        )


class Windows:
    """What the rhythm network says once a second of a lead, by edge's own parts."""

    def __init__(self, models: Models) -> None:
        gru, rhythm = models.manifests["gru"], models.manifests["rhythm_cnn"]
        self._low_pass, self._cascade = Resampler(models.fs, models.fs), Cascade(gru.sos)
        self._clip, self._probs = gru.thresholds["clip_mv"], models.rhythm_cnn.probs
        self._window, self._hop = rhythm.window, int(np.lcm(rhythm.hop, TICK))
        self._ring = Ring()

    def push(self, mv: F32) -> dict[int, F32]:
        """Index in `mv` of the sample that completes a window: its probabilities."""
        out: dict[int, F32] = {}
        ring, window = self._ring, self._window
        for k, x in enumerate(mv.tolist()):
            for y in self._low_pass.push(x):
                ring.push(min(self._clip, max(-self._clip, self._cascade.push(y))))
                if ring.end % self._hop == 0 and ring.end >= window:
                    out[k] = self._probs(rhythm_image(ring.cut(ring.end - window, window)))
        return out


class NoIntervals:
    """Says nothing of AF: the chip has no judge of intervals, so that the pipeline beside it has none either."""

    def logit(self, rr_s: list[float]) -> float | None:
        """None, whatever the intervals."""
        return None


class Pair:
    """One patient in the pipeline and one on the chip; both hear the same lead at the models' rate.

    Parameters
    ----------
    lib, chip : Any, export.Chip
        The library that :func:`train.chip_host.build` made of `chip`, the rhythm network in it.
    models : Models
        The pipeline's; what the intervals say of AF is left out.
    """

    def __init__(self, lib: Any, chip: export.Chip, models: Models) -> None:
        self._fs, self._n_pipeline, self._n_chip = models.fs, 0, 0
        alone = replace(models, af=NoIntervals())
        self._pipeline, self._windows = Pipeline(alone, wave_ms=0.0), Windows(models)
        self.patient = chip_host.HostPatient(lib, len(chip.options.rhythms))

    def push(self, mv: F32) -> Parity:
        """Compare what comes of a lead (n,) in mV, which goes on where the one before ended."""
        return _compare(*self.pipeline_alone(mv), *self.chip_alone(mv))

    def pipeline_alone(self, mv: F32) -> tuple[dict[Key, Beat], dict[int, F32]]:
        """The pipeline's answers, and the rhythm's windows by their last sample, counted from the lead's first."""
        start, self._n_pipeline = self._n_pipeline, self._n_pipeline + len(mv)
        block = SampleBlock("chip", start, self._fs, mv[:, None], ("II",))
        beats = [event for event in self._pipeline.push(block) if isinstance(event, Beat)]
        return {(b.r_peak.sample - start, b.final): b for b in beats}, self._windows.push(mv)

    def chip_alone(self, mv: F32) -> tuple[NDArray[Any], F32]:
        """The chip's answers (:data:`train.chip_host.TOLD`), and the rhythm (n, n_rhythms); samples as above."""
        start, self._n_chip = self._n_chip, self._n_chip + len(mv)
        told, rhythm = self.patient.play(mv)
        told["sample"] -= np.uint32(start % 2**32)
        return told, rhythm


def _compare(beats: dict[Key, Beat], windows: dict[int, F32], told: NDArray[Any], rhythm: F32) -> Parity:
    chip: dict[Key, Any] = {(int(a["sample"].astype(np.int32)), bool(a["final"])): a for a in told}
    looked = set(np.flatnonzero(np.isfinite(rhythm[:, 0])).tolist())
    both = beats.keys() & chip.keys()
    return Parity(
        n_both=len(both),
        n_pipeline=len(beats.keys() - both),
        n_chip=len(chip.keys() - both),
        n_other_class=sum(AAMI[chip[key]["aami"]] != beats[key].aami for key in both),
        apart=[float(np.abs(chip[key]["probs"] - beats[key].probs).max()) for key in sorted(both)],
        rhythm_apart=[float(np.abs(rhythm[k] - windows[k]).max()) for k in sorted(looked & set(windows))],
        n_rhythm_missing=len(looked ^ set(windows)),
    )


def lead_of(path: Path, fs: float, minutes: float) -> F32:
    """The first `minutes` of a record's first lead (MLII where it has one) in mV at `fs` Hz, its gaps filled with what
    went before.

    Raises
    ------
    BadInput
        When it cannot be read.
    """
    mv = open_record(path).resampled(fs).mv[: round(minutes * 60.0 * fs), 0]
    good = np.isfinite(mv)
    if not good.any():
        raise BadInput(f"{path}: no valid sample in its first {minutes:g} minutes; choose another record")
    held = np.maximum.accumulate(np.where(good, np.arange(len(mv)), int(good.argmax())))
    return np.ascontiguousarray(mv[held], np.float32)


def looped(pair: Pair, mv: F32, hours: float, fs: float) -> Iterator[str]:
    """Play a lead again and again for `hours` on the chip, then :data:`SETTLED` times in the pipeline.

    Gives a line for each of the chip's loops: what is other than in the loop before. The last line compares its last
    loop with the pipeline's: both have forgotten how they began by then, and a state that drifts would show.
    """
    last, _ = pair.chip_alone(mv)
    for k in range(2, max(2, round(hours * 3600.0 * fs / len(mv))) + 1):
        told, rhythm = pair.chip_alone(mv)
        moved, last = _moved(last, told), told
        hidden = pair.patient.largest_hidden
        yield f"{k * len(mv) / fs / 3600.0:6.2f} h {len(told)} answers; {moved}; largest hidden unit {hidden:.4f}"
    for _ in range(SETTLED):
        beats, windows = pair.pipeline_alone(mv)
    yield _compare(beats, windows, last, rhythm).row("the last")


def _moved(before: NDArray[Any], after: NDArray[Any]) -> str:
    """How far the answers of two loops are apart."""
    what = ["k", "sample", "aami", "final"]
    one, other = ({tuple(a[what].tolist()): a["probs"] for a in answers} for answers in (before, after))
    both = one.keys() & other.keys()
    most = max((float(np.abs(one[key] - other[key]).max()) for key in both), default=0.0)
    return (
        f"since the loop before {len(one.keys() ^ other.keys())} answers changed, probabilities by {most:.1g}"
    )


def period(chip: export.Chip) -> int:
    """Samples after which everything that is done now and then falls on the same sample of a loop again."""
    return math.lcm(chip.options.noise.look, chip.options.hop, chip.settings.tick)


def main(argv: list[str] | None = None) -> int:
    """``python -m train parity``: the exported C beside the pipeline, record by record, or one record for a day."""
    parser = argparse.ArgumentParser(prog="python -m train parity", description=main.__doc__)
    parser.add_argument(
        "records", metavar="RECORD", type=Path, nargs="+", help="a WFDB record, or a folder of them"
    )
    parser.add_argument("--gru", choices=("float", "int8"), default="float", help="weights of GRU and fusion")
    parser.add_argument("--mean", action="store_true", help="without the trained fusion, in both")
    parser.add_argument("--minutes", type=float, default=30.0, help="of each record (default: 30)")
    parser.add_argument(
        "--loop-hours", type=float, metavar="H", help="play each record again and again for so long"
    )
    parser.add_argument(
        "--models", type=Path, default=shipped(), help="artefacts (default: the shipped ones)"
    )
    args = parser.parse_args(argv)
    if not args.minutes > 0.0:
        parser.error(f"got --minutes {args.minutes:g}, expected more than 0")
    chip, models = export.read(args.models, gru_int8=args.gru == "int8"), load_models(args.models)
    if args.mean:
        models = replace(models, fusion=MeanFusion())
    leads = [(path, lead_of(path, models.fs, args.minutes)) for path in _records(args.records)]
    if args.loop_hours is not None:
        leads = [(path, _whole_periods(path, lead, chip)) for path, lead in leads]
    total = Parity()
    with tempfile.TemporaryDirectory() as folder:
        lib = chip_host.build(chip, Path(folder), fusion=not args.mean, rhythm=True)
        for path, lead in leads:
            pair = Pair(lib, chip, models)
            if args.loop_hours is None:
                parity = pair.push(lead)
                print(parity.row(path.name), flush=True)
                total.add(parity)
                continue
            for line in looped(pair, lead, args.loop_hours, models.fs):
                print(line, flush=True)
    if args.loop_hours is None:
        print(total.row("all"))
    return 0


def _whole_periods(path: Path, lead: F32, chip: export.Chip) -> F32:
    n = period(chip)
    if len(lead) < n:
        raise BadInput(
            f"{path}: got {len(lead)} samples, a loop needs {n / chip.settings.fs:g} s; play more minutes"
        )
    return lead[: len(lead) // n * n]


def _records(paths: list[Path]) -> list[Path]:
    """Records of a folder, by their headers; a record by itself."""
    return [
        r for p in paths for r in (sorted(h.with_suffix("") for h in p.glob("*.hea")) if p.is_dir() else [p])
    ]
