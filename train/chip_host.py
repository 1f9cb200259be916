"""The exported C as a library of this machine: built by its compiler, driven by ctypes, a whole lead at a time."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.types import BadInput
from train import export
from train.chip_size import WARNINGS

F32 = NDArray[np.float32]

DRIVER = """
#include "heartwire.h"

typedef struct {
    uint32_t k;
    hw_answer answer;
} told;

uint32_t size_of_state(void);
uint32_t size_of_scratch(void);
uint32_t size_of_told(void);
uint32_t play_answers(hw_state *s, hw_scratch *scratch, const float *mv, uint32_t n, told *out, float *rhythm);
float largest_hidden(const hw_state *s);

uint32_t size_of_state(void) { return (uint32_t)sizeof(hw_state); }
uint32_t size_of_scratch(void) { return (uint32_t)sizeof(hw_scratch); }
uint32_t size_of_told(void) { return (uint32_t)sizeof(told); }

/* Gives how many answers there were in `out`; `rhythm` has room for a row of probabilities a sample. */
uint32_t play_answers(hw_state *s, hw_scratch *scratch, const float *mv, uint32_t n, told *out, float *rhythm)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < n; k++) {
        hw_answer answers[2];
        int here = hw_step(s, mv[k], scratch, answers);
        for (int j = 0; j < here; j++) {
            out[count].k = k;
            out[count++].answer = answers[j];
        }
#if HW_RHYTHM
        hw_rhythm(s, scratch, rhythm + k * HW_N_RHYTHMS);
#else
        (void)rhythm;
#endif
    }
    return count;
}

float largest_hidden(const hw_state *s)
{
    float top = 0.0f;
    for (int k = 0; k < HW_N_HIDDEN; k++)
        top = s->gru.h[k] > top ? s->gru.h[k] : (-s->gru.h[k] > top ? -s->gru.h[k] : top);
    return top;
}
"""

TOLD = np.dtype(
    {
        "names": ["k", "sample", "amp_mv", "probs", "aami", "final"],
        "formats": ["u4", "u4", "f4", ("f4", 5), "u1", "u1"],
        "offsets": [0, 4, 8, 12, 32, 33],
        "itemsize": 36,
    }
)
"""An answer, and the sample with which it came."""


def build(chip: export.Chip, folder: Path, fusion: bool = False, rhythm: bool = False, more: str = "") -> Any:
    """Write the C of `chip` into `folder` and load it, with :data:`DRIVER` and `more` C in it.

    Raises
    ------
    BadInput
        Where there is no C compiler, or it refuses a file.
    """
    if shutil.which("cc") is None:
        raise BadInput("cc: not found; install a C compiler")
    export.write(chip, folder)
    (folder / "driver.c").write_text(DRIVER + more)
    switches = [f"-DHW_FUSION={int(fusion)}", f"-DHW_RHYTHM={int(rhythm)}"]
    sources = sorted(path.name for path in folder.glob("*.c"))
    words = ["cc", *WARNINGS, *switches, "-O3", "-fPIC", "-shared", *sources, "-o", "chip.so", "-lm"]
    run = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BadInput(f"cc: {(run.stderr.strip().splitlines() or ['failed'])[0]}")
    lib = ctypes.CDLL(str(folder / "chip.so"))
    for name in ("size_of_state", "size_of_scratch", "size_of_told", "play_answers"):
        getattr(lib, name).restype = ctypes.c_uint32
    lib.largest_hidden.restype = ctypes.c_float
    assert lib.size_of_told() == TOLD.itemsize
    return lib


class HostPatient:
    """One patient of a library that :func:`build` gave; `n_rhythms` as it was exported.

    Attributes
    ----------
    state, scratch : buffers
        ``hw_state`` and ``hw_scratch``.
    """

    def __init__(self, lib: Any, n_rhythms: int) -> None:
        self._lib, self._n_rhythms = lib, n_rhythms
        self.state = ctypes.create_string_buffer(lib.size_of_state())
        self.scratch = ctypes.create_string_buffer(lib.size_of_scratch())
        lib.hw_start(self.state)

    @property
    def size(self) -> int:
        """Bytes of a patient's state and of the shared scratch."""
        return len(self.state) + len(self.scratch)

    @property
    def largest_hidden(self) -> float:
        """Size of the GRU's largest hidden unit."""
        return float(self._lib.largest_hidden(self.state))

    def play(self, mv: F32) -> tuple[NDArray[Any], F32]:
        """Answers (:data:`TOLD`) of a lead (n,) in mV, and the rhythm (n, n_rhythms), NaN but once a second."""
        mv = np.ascontiguousarray(mv, np.float32)
        out = np.zeros(len(mv) // 8 + 8, TOLD)
        rhythm = np.full((len(mv), self._n_rhythms), np.nan, np.float32)
        where = [ctypes.c_void_p(a.ctypes.data) for a in (mv, out, rhythm)]
        n = self._lib.play_answers(self.state, self.scratch, where[0], len(mv), where[1], where[2])
        return out[:n], rhythm
