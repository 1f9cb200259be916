"""ECG databases on disk, read through the ``wfdb`` library: records with beats, rhythms and VF stretches.

The folder that holds the databases (one sub-folder each) is given as an argument or by the environment
variable HEARTWIRE_DATA. :func:`download` fetches a database from PhysioNet for those who have none.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.records import open_record
from firmware_bridge.types import BadInput
from train import splits
from train.labels import TABLE, aami

#: PhysioNet's names of the databases that this module reads.
PHYSIONET = {
    "mitdb": "mitdb",
    "svdb": "svdb",
    "nstdb": "nstdb",
    "cudb": "cudb",
    "vfdb": "vfdb",
    "cinc2017": "challenge-2017/training",
}
#: Rhythm labels that mean ventricular fibrillation or flutter (vfdb marks them so, not with [ and ]).
VF_LABELS = frozenset({"VF", "VFIB", "VFL"})
_LISTS = {
    "mitdb": splits.MITDB,
    "svdb": splits.SVDB,
    "nstdb": splits.NSTDB + splits.NOISE,
    "cudb": splits.CUDB,
    "vfdb": splits.VFDB,
}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a record: samples `start` (included) to `end` (excluded) and what they are."""

    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One record with its labels. All times are sample indices at `fs`.

    Attributes
    ----------
    database, name : str
        Where it is from.
    fs : float
        Sampling rate [Hz].
    mv : ndarray of float32, shape (n, n_leads)
        The signals [mV], NaN where the file says that there is no value.
    leads : tuple of str
        Name of each column.
    beats : ndarray of int64, shape (n_beats,)
        Sample of each beat label, ascending.
    symbols : tuple of str
        WFDB symbol of each beat (see :data:`train.labels.TABLE`).
    rhythms : tuple of Span
        Rhythm as labelled, without the bracket: N, AFIB, VT... For cinc2017 one span N, A, O or ~ over the
        whole record. Stretches before the first label are in no span.
    vf : tuple of Span
        Ventricular fibrillation and flutter, from [ ] marks and rhythm labels together.
    noise : tuple of Span
        Stretches marked unreadable in both leads (a NOISE mark with bits 4 and 5 set, or below zero).
    """

    database: str
    name: str
    fs: float
    mv: NDArray[np.float32]
    leads: tuple[str, ...]
    beats: NDArray[np.int64]
    symbols: tuple[str, ...]
    rhythms: tuple[Span, ...]
    vf: tuple[Span, ...]
    noise: tuple[Span, ...]

    @property
    def aami(self) -> tuple[str, ...]:
        """AAMI class of each beat, one of N S V F Q."""
        return tuple(TABLE[symbol] for symbol in self.symbols)

    @property
    def first_lead(self) -> int:
        """Column that results are reported on: MLII where there is one (mitdb 114 has it second), else 0."""
        return self.leads.index("MLII") if "MLII" in self.leads else 0

    @property
    def person(self) -> str:
        """Who it is of; see :func:`train.splits.person`."""
        return splits.person(self.database, self.name)


def data_root(root: str | Path | None = None) -> Path:
    """The folder that holds the databases: `root`, or the environment variable HEARTWIRE_DATA.

    Raises
    ------
    BadInput
        When neither is given, or the folder is not there.
    """
    chosen = root or os.environ.get("HEARTWIRE_DATA")
    if not chosen:
        raise BadInput(
            "no ECG databases: HEARTWIRE_DATA is not set; set it to the folder that holds mitdb, svdb "
            "and so on, or fetch them: python -m train download DIR"
        )
    path = Path(chosen)
    if not path.is_dir():
        raise BadInput(
            f"no ECG databases: {path} is not a folder; set HEARTWIRE_DATA to the one that holds mitdb"
        )
    return path


def names(database: str, root: str | Path | None = None) -> tuple[str, ...]:
    """Names of the records of a database that heartwire uses, in a fixed order.

    For cinc2017 the ones that are on disk and in its reference list. Raises BadInput for an unknown database.
    """
    if database == "cinc2017":
        return tuple(recording_labels(root))
    if database not in _LISTS:
        raise BadInput(f"unknown database {database!r}: expected one of {', '.join(PHYSIONET)}")
    return _LISTS[database]


def recording_labels(root: str | Path | None = None) -> dict[str, str]:
    """Label (N, A, O or ~) of each recording of cinc2017 that is on disk; no signal is read."""
    folder = data_root(root) / "cinc2017"
    known = _cinc_labels(folder)
    return {name: label for name, label in known.items() if (folder / f"{name}.hea").is_file()}


def iterate(
    database: str, records: Iterable[str] | None = None, root: str | Path | None = None
) -> Iterator[Record]:
    """Load the records of a database one after another: those named, or all of :func:`names`."""
    for name in names(database, root) if records is None else records:
        yield load(database, name, root)


def load(database: str, name: str, root: str | Path | None = None) -> Record:
    """Read one record with its labels.

    Raises
    ------
    BadInput
        When the record or its labels are missing, truncated or not WFDB.
    """
    folder = data_root(root) / database
    signals = open_record(folder / name, "all")
    n = signals.mv.shape[0]
    marks = _Marks()
    if database == "cinc2017":
        label = _cinc_labels(folder).get(name)
        marks.rhythms = [Span(label, 0, n)] if label else []
    elif name not in splits.NOISE:
        marks.read(read_annotations(folder / name), n)
    return Record(
        database=database,
        name=name,
        fs=signals.fs,
        mv=signals.mv,
        leads=signals.leads,
        beats=np.asarray(marks.beats, dtype=np.int64),
        symbols=tuple(marks.symbols),
        rhythms=tuple(marks.rhythms),
        vf=_merge(marks.vf + [Span("VF", s.start, s.end) for s in marks.rhythms if s.label in VF_LABELS]),
        noise=tuple(marks.noise),
    )


def read_annotations(path: Path, extension: str = "atr") -> Any:
    """The `wfdb.Annotation` at `path`.`extension`. Raises BadInput."""
    wfdb = _wfdb()
    if not path.with_name(f"{path.name}.{extension}").is_file():
        raise BadInput(f"no labels {path}.{extension}: expected a WFDB annotation file beside the record")
    try:
        return wfdb.rdann(str(path), extension)
    except Exception as error:  # the library raises many kinds for a damaged file
        raise BadInput(
            f"cannot read labels {path}.{extension}: {_first_line(error)}; the file is truncated or not WFDB"
        ) from error


def download(database: str, root: str | Path) -> Path:
    """Fetch a database from PhysioNet into `root`/`database`, skipping what is there. Returns that folder.

    Data are under the Open Data Commons Attribution licence 1.0; cite Goldberger et al., Circulation
    101(23):e215, 2000, and the database's own paper. Raises BadInput for an unknown database or no network.
    """
    if database not in PHYSIONET:
        raise BadInput(f"unknown database {database!r}: expected one of {', '.join(PHYSIONET)}")
    wfdb = _wfdb()
    folder = Path(root) / database
    folder.mkdir(parents=True, exist_ok=True)
    chosen: Any = "all" if database == "cinc2017" else list(_LISTS[database])
    try:
        wfdb.dl_database(PHYSIONET[database], str(folder), records=chosen)
        if database == "cinc2017":
            wfdb.dl_files("challenge-2017", str(folder), ["REFERENCE-v3.csv"], keep_subdirs=False)
    except Exception as error:  # sockets, HTTP, and the library's own kinds
        raise BadInput(
            f"cannot fetch {database} from PhysioNet: {_first_line(error)}; try again later"
        ) from error
    return folder


class _Marks:
    """What the annotations of a record say, sorted by kind."""

    def __init__(self) -> None:
        self.beats: list[int] = []
        self.symbols: list[str] = []
        self.rhythms: list[Span] = []
        self.vf: list[Span] = []
        self.noise: list[Span] = []

    def read(self, annotation: Any, n: int) -> None:
        """Sort the annotations of a record of `n` samples."""
        changes: list[tuple[int, str]] = []
        vf_on: int | None = None
        noise_on: int | None = None
        for at, symbol, subtype, note in zip(
            annotation.sample.tolist(),
            annotation.symbol,
            annotation.subtype.tolist(),
            annotation.aux_note,
            strict=True,
        ):
            if aami(symbol) is not None:
                self.beats.append(at)
                self.symbols.append(symbol)
            elif symbol == "+" and note.startswith("("):
                changes.append((at, note.strip("(\x00 ")))
            elif symbol == "[":
                vf_on = at if vf_on is None else vf_on
            elif symbol == "]" and vf_on is not None:
                self.vf.append(Span("VF", vf_on, at))
                vf_on = None
            elif symbol == "~":
                if subtype & 0x30 == 0x30:
                    noise_on = at if noise_on is None else noise_on
                elif noise_on is not None:
                    self.noise.append(Span("~", noise_on, at))
                    noise_on = None
        if vf_on is not None:
            self.vf.append(Span("VF", vf_on, n))
        if noise_on is not None:
            self.noise.append(Span("~", noise_on, n))
        ends = [at for at, _ in changes[1:]] + [n]
        spans = (Span(label, at, end) for (at, label), end in zip(changes, ends, strict=False))
        self.rhythms = [span for span in spans if span.end > span.start]


def _merge(spans: list[Span]) -> tuple[Span, ...]:
    """Union of stretches, in order, without overlap."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: s.start):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(span.label, merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


@lru_cache(maxsize=4)
def _cinc_labels(folder: Path) -> dict[str, str]:
    """Label of each recording of cinc2017: N normal, A atrial fibrillation, O other, ~ noise."""
    path = folder / "REFERENCE-v3.csv"
    if not path.is_file():
        raise BadInput(f"no labels {path}: expected the reference list of cinc2017 in its folder")
    with path.open(newline="") as lines:
        return {row[0]: row[1].strip() for row in csv.reader(lines) if len(row) >= 2}


def _wfdb() -> Any:
    try:
        import wfdb
    except ImportError as error:
        raise BadInput("reading ECG records needs the wfdb library: pip install 'heartwire[demo]'") from error
    return wfdb


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
