"""[io] Recorded ECGs in WFDB format, opened for replay: one record, its leads in mV.

Reading is left to the `wfdb` library, imported only when a record is opened.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.patient import PatientSamples
from firmware_bridge.types import F32, BadInput

#: What one of a header's units is in mV.
_MV = {"mv": 1.0, "uv": 1e-3, "v": 1e3, "nv": 1e-6}


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A recorded ECG.

    Attributes
    ----------
    name : str
        The record's name, as 208.
    fs : float
        Sampling rate [Hz].
    leads : tuple of str
        Name of each column.
    mv : ndarray of float32, shape (n, n_leads)
        The signals [mV], NaN where the file has no valid sample.
    base : datetime or None
        When the first sample was, as the header has it: without a time zone, None where it does not say.
    comments : tuple of str
        The header's remarks.
    """

    name: str
    fs: float
    leads: tuple[str, ...]
    mv: F32
    base: datetime | None = None
    comments: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length of the record [s]."""
        return self.mv.shape[0] / self.fs

    def resampled(self, fs: float) -> Record:
        """The same record at `fs` [Hz], by a polyphase filter of linear phase; itself if that is its rate.

        A sample is NaN where the nearest of the record's own samples is.
        """
        if fs == self.fs or not self.mv.size:
            return self
        from scipy.signal import resample_poly

        ratio = Fraction(fs / self.fs).limit_denominator(2000)
        columns = [_resampled(self.mv[:, k], ratio, resample_poly) for k in range(self.mv.shape[1])]
        return replace(self, fs=fs, mv=np.stack(columns, axis=1).astype(np.float32))


class RecordSource:
    """A record as a source of samples: `read` gives what is asked for until nothing is left."""

    def __init__(self, record: Record, start_s: float = 0.0, loop: bool = False) -> None:
        self.fs = record.fs
        self.leads = record.leads
        self.total = record.mv.shape[0]
        self._mv = record.mv
        self._loop = loop
        self._next = round(start_s * record.fs)
        if not 0 <= self._next < max(1, self.total):
            raise BadInput(f"start is {start_s:g} s: record {record.name} has {record.seconds:g} s")

    def read(self, n: int) -> PatientSamples:
        """The next `n` samples, fewer (at last none) at the record's end."""
        mv = self._mv[self._next : self._next + n]
        self._next += mv.shape[0]
        while self._loop and mv.shape[0] < n and self.total:
            more = self._mv[: n - mv.shape[0]]
            self._next = more.shape[0]
            mv = np.concatenate((mv, more))
        return PatientSamples(mv, np.zeros(mv.shape[0], np.uint8))


def open_record(path: str | Path, lead: str | int | None = None) -> Record:
    """Open a WFDB record.

    Parameters
    ----------
    path : str or Path
        With or without ``.hea``. A path that is not there is also looked for below HEARTWIRE_DATA.
    lead : str or int, optional
        The lead by name or by number from 0, or ``all``. Without it MLII where the record has one (it is the
        second of MIT-BIH 114), else the first.

    Raises
    ------
    BadInput
        One line, for a record that is missing, truncated or not WFDB, a lead that it has not, or where the
        `wfdb` library is not installed.
    """
    base = record_path(path)
    raw = _read(base)
    names = tuple(str(name) for name in raw.sig_name or ())
    signal = raw.p_signal
    if signal is None or not names or signal.shape[0] == 0:
        raise BadInput(f"record {base} holds no samples: expected at least one ECG signal")
    columns = _columns(names, lead, base)
    scale = [_in_mv(str(raw.units[k]), names[k], base) for k in columns]
    mv = (signal[:, columns] * np.array(scale)).astype(np.float32)
    leads = tuple(names[k] for k in columns)
    return Record(base.name, float(raw.fs), leads, mv, raw.base_datetime, tuple(raw.comments or ()))


def record_path(path: str | Path) -> Path:
    """The record's path without extension, where its header is, also below HEARTWIRE_DATA; else `BadInput`."""
    text = str(path)
    for extension in (".hea", ".dat", ".atr", ".mat"):
        text = text.removesuffix(extension)
    places = [Path(text)]
    if os.environ.get("HEARTWIRE_DATA"):
        places.append(Path(os.environ["HEARTWIRE_DATA"]) / text)
    for place in places:
        if place.with_name(place.name + ".hea").is_file():
            return place
    raise BadInput(f"record {text!r} not found: there is no {places[0]}.hea; give the path of a WFDB header")


def _read(base: Path) -> Any:
    try:
        import wfdb
    except ImportError:
        raise BadInput(
            f"record {base} needs the wfdb library, which is missing: pip install 'heartwire[demo]'"
        ) from None
    try:
        return wfdb.rdrecord(str(base))
    except FileNotFoundError as error:
        missing = Path(str(error.filename or base)).name
        raise BadInput(
            f"record {base}: its signal file {missing} is missing; put it next to the header"
        ) from None
    except Exception as error:
        # The library lets through whatever its parsers and NumPy meet: ValueError, IndexError, KeyError...
        detail = " ".join(str(error).split())[:100]
        what = _size_complaint(base) or f"cannot be read as WFDB ({type(error).__name__}: {detail})"
        raise BadInput(f"record {base} {what}; fetch it again") from None


def _size_complaint(base: Path) -> str | None:
    """Say so when a signal file is shorter than its header promises."""
    import wfdb

    try:
        header = wfdb.rdheader(str(base))
        bits = {"8": 8, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12}
        for name in dict.fromkeys(header.file_name):
            mine = [k for k, other in enumerate(header.file_name) if other == name]
            needed = sum(header.sig_len * bits[header.fmt[k]] * header.samps_per_frame[k] for k in mine) // 8
            size = base.with_name(name).stat().st_size
            if size < needed:
                return f"is truncated: {name} has {size} bytes, its header promises {needed}"
    except Exception:
        return None
    return None


def _columns(names: tuple[str, ...], lead: str | int | None, base: Path) -> list[int]:
    if lead is None:
        return [names.index("MLII") if "MLII" in names else 0]
    if lead == "all":
        return list(range(min(8, len(names))))
    if isinstance(lead, str) and lead in names:
        return [names.index(lead)]
    if str(lead).isdigit() and int(lead) < len(names):
        return [int(lead)]
    raise BadInput(
        f"record {base} has no lead {str(lead)[:40]!r}: use one of {', '.join(names)}, "
        f"or 0 to {len(names) - 1}"
    )


def _in_mv(unit: str, lead: str, base: Path) -> float:
    if unit.lower() not in _MV:
        raise BadInput(
            f"record {base}: lead {lead} is in {unit[:20]!r}, expected a voltage (mV); choose another lead"
        )
    return _MV[unit.lower()]


def _resampled(mv: F32, ratio: Fraction, resample_poly: Any) -> NDArray[np.float64]:
    good = np.isfinite(mv)
    if not good.any():
        return np.full(-(-mv.shape[0] * ratio.numerator // ratio.denominator), np.nan)
    at = np.arange(mv.shape[0])
    filled = mv.astype(np.float64) if good.all() else np.interp(at, at[good], mv[good])
    out: NDArray[np.float64] = resample_poly(filled, ratio.numerator, ratio.denominator, padtype="line")
    nearest = np.minimum(np.rint(np.arange(out.shape[0]) / float(ratio)).astype(int), mv.shape[0] - 1)
    out[~good[nearest]] = np.nan
    return out
