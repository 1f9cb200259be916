"""Personal mode: a small correction of the fusion's answers, learned from the patient at the bed. Off by default.

To the logarithms of the fusion's probabilities of a beat it adds ``W phi``, where ``phi`` are some of the beat's
features and ``W``, one for early and one for final answers, begins at zero: multinomial logistic regression with a
ridge, the fusion's answer being the offset. Two modes:

- ``self``: after the first five minutes it is fitted once on the beats of which the fusion itself was sure.
- ``labels``: it is fitted on the beats that a person has labelled, as the labels come. The other beats are held
  where the fusion puts them, with a lesser weight, so that a few labels do not bend everything.

What it may not do: a correction moves no class by more than `MOST`, and nothing that an alarm of the highest
priority rests on sees it take a V away (:class:`edge.types.Beat`). The patient's template, the intervals' statistics
and the rhythm go by the fusion's own answers too, so these are the same, bit for bit, as without personal mode.
Why these features, this ridge and these weights: train/RESULTS.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.fusion import FUSION_INPUTS, N_CLASSES
from edge.newton import Newton
from edge.shown import shown
from edge.types import AAMI, Beat, Command, Note, Status
from firmware_bridge.types import BadInput

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

FIRST_S = 300.0
"""`self` learns from the first five minutes of signal of a patient; EC57 leaves the same stretch out of its scores."""

SURE = 0.9
"""Probability from which on `self` takes a final answer for the truth."""

LEAST_BEATS = 60
"""Fewer sure beats than this teach nothing: `self` waits for more."""

MOST_BEATS = 768
"""Beats kept. In `labels` these may be labelled; the oldest without a label goes first."""

HOLD = 0.3
"""Weight, in `labels`, of a beat that nobody has labelled: its target is what the fusion says itself."""

MOST = 3.0
"""No class's log-probability is moved further than this before the five are made to sum to 1: the odds of two classes
change by a factor of exp(6) = 403 at most, so what is called V with 0.9976 or more is called V still."""

RIDGE, RIDGE_BIAS = 10.0, 3.0

INPUTS: tuple[tuple[str, float, float], ...] = (
    ("gru_N", -0.8, 1.8),
    ("gru_S", -5.2, 1.4),
    ("gru_V", -5.0, 1.8),
    ("gru_F", -5.8, 0.5),
    ("gru_Q", -5.5, 1.5),
    ("cnn_N", -0.5, 1.25),
    ("cnn_S", -4.7, 1.4),
    ("cnn_V", -4.5, 1.6),
    ("cnn_F", -5.1, 0.7),
    ("cnn_Q", -5.1, 1.1),
    ("rr", 0.0, 0.3),
    ("rr_to_mean", 0.0, 0.2),
    ("rr_to_last", 0.0, 0.25),
    ("rr_to_long", 0.0, 0.2),
    ("amp_to_template", 0.1, 0.25),
    ("whole_correlation", 0.7, 0.35),
    ("p_correlation", 0.6, 0.45),
    ("p_residual", -2.7, 0.7),
    ("qrs_residual", -1.9, 0.85),
    ("early_residual", -1.7, 0.75),
)
"""Features of the fusion's row that the correction sees, each with its mean and spread over DS1 and svdb, rounded: what
the beat is in itself, not what surrounds it. A constant 1 joins them."""

N_PHI = len(INPUTS) + 1
FARTHEST = 4.0
"""Features are clipped to so many spreads."""

FLOOR = 1e-6

_AT = np.array([FUSION_INPUTS.index(name) for name, _, _ in INPUTS])
_MEAN = np.array([mean for _, mean, _ in INPUTS])
_SPREAD = np.array([spread for _, _, spread in INPUTS])
_RIDGE = np.full(N_PHI, RIDGE)
_RIDGE[0] = RIDGE_BIAS


def inputs(row: F32) -> F64:
    """phi (21,) of the fusion's row (33,): a 1, then `INPUTS`, scaled and clipped."""
    out = np.ones(N_PHI)
    out[1:] = np.clip((row[_AT] - _MEAN) / _SPREAD, -FARTHEST, FARTHEST)
    return out


def corrected(log_probs: F64, phi: F64, w: F64) -> F64:
    """Probabilities (5,) once log-probabilities (5,) are moved by ``phi w``, at most `MOST` each; w is (21, 5)."""
    z = log_probs + np.clip(phi @ w, -MOST, MOST)
    e = np.exp(z - z.max())
    out: F64 = e / e.sum()
    return out


@dataclass(slots=True)
class _Kept:
    """A beat that may teach: its features, the fusion's own answers, and what a person called it."""

    early: Beat
    phi: F64
    log_early: F64
    final: Beat | None = None
    log_final: F64 | None = None
    label: str = ""

    @property
    def trusted(self) -> bool:
        return self.early.readable and not self.early.warming


class Personal:
    """What was learned of one patient; weights of the fusion are shared and stay as they are.

    Parameters
    ----------
    mode : {'off', 'self', 'labels'}
        See the module. With 'off' every answer goes through as it is, and nothing is kept.

    Attributes
    ----------
    mode : str
        As given.
    n_beats : int
        Beats that the correction in use was fitted on (in `labels`: labelled ones); 0 while there is none.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.forget()

    def forget(self) -> None:
        """Another patient."""
        self.n_beats = 0
        self._kept: dict[int, _Kept] = {}
        self._w: tuple[F64, F64] | None = None
        self._fit: Newton | None = None
        self._found: list[F64] = []
        self._chosen: list[_Kept] = []
        self._n_fitting = 0
        self._seconds = 0.0
        self._stale = False

    # -- answers ---------------------------------------------------------------------------------------------

    def early(self, beat: Beat, row: F32) -> Beat:
        """The early answer `beat`, corrected; `row` (33,) is what the fusion saw of it."""
        if self.mode == "off":
            return beat
        kept = _Kept(beat, inputs(row), _log(beat))
        if len(self._kept) >= MOST_BEATS:
            unlabelled = (id_ for id_, old in self._kept.items() if not old.label)
            del self._kept[next(unlabelled, next(iter(self._kept)))]
        self._kept[beat.id] = kept
        return self._corrected(beat, kept.phi, kept.log_early, 0)

    def final(self, beat: Beat) -> Beat:
        """The final answer `beat`, corrected."""
        kept = self._kept.get(beat.id)
        if kept is None:
            return beat
        kept.final, kept.log_final = beat, _log(beat)
        self._stale = self._stale or bool(kept.label)
        return self._corrected(beat, kept.phi, kept.log_final, 1)

    def _corrected(self, beat: Beat, phi: F64, log_probs: F64, head: int) -> Beat:
        if self._w is None:
            return beat
        p = corrected(log_probs, phi, self._w[head]).tolist()
        return replace(
            beat, aami=AAMI[p.index(max(p))], probs=(p[0], p[1], p[2], p[3], p[4]), plain=beat.probs
        )

    # -- labels of a person ----------------------------------------------------------------------------------

    def refuses(self, command: Command) -> str | None:
        """Why the label in `command` cannot be taken, or None where it can."""
        if self.mode != "labels":
            return f"personal mode is {self.mode!r}; labels are taken with --personal labels"
        if command.name not in AAMI:
            return f"got class {shown(command.name, 16)!r}, expected one of {' '.join(AAMI)}"
        if command.beat not in self._kept:
            known = f"{next(iter(self._kept))} to {next(reversed(self._kept))}" if self._kept else "none yet"
            return f"got beat {command.beat}, expected the id of one of the last {MOST_BEATS} beats ({known})"
        return None

    def label(self, command: Command, at: int) -> Note:
        """A person says of which class a beat is; tells so, beside the fusion's own newest answer about it.

        A second label of the same beat takes the first one's place.

        Raises
        ------
        BadInput
            What `refuses` says: ask first.
        """
        why = self.refuses(command)
        kept = None if command.beat is None else self._kept.get(command.beat)
        if why is not None or kept is None:
            raise BadInput(f"label: {why}")
        kept.label, self._stale = command.name, True
        beat = kept.final or kept.early
        detail = (
            f"beat {beat.id} is {command.name}, says {command.by or 'a person'}; the monitor's own answer was "
            f"{beat.aami} ({max(beat.probs):.2f})"
        )
        return Note("label", beat.r_peak.sample, beat.r_peak.sample, detail, at)

    # -- learning --------------------------------------------------------------------------------------------

    def tick(self, seconds: float, at: int) -> list[Note]:
        """`seconds` of signal have passed: one step of what is being fitted. Tells of a correction new in use."""
        if self.mode == "off":
            return []
        self._seconds += seconds
        if self._fit is None:
            if self._choose():
                self._fit = self._fit_of(0)
            return []
        if not self._fit.done:
            self._fit.step()
            return []
        self._found.append(self._fit.w)
        if len(self._found) == 1:
            self._fit = self._fit_of(1)
            return []
        self._w, self._fit, self._found, self._chosen = (self._found[0], self._found[1]), None, [], []
        self.n_beats = self._n_fitting
        if self.mode == "self":
            detail = f"self: answers are corrected by {self.n_beats} sure beats of {self._seconds:.0f} s"
        else:
            s = "" if self.n_beats == 1 else "s"
            detail = f"labels: answers are corrected by {self.n_beats} labelled beat{s}"
        return [Note("personal", at, at, detail, at)]

    def status(self, status: Status) -> Status:
        """`status` with what there is to say of the personal mode."""
        return (
            status if self.mode == "off" else replace(status, personal=self.mode, personal_beats=self.n_beats)
        )

    def _choose(self) -> bool:
        """The beats to be fitted on, where there is something new to learn."""
        answered = [k for k in self._kept.values() if k.final is not None]
        if self.mode == "labels":
            if not self._stale:
                return False
            self._stale = False
            self._chosen = [k for k in answered if k.label or k.trusted]
            self._n_fitting = sum(bool(k.label) for k in self._chosen)
            return self._n_fitting > 0
        if self._w is not None or self._seconds < FIRST_S:
            return False
        self._chosen = [k for k in answered if k.trusted and _surely(k)]
        self._n_fitting = len(self._chosen)
        return self._n_fitting >= LEAST_BEATS

    def _fit_of(self, head: int) -> Newton:
        """The fit of early (0) or final (1) answers on the chosen beats."""
        chosen = self._chosen
        logs = [k.log_early if head == 0 or k.log_final is None else k.log_final for k in chosen]
        offset = np.stack(logs)
        if self.mode == "self":
            target, weight = _one_hot(k.final.aami for k in chosen if k.final), np.ones(len(chosen))
        else:
            labelled = np.array([bool(k.label) for k in chosen])
            named = _one_hot(k.label or "N" for k in chosen)
            target = np.where(labelled[:, None], named, np.exp(offset))
            weight = np.where(labelled, 1.0, HOLD)
        start = np.zeros((N_PHI, N_CLASSES)) if self._w is None else self._w[head]
        return Newton(np.stack([k.phi for k in chosen]), offset, target, weight, _RIDGE, start)


def _surely(kept: _Kept) -> bool:
    return kept.final is not None and max(kept.final.probs) >= SURE


def _log(beat: Beat) -> F64:
    """Log-probabilities (5,), summing to 1 as probabilities, none below `FLOOR`."""
    p = np.fmax(np.array(beat.probs), FLOOR)
    out: F64 = np.log(p / p.sum())
    return out


def _one_hot(classes: Iterable[str]) -> F64:
    out: F64 = np.eye(N_CLASSES)[[AAMI.index(c) for c in classes]]
    return out
