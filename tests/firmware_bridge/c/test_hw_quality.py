from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.quality import Quality
from train.chip_host import HostPatient

F32 = NDArray[np.float32]


def both(chip: Any, filtered: F32) -> tuple[list[tuple[float, bool]], list[tuple[float, bool]]]:
    """(sqi, unreadable) every 31 samples, in C and by edge."""
    theirs, patient, flag = Quality(125.0, 125.0), HostPatient(chip.lib, 5), ctypes.c_uint8()
    got, expected = [], []
    for k in range(0, len(filtered) - 31, 31):
        part = np.ascontiguousarray(filtered[k : k + 31])
        for x in part.tolist():
            theirs.push(x)
        expected.append((theirs.state.sqi, theirs.state.unreadable))
        where = ctypes.c_void_p(part.ctypes.data), ctypes.c_uint32(31)
        sqi = chip.lib.listen(patient.state, patient.scratch, *where, ctypes.byref(flag))
        got.append((sqi, bool(flag.value)))
    return got, expected


def check(chip: Any, filtered: F32) -> set[bool]:
    got, expected = both(chip, filtered)
    assert max(abs(a - b) for (a, _), (b, _) in zip(got, expected, strict=True)) < 1e-3
    assert [bad for _, bad in got] == [bad for _, bad in expected]
    return {bad for _, bad in got}


def test_quality_when_noise_comes_and_goes_then_it_is_edges(full_chip: Any, virtual_lead: F32) -> None:
    rng = np.random.default_rng(9)
    clean = virtual_lead[:4000] - np.float32(virtual_lead[:4000].mean())
    muscle = clean + rng.normal(0.0, 0.8, 4000).astype(np.float32)
    motion = np.cumsum(rng.normal(0.0, 0.2, 4000)).astype(np.float32)
    motion -= np.convolve(motion, np.ones(125) / 125.0, "same").astype(np.float32)
    assert check(full_chip, np.concatenate((clean, muscle, clean, motion, clean))) == {True, False}


def test_quality_when_the_line_is_flat_then_it_is_edges(full_chip: Any) -> None:
    assert check(full_chip, np.zeros(2000, np.float32)) == {False}
