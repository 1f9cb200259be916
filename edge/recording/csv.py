"""A recording as comma-separated values: a line a sample. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np

from edge.io.recordings import Recording
from edge.messages import iso, safe_id
from edge.recording.mark_words import in_words

BLOCK = 10_000


def csv_blocks(recording: Recording) -> Iterator[str]:
    """The text in pieces: time from the start [s], UTC where it is known, the leads [mV], marks.

    A sample that is not there is an empty field. Names become words of letters and digits, so that no cell is taken
    for a formula; marks that would be are given an apostrophe.
    """
    head = ["t_s", *(["utc"] if recording.utc_s is not None else [])]
    head += [f"{safe_id(lead, f'lead{k + 1}')}_mv" for k, lead in enumerate(recording.leads)]
    yield ",".join([*head, "mark"]) + "\n"
    words: dict[int, list[str]] = {}
    for mark in recording.marks:
        words.setdefault(mark.sample, []).append(in_words(mark))
    for start in range(0, recording.mv.shape[0], BLOCK):
        yield _block(recording, start, words)


def _block(recording: Recording, start: int, words: dict[int, list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    mv = recording.mv[start : start + BLOCK]
    for k, row in enumerate(mv.astype(np.float64).tolist(), start):
        t_s = k / recording.fs
        line = [f"{t_s:.6f}"]
        if recording.utc_s is not None:
            line.append(iso(recording.utc_s + t_s))
        line += [f"{value:.6f}" if value == value else "" for value in row]
        line.append(_tame("; ".join(words[k])) if k in words else "")
        writer.writerow(line)
    return out.getvalue()


def _tame(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if text[:1] in "=+-@\t\r" else text
