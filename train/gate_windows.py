"""What the quality gate is scored on: leads whose every second is known to be noise, or a heart.

*Noise* is what people marked so (recordings of cinc2017, stretches of vfdb), the recorded noises of nstdb alone, and
the same over leads of DS1 and svdb at -6 dB. *Signal* is every other labelled lead. Apart from it stand the rhythms
that kill, for to call these noise is the worst that the gate can do. All leads come through the monitor's front end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from edge.lead import STRIDE_S
from edge.quality import NoiseVotes, QualityLimits
from edge.signal_measures import Measurer, Measures, noise_reason, quality_index
from train import databases, rhythm_windows, splits
from train.databases import VF_LABELS, Record
from train.dataset import Fold, Patient, load_patient
from train.front import FS_MODEL
from train.rhythm_windows import VF, VT, WINDOW
from train.splits import Key

F32 = NDArray[np.float32]
I8 = NDArray[np.int8]

HOP = round(1.0 / STRIDE_S) * round(STRIDE_S * FS_MODEL)
"""Samples from look to look, as in the monitor: four of its strides, a second but for rounding."""

FIRST_LOOK = -(-WINDOW // HOP) * HOP - WINDOW
"""Where the first four seconds that it looks at begin."""

NOISE, SIGNAL, LETHAL = "noise", "signal", "lethal"

SOURCES: tuple[tuple[str, str], ...] = (
    ("cinc2017, labelled ~", NOISE),
    ("vfdb, labelled NOISE", NOISE),
    ("em alone", NOISE),
    ("ma alone", NOISE),
    ("em over DS1 and svdb, -6 dB", NOISE),
    ("ma over DS1 and svdb, -6 dB", NOISE),
    ("118e_6 and 119e_6, with noise", NOISE),
    ("DS1", SIGNAL),
    ("svdb", SIGNAL),
    ("cinc2017, normal", SIGNAL),
    ("cinc2017, AF", SIGNAL),
    ("cinc2017, other", SIGNAL),
    ("vfdb and cudb, other rhythms", SIGNAL),
    ("118e_6 and 119e_6, in the pauses", SIGNAL),
    ("VF, vfdb", LETHAL),
    ("flutter, vfdb", LETHAL),
    ("VT, vfdb", LETHAL),
    ("asystole, vfdb", LETHAL),
    ("VF and VT, cudb", LETHAL),
    ("VT and flutter, DS1", LETHAL),
)
"""Name and kind of all there is; a label is an index into this plus one, 0 is not scored."""

CODE = {name: np.int8(k + 1) for k, (name, _) in enumerate(SOURCES)}

NAMES = tuple(field.name for field in fields(Measures))
"""The columns of :attr:`Looks.measures`."""

FIRST_S = 900.0
"""Of DS1 and svdb the first quarter of an hour is looked at, and VT and flutter wherever they are."""

MIXED_S = (300.0, 420.0)
"""Where in a lead noise is mixed in."""

SNR_DB = -6.0

PIECE_S = 120.0
"""em and ma are dealt to the folds, and drawn by the bootstrap, in pieces of this length."""

N_PIECES = 15

STRESS_FROM_S, STRESS_S = 300.0, 120.0
"""The stress records have noise from here on, so long with and so long without (Moody, Muldrow and Mark, 1984)."""

VOTES = 4
"""Looks that the voted state remembers."""

_CINC = {
    "~": "cinc2017, labelled ~",
    "N": "cinc2017, normal",
    "A": "cinc2017, AF",
    "O": "cinc2017, other",
}


@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """One lead `x` (n,) [mV] at 125 Hz after the front end, and `truth` (n,), an index into :data:`SOURCES` plus one.

    `who` is the patient whose fold it is in, or the piece of noise; `unit` is what the bootstrap draws.
    """

    who: Key
    unit: str
    x: F32
    truth: I8


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What the gate saw of one lead, a look a second, and what there was.

    Attributes
    ----------
    who, unit
        As in :class:`Lead`.
    truth : ndarray of int8, shape (n,)
        Index into :data:`SOURCES` plus one of the one thing that fills the four seconds.
    measures : ndarray of float64, shape (n, 11)
        :class:`~edge.signal_measures.Measures`, a column a field (:data:`NAMES`).
    noisy, voted : ndarray of bool, shape (n,)
        Whether this look says noise by the rule that is in the monitor, and the votes of the last four.
    sqi : ndarray of float64, shape (n,)
        The quality index, 0 to 1.
    """

    who: Key
    unit: str
    truth: I8
    measures: NDArray[np.float64]
    noisy: NDArray[np.bool_]
    voted: NDArray[np.bool_]
    sqi: NDArray[np.float64]


def looks_of(lead: Lead) -> Looks:
    """Look at a lead once a second; kept are the looks at four seconds of one known thing.

    The votes begin anew where nothing was labelled for longer than they remember. They are kept from the first second
    of a kind on: what they say too late is counted against them.
    """
    measure, limits = Measurer(FS_MODEL, WINDOW), QualityLimits()
    votes = NoiseVotes(limits)
    row = attrgetter(*NAMES)
    starts = range(FIRST_LOOK, len(lead.x) - WINDOW + 1, HOP)
    truth = _filled(lead.truth)
    rows: list[tuple[float, ...]] = []
    said: list[tuple[int, bool, bool, float]] = []
    for k, at in enumerate(starts):
        if not any(truth[k : k + VOTES]):
            votes = NoiseVotes(limits)
            continue
        m = measure(lead.x[at : at + WINDOW].astype(np.float64))
        reason = noise_reason(m, limits.noise)
        votes.push(reason)
        if truth[k]:
            rows.append(row(m))
            said.append((truth[k], reason is not None, votes.reason is not None, quality_index(m)))
    table = np.array(said, np.float64).reshape(-1, 4)
    return Looks(
        lead.who,
        lead.unit,
        table[:, 0].astype(np.int8),
        np.array(rows, np.float64).reshape(-1, len(NAMES)),
        table[:, 1] > 0.5,
        table[:, 2] > 0.5,
        table[:, 3],
    )


def _filled(truth: I8) -> list[int]:
    """What fills each look's four seconds, 0 where that is nothing known or more than one thing."""
    changes = np.concatenate(([0], np.cumsum(np.diff(truth) != 0)))
    last = np.arange(FIRST_LOOK + WINDOW - 1, len(truth), HOP)
    found: list[int] = np.where(changes[last - WINDOW + 1] == changes[last], truth[last], 0).tolist()
    return found


def everything(n_folds: int) -> Iterator[Lead]:
    """Every lead there is, none of DS2; the noise mixed into a patient's is of that patient's fold."""
    fold_of = {key: fold for fold in all_folds(n_folds) for key in rhythm_windows.held_out(fold)}
    labels = databases.recording_labels()
    noises = [load_patient("nstdb", name, "noise") for name in splits.NOISE[1:]]
    for noise in noises:
        yield from alone(noise)
    for key in rhythm_windows.records():
        yield from _leads(key, fold_of[key], labels, noises)
    for name in ("118", "119"):
        yield stressed(load_patient("nstdb", f"{name}e_6", "noise"))


def all_folds(n: int) -> list[Fold]:
    """The `n` folds."""
    return [Fold(k, n) for k in range(n)]


def _leads(key: Key, fold: Fold, labels: dict[str, str], noises: list[Patient]) -> Iterator[Lead]:
    database, name = key
    patient = load_patient(database, name, database)
    if database == "cinc2017":
        code = CODE[_CINC[labels[name]]]
        yield Lead(key, f"{database}/{name}", patient.x[:, 0], np.full(len(patient.x), code, np.int8))
    elif database in ("vfdb", "cudb"):
        yield labelled(key, patient.x[:, 0], databases.load(database, name))
    else:
        yield beating(key, patient)
        for noise in noises:
            yield mixed(key, patient, noise, fold)


def labelled(key: Key, x: F32, record: Record) -> Lead:
    """A record of vfdb or cudb by its rhythm labels; what has none, or is marked unreadable, is not scored."""
    truth = np.zeros(len(x), np.int8)
    ratio = FS_MODEL / record.fs

    def set_to(spans: tuple[databases.Span, ...], code: int | None) -> None:
        for span in spans:
            it = code if code is not None else _code(record.database, span.label)
            truth[int(span.start * ratio) : int(span.end * ratio)] = it

    set_to(record.rhythms, None)
    if record.database == "cudb":
        set_to(record.vf, int(CODE["VF and VT, cudb"]))
    set_to(record.noise, 0)
    return Lead(key, "/".join(key), x, truth)


def _code(database: str, label: str) -> int:
    if label == "NOISE":
        return int(CODE["vfdb, labelled NOISE"])
    if label in VF_LABELS or label in ("VT", "ASYS"):
        if database == "cudb":
            return int(CODE["VF and VT, cudb"])
        name = {"VFL": "flutter", "VT": "VT", "ASYS": "asystole"}.get(label, "VF")
        return int(CODE[f"{name}, vfdb"])
    return int(CODE["vfdb and cudb, other rhythms"])


def beating(key: Key, patient: Patient) -> Lead:
    """A lead of DS1 or svdb: signal, and lethal in VT and flutter; what is marked unreadable is not scored."""
    plain = "DS1" if key[0] == "mitdb" else "svdb"
    truth = np.where(patient.mask > 0, CODE[plain], np.int8(0))
    truth[int(FIRST_S * FS_MODEL) :] = 0
    if key[0] == "mitdb":
        truth[(patient.rhythm == VT) | (patient.rhythm == VF)] = CODE["VT and flutter, DS1"]
    return Lead(key, "/".join(key), patient.x[:, 0], truth.astype(np.int8))


def alone(noise: Patient) -> Iterator[Lead]:
    """Both leads of em or ma, piece by piece."""
    record = noise.name.split("/")[1]
    for piece in range(N_PIECES):
        for x in _piece(noise, piece).T:
            code = np.full(len(x), CODE[f"{record} alone"], np.int8)
            yield Lead(
                ("nstdb", f"{record} {piece}"), f"nstdb/{record} {piece}", np.ascontiguousarray(x), code
            )


def _piece(noise: Patient, piece: int) -> F32:
    n = int(PIECE_S * FS_MODEL)
    return noise.x[piece * n : (piece + 1) * n]


def mixed(key: Key, patient: Patient, noise: Patient, fold: Fold) -> Lead:
    """Two minutes of a lead under a piece of noise of the patient's own fold, at :data:`SNR_DB`.

    The ratio is that of the square of the QRS complexes' size over 8 to the variance of the noise, as in the stress
    records (WFDB's ``nst``), but of what the front end leaves of both. Fibrillation and what is marked unreadable are
    not scored.
    """
    record = noise.name.split("/")[1]
    a, b = (int(s * FS_MODEL) for s in MIXED_S)
    x, mask = patient.x[a:b, 0], patient.mask[a:b] > 0
    at = np.rint(patient.r).astype(int)
    at = at[(at > 7) & (at < len(patient.x) - 7)]
    size_mv = float(np.median(np.ptp(patient.x[at[:, None] + np.arange(-6, 7), 0], axis=1)))
    own = [p for p in range(N_PIECES) if piece_fold(p, fold.n) == fold.k]
    pick = own[sum(map(ord, "".join(key))) % len(own)]
    wave = np.resize(_piece(noise, pick)[:, 0], len(x))
    gain = np.sqrt(size_mv**2 / 8.0 / float(np.var(wave)) * 10.0 ** (-SNR_DB / 10.0))
    truth = np.where(mask & (patient.rhythm[a:b] != VT), CODE[f"{record} over DS1 and svdb, -6 dB"], 0)
    return Lead(
        key,
        f"{'/'.join(key)} {record}",
        (x + np.float32(gain) * wave).astype(np.float32),
        truth.astype(np.int8),
    )


def piece_fold(piece: int, n_folds: int) -> int:
    """The fold that holds a piece of em or ma out."""
    return piece * n_folds // N_PIECES


def stressed(record: Patient) -> Lead:
    """The first lead of 118e_6 or 119e_6: two minutes of noise, two of pause, and so on; before it the plain record."""
    name = record.name.split("/")[1]
    at_s = np.arange(len(record.x)) / FS_MODEL - STRESS_FROM_S
    with_noise = (at_s >= 0.0) & (at_s // STRESS_S % 2 == 0)
    truth = np.where(
        with_noise, CODE["118e_6 and 119e_6, with noise"], CODE["118e_6 and 119e_6, in the pauses"]
    )
    return Lead(("mitdb", name[:3]), record.name, record.x[:, 0], truth.astype(np.int8))
