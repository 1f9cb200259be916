"""How long the monitor may leave its source alone, so that a few samples share one waking. Pure.

A processor that is woken 360 times a second for one sample each time spends most of it on waking: its caches
have gone cold meanwhile. Bytes wait well in the kernel, so a fast device is left alone for some milliseconds;
a reader that waits for a chunk of waveform is not kept waiting, because the rest ends before its last sample.
"""

from __future__ import annotations

LEAST_SAMPLES = 2
"""A shorter rest would save no waking."""
MARGIN_SAMPLES = 1.5
"""The rest ends so long before the sample that completes a chunk."""


class Rest:
    """Decides after each block.

    Parameters
    ----------
    most_s : float
        The longest rest, in seconds; 0 for none.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s

    def after(self, fs: float, n_missing: int | None) -> float:
        """Seconds to rest now.

        Parameters
        ----------
        fs : float
            The stream's rate in Hz.
        n_missing : int or None
            Samples still missing of the waveform chunk that is being collected; None where none is.
        """
        samples = self._most_s * fs
        if n_missing is not None:
            samples = min(samples, n_missing - MARGIN_SAMPLES)
        return samples / fs if samples >= LEAST_SAMPLES else 0.0
