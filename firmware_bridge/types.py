"""What every decoder gives and every pipeline takes: blocks of samples, gaps, and counts of what was lost."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


class SampleBlock(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Consecutive samples of one device.

    A `msgspec.Struct` and not a dataclass: made for every frame, where a frozen dataclass takes ten times as long.

    Attributes
    ----------
    device_id : str
        Who sent it.
    start : int
        Index of the first sample since the stream began, counted by the device (losses included).
    fs : float
        The rate the device declares, in Hz.
    mv : ndarray of float32, shape (n, n_leads)
        The signal in millivolts. NaN where the device said that it has no value.
    leads : tuple of str
        Name of each column.
    lead_off : int
        Bit k is set when the electrode of lead k is off. One value for the whole block: a decoder starts a
        new block where it changes.
    clipped : int
        Bit k is set when lead k stands at an end of its converter's range. One value for the whole block, as
        `lead_off`.
    pace : tuple of int
        Indices, counted as `start` is, of the samples at which the device saw a pacing pulse.
    """

    device_id: str
    start: int
    fs: float
    mv: F32
    leads: tuple[str, ...]
    lead_off: int = 0
    clipped: int = 0
    pace: tuple[int, ...] = ()

    @property
    def end(self) -> int:
        """Index of the first sample after this block."""
        return self.start + self.mv.shape[0]

    def column(self, lead: str | int, who: str) -> int:
        """Column of a lead, by its name or number. Raises `BadInput`, naming `who`, where there is none such."""
        n_leads = self.mv.shape[1]
        if isinstance(lead, int):
            if not 0 <= lead < n_leads:
                raise BadInput(f"{who}: lead {lead} asked for, the device has {n_leads}; set lead to less")
            return lead
        if lead not in self.leads:
            known = ", ".join(self.leads)
            raise BadInput(f"{who}: lead {lead!r} asked for, the device has {known}; set lead to one of them")
        return self.leads.index(lead)


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples that never arrived: `n_lost` of them, the first at index `start`.

    `reason` is a short word: ``lost``, ``reboot`` (the device began again: `n_lost` is 0 and unknown),
    ``no_signal``.
    """

    start: int
    n_lost: int
    reason: str = "lost"


@dataclass(frozen=True, slots=True)
class DeviceBeat:
    """A beat that the device itself found, passed on as it said it.

    Attributes
    ----------
    sample : int
        Index of the sample at the R-peak, counted as `SampleBlock.start` is.
    fs : float
        Rate of that count, in Hz.
    aami : str
        N, S, V, F or Q.
    probs : tuple of float
        Probabilities of N S V F Q.
    amp_mv : float
        The device's filtered lead at the R-peak, in mV.
    lead : str
        Name of the lead it looked at.
    final : bool
        Whether this is its last answer about this beat.
    """

    sample: int
    fs: float
    aami: str
    probs: tuple[float, float, float, float, float]
    amp_mv: float
    lead: str
    final: bool


@dataclass(frozen=True, slots=True)
class Firmware:
    """Who sends.

    Attributes
    ----------
    name : str
        Name and version as it gives them; empty while it has given none.
    speaks, expected : int
        Version of the frames it sends, and the one that is read here.
    """

    name: str
    speaks: int
    expected: int


@dataclass(slots=True)
class LinkStats:
    """Everything a link lost or mended, counted since it was opened."""

    n_bytes: int = 0
    n_frames: int = 0
    n_samples: int = 0
    n_crc: int = 0
    n_resync: int = 0
    n_lost: int = 0
    n_duplicate: int = 0
    n_reboot: int = 0
    n_unknown: int = 0
    n_rejected: int = 0


class BadInput(ValueError):
    """A user's mistake or an unusable file: one line that says got, expected, where, what to do."""
