"""Times as the WFDB tools read and write them."""

from __future__ import annotations

import re
from datetime import date

from train.ec57.errors import Ec57Error

_CLOCK = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?::(\d+(?:\.\d*)?))?(?::(\d+(?:\.\d*)?))?")
_IN_BRACKETS = re.compile(r"\[([\d:.]+)(?:\s+(\S+))?\]")
_DAY_S = 24 * 60 * 60


def samples(seconds: float, fs: float) -> int:
    """Seconds as a whole number of samples, halves rounded up."""
    return int(seconds * fs + 0.5)


def seconds(
    text: str, fs: float, n_samples: int | None = None, base_s: float = 0.0, base_day: date | None = None
) -> float:
    """What a time given on the command line means, in seconds after the record's start.

    Parameters
    ----------
    text : str
        ``5:0`` or ``1:2:3.5`` (the last number is seconds), ``90.5``; ``s1800``, a sample; ``e``, the end of
        the record; ``[12:30:00]``, ``[12:30:00 1]`` and ``[12:30:00 24/12/2001]``, a time of day, with days
        after the record's start or a date.
    fs : float
        Sampling rate [Hz].
    n_samples : int, optional
        Length of the record; ``e`` is 0 without it.
    base_s, base_day : float, date
        Time of day [s], and date, of the record's start, as its header says.

    Raises
    ------
    Ec57Error
        For a text of another form.
    """
    text = text.strip()
    if text == "e":
        return (n_samples or 0) / fs
    if text.startswith("s") and text[1:].isdecimal():
        return int(text[1:]) / fs
    if (found := _IN_BRACKETS.fullmatch(text)) is not None:
        return abs(_of_clock(found[1], text) - base_s + _days(found[2], base_day, text) * _DAY_S)
    return _of_clock(text, text)


def clock(n: int, fs: float) -> str:
    """A number of samples as hours, minutes, seconds and milliseconds, 12 characters or more.

    Hours stand there where there are any; milliseconds are rounded half up, on what is left after the whole
    seconds, as ``mstimstr`` does.
    """
    whole = int(n / fs)
    ms = int((n - whole * fs) * 1000 / fs + 0.5)
    if ms == 1000:
        ms, whole = 0, whole + 1
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours:2d}:{minute:02d}:{second:02d}.{ms:03d}"
    return f"   {minute:2d}:{second:02d}.{ms:03d}"


def _of_clock(text: str, whole: str) -> float:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise Ec57Error(f"time {whole!r}: expected seconds, minutes:seconds, hours:minutes:seconds, sN or e")
    parts = [float(part) for part in found.groups() if part is not None]
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        return 60.0 * parts[0] + parts[1]
    return 3600.0 * parts[0] + 60.0 * parts[1] + parts[2]


def _days(text: str | None, base_day: date | None, whole: str) -> int:
    """Days after the record's start; those before it count as none, as in the original."""
    if text is None:
        return 0
    if text.isdecimal():
        return int(text)
    try:
        day, month, year = (int(part) for part in text.split("/"))
        return max(0, (date(year, month, day) - base_day).days) if base_day is not None else 0
    except ValueError:
        raise Ec57Error(f"time {whole!r}: expected the day as days or as DD/MM/YYYY") from None
