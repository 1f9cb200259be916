"""Annotation files: bytes in, marks out, and back.

The MIT format is that of the WFDB library (WFDB Applications Guide, annot(5)): 16-bit little-endian words of
which the upper 6 bits say what and the lower 10 how many ticks after the mark before; the codes from 59 up
add to the mark they follow. The AHA format (16 bytes a mark) is read too.

Quirks of the library that are kept:

- A file that ends without its end mark (a word of zeros) loses its last mark: the library is always one mark
  ahead, and gives none once it has met the end of the file.
- NOTE marks at sample 0 and before all others are the file's own remarks ('## time resolution: 360') and are
  not given, nor is the mark of no kind that may end them.
- Marks come in the order of the file, sorted or not.

Nothing but the standard library is imported here: the EC57 tools of :mod:`train.ec57` need no more.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

_NAMES = 'N L R a V F J A S E j / Q ~ [15] | [17] s T * D " = p B ^ t + u ? ! [ ] e n @ x f ( ) r'
#: WFDB symbol of each annotation code, 0 to 41.
SYMBOLS = (" ", *_NAMES.split())
CODES = {symbol: code for code, symbol in enumerate(SYMBOLS)}
NOTE = '"'
_SKIP, _NUM, _SUB, _CHAN, _AUX = 59, 60, 61, 62, 63
END_BYTES = 2
_MAX_TICKS, _MAX_SKIP, _MAX_AUX = 1023, 0x7FFFFFFF, 255
_RESOLUTION = "## time resolution: "
_OF_AHA = {"E": "E", "F": "F", "N": "N", "O": NOTE, "P": "/", "Q": "Q", "R": "r", "U": "~", "V": "V"}
_OF_AHA |= {"[": "[", "]": "]"}
_AHA_BYTES, _AHA_END = 16, 0xFF


class AnnotationError(ValueError):
    """An unusable file or mark: one line that says got, expected, where, what to do."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One annotation.

    Attributes
    ----------
    sample : int
        When: sample index.
    symbol : str
        WFDB symbol; '[42]' for a code that has none.
    subtype, chan, num : int
        Small numbers whose meaning depends on the symbol; for NOISE marks '~' bits 4 and 5 of `subtype` say
        that the signals 0 and 1 are unreadable, for MEASURE marks '=' it says what was measured.
    aux : str
        Text, such as '(AFIB' of a rhythm mark '+'.
    """

    sample: int
    symbol: str
    subtype: int = 0
    chan: int = 0
    num: int = 0
    aux: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """What a file holds: `marks` in ticks, `ticks_per_s` where it says so, `whole` unless its end is missing."""

    marks: tuple[Mark, ...]
    ticks_per_s: float | None = None
    whole: bool = True

    def at(self, fs: float) -> list[Mark]:
        """The marks with their times in samples at `fs` [Hz], halves rounded up.

        Times are left as they are where the file names no resolution of its own.
        """
        if self.ticks_per_s is None or self.ticks_per_s == fs:
            return list(self.marks)
        ratio = fs / self.ticks_per_s
        return [replace(mark, sample=math.floor(mark.sample * ratio + 0.5)) for mark in self.marks]


def marks(annotation: Any) -> list[Mark]:
    """The list of :class:`Mark` of a ``wfdb.Annotation``."""
    columns = zip(
        annotation.sample, annotation.symbol, annotation.subtype, annotation.chan, annotation.num,
        annotation.aux_note, strict=True,
    )  # fmt: skip
    return [
        Mark(int(sample), symbol, int(subtype), int(chan), int(num), aux or "")
        for sample, symbol, subtype, chan, num, aux in columns
    ]


def parse(data: bytes, name: str = "the file") -> Annotations:
    """What is in an annotation file.

    Parameters
    ----------
    data : bytes
        The whole file, MIT or AHA format.
    name : str
        What to call it in an error.

    Raises
    ------
    AnnotationError
        For a file that is empty.
    """
    if not data:
        raise AnnotationError(f"{name} is empty: expected a WFDB annotation file")
    if len(data) > 1 and data[0] == 0 and chr(data[1]) in _OF_AHA and chr(data[1]) not in "[]":
        found, whole = _aha(data)
    else:
        found, whole = _mit(data)
    first, ticks_per_s = 0, None
    for mark in found:
        if mark.sample != 0 or mark.symbol != NOTE or mark.subtype != 0 or not mark.aux:
            break
        first += 1
        if mark.aux.startswith(_RESOLUTION):
            ticks_per_s = _number(mark.aux.removeprefix(_RESOLUTION)) or ticks_per_s
    if first and found[first : first + 1] == [Mark(0, SYMBOLS[0])]:
        first += 1
    return Annotations(tuple(found[first:]), ticks_per_s, whole)


def encode(given: Iterable[Mark], before: Mark | None = None) -> bytes:
    """An annotation file in MIT format that holds these marks, in the order given.

    With `before`, the last mark of a file that is there, what comes in place of that file's end mark (its last
    `END_BYTES`) to add these to it.

    Raises
    ------
    AnnotationError
        For a symbol that WFDB does not have, or text above 255 characters.
    """
    words: list[int] = []
    last = before or Mark(0, " ")
    for mark in given:
        words += _words(mark, last)
        last = mark
    return struct.pack(f"<{len(words) + 1}H", *words, 0)


def in_order(given: Iterable[Mark]) -> list[Mark]:
    """Marks sorted by time, num, and chan; of several that agree in all three the last one is kept.

    This is what ``sortann`` makes of a file that was written out of order.
    """
    kept = {(mark.sample, mark.num, mark.chan): mark for mark in given}
    return [kept[key] for key in sorted(kept)]


def _mit(data: bytes) -> tuple[list[Mark], bool]:
    """The marks of a file in MIT format, and whether its end mark is there."""
    found: list[Mark] = []
    words = _Words(data)
    ticks, chan, num = 0, 0, 0
    try:
        word = words.next()
        while word >> 10 == _SKIP:
            ticks += words.skip()
            word = words.next()
        while word:
            ticks += word & _MAX_TICKS
            at, code, subtype, aux = ticks, word >> 10, 0, ""
            while (word := words.next()) >> 10 >= _SKIP:
                more, value = word >> 10, word & _MAX_TICKS
                if more == _SKIP:
                    ticks += words.skip()
                elif more == _NUM:
                    num = _signed(value)
                elif more == _SUB:
                    subtype = _signed(value)
                elif more == _CHAN:
                    chan = value & 0xFF
                else:
                    aux = words.text(value & 0xFF)
            found.append(Mark(at, _symbol(code), subtype, chan, num, aux))
    except _AtEndError:
        return found, False
    return found, True


class _AtEndError(Exception):
    """The file ended where more was to come."""


class _Words:
    """The 16-bit words of a file, one after another."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, n: int) -> bytes:
        taken = self._data[self._at : self._at + n]
        self._at += n
        if len(taken) < n:
            raise _AtEndError
        return taken

    def next(self) -> int:
        return int.from_bytes(self._take(2), "little")

    def skip(self) -> int:
        """A signed number of 32 bits, upper word first."""
        return _long(self._take(4))

    def text(self, n: int) -> str:
        return self._take(n + n % 2)[:n].decode("latin-1")


def _aha(data: bytes) -> tuple[list[Mark], bool]:
    """The marks of a file in AHA format, and whether it has the padding that ends it."""
    found: list[Mark] = []
    for at in range(0, len(data), _AHA_BYTES):
        cell = data[at : at + _AHA_BYTES]
        if cell[0] == _AHA_END:
            return found, True
        if len(cell) < _AHA_BYTES:
            break
        symbol = _OF_AHA.get(chr(cell[1]), " ")
        subtype = -1 if symbol == "~" and cell[8] == 0 else _signed(cell[8])
        aux = cell[10:16].split(b"\0")[0].decode("latin-1")
        found.append(Mark(_long(cell[2:6]), symbol, subtype, cell[9], 0, aux))
    return found[:-1], False


def _words(mark: Mark, before: Mark) -> Iterator[int]:
    code = _code(mark.symbol)
    delta = mark.sample - before.sample
    if code == 0:
        yield from _skip_words(delta - 1)  # a word of code 0 and no ticks would end the file
        delta = 1
    elif not 0 <= delta <= _MAX_TICKS:
        yield from _skip_words(delta)
        delta = 0
    yield code << 10 | delta
    for more, value, old in (
        (_SUB, mark.subtype, 0),
        (_CHAN, mark.chan, before.chan),
        (_NUM, mark.num, before.num),
    ):
        if value != old:
            yield more << 10 | value & _MAX_TICKS
    if mark.aux:
        text = mark.aux.encode("latin-1", "replace")
        if len(text) > _MAX_AUX:
            raise AnnotationError(
                f"mark at {mark.sample}: got a text of {len(text)} characters, expected {_MAX_AUX} at most"
            )
        yield _AUX << 10 | len(text)
        padded = text + b"\0" * (len(text) % 2)
        yield from struct.unpack(f"<{len(padded) // 2}H", padded)


def _skip_words(delta: int) -> Iterator[int]:
    while delta:
        step = max(-_MAX_SKIP, min(_MAX_SKIP, delta))
        yield _SKIP << 10
        yield (step >> 16) & 0xFFFF
        yield step & 0xFFFF
        delta -= step


def _code(symbol: str) -> int:
    if symbol in CODES:
        return CODES[symbol]
    inner = symbol[1:-1]
    if symbol.startswith("[") and symbol.endswith("]") and inner.isdecimal() and int(inner) < _SKIP:
        return int(inner)
    raise AnnotationError(f"symbol {symbol!r}: expected one of {' '.join(SYMBOLS[1:])}")


def _symbol(code: int) -> str:
    return SYMBOLS[code] if code < len(SYMBOLS) else f"[{code}]"


def _long(four: bytes) -> int:
    high, low = struct.unpack("<hH", four)
    return int(high) * 65536 + int(low)


def _signed(value: int) -> int:
    """The lower 8 bits as a signed number."""
    return (value & 0xFF ^ 0x80) - 0x80


def _number(text: str) -> float | None:
    try:
        return float(text.split("\0")[0])
    except ValueError:
        return None
