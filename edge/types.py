"""The events that leave the pipeline. All are past facts; all times are device sample indices.

`at` is the index of the sample whose arrival produced the event, so that `at - r_peak.sample` is the true
delay of an answer in samples, whatever the chunking. UTC, boot id and sequence number join in
:mod:`edge.messages`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Union

import msgspec
import numpy as np
from numpy.typing import NDArray

AAMI = ("N", "S", "V", "F", "Q")
PERSONAL_MODES = ("off", "self", "labels")
RHYTHMS = ("sinus", "af", "vt", "vf", "noise")


@dataclass(frozen=True, slots=True)
class RPeak:
    """An R-peak: device sample index, amplitude [mV] on the filtered lead, detector probability."""

    sample: int
    amp_mv: float
    prob: float


@dataclass(frozen=True, slots=True)
class Beat:
    """One answer about one beat. `rr_s` is the RR interval before it, None after a gap or reset.

    `probs` are the probabilities of N S V F Q. `final` answers may revise early ones and carry the same `id`.
    `warming` says that the state is younger than it must be to be trusted. `sqi` is 0 (bad) to 1 (good).
    `readable` is False where the quality gate suspends the label (an EC57 shutdown). `plain` are the probabilities
    before the patient's own correction (:mod:`edge.personal`); None where nothing was corrected. `paced` is True where
    the device marked a pacing pulse beside the R-peak (:mod:`edge.pace`).
    """

    id: int
    r_peak: RPeak
    rr_s: float | None
    aami: str
    probs: tuple[float, float, float, float, float]
    sqi: float
    final: bool
    warming: bool
    readable: bool
    at: int
    plain: tuple[float, float, float, float, float] | None = None
    paced: bool = False

    @property
    def plain_aami(self) -> str:
        """The class without the patient's own correction."""
        return self.aami if self.plain is None else AAMI[self.plain.index(max(self.plain))]

    @property
    def ventricular(self) -> bool:
        """V, corrected or not: what lethal alarms count, so that no correction can take a V from them."""
        return "V" in (self.aami, self.plain_aami)

    def uncorrected(self) -> Beat:
        """The same answer without the patient's own correction."""
        return (
            self if self.plain is None else replace(self, aami=self.plain_aami, probs=self.plain, plain=None)
        )


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The rhythm changed to `label` (one of `RHYTHMS` or 'unknown') at sample `since`."""

    label: str
    prob: float
    since: int
    at: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an alarm comes from that an earlier start of the monitor raised: sample indices say nothing of it.

    `occurrence` is what it was published under, empty where that is not known; `since_s` is UTC, seconds since 1970.
    """

    occurrence: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm changed: `state` is 'active', 'cleared' or, still latched after its cause went, 'latched'.

    `priority` is high, medium, low or technical; `kind` is patient or technical. `value` says what was seen
    (a rate, a duration) in words fit for a log line. `occurrence` numbers the times that any alarm began, `limit`
    is the rule with its limits in words, `by` who acknowledged. `origin` is there where an earlier start of the
    monitor raised it.
    """

    name: str
    state: str
    priority: str
    kind: str
    since: int
    latched: bool
    acked: bool
    value: str
    at: int
    occurrence: int = 0
    limit: str = ""
    by: str = ""
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the patient and the signal, once a second of stream.

    `personal` is the mode of :mod:`edge.personal`, `personal_beats` how many beats it was fitted on, 0 while it only
    gathers.
    """

    hr_bpm: float | None
    reason: str | None
    rhythm: str
    sqi: float
    lead_off: bool
    rr_ms: float | None
    rmssd_ms: float | None
    pvc_per_min: float | None
    n_lost: int
    warming: bool
    at: int
    personal: str = "off"
    personal_beats: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a log line: a gap, a reset, bad samples, a new link."""

    kind: str
    start: int
    end: int
    detail: str
    at: int


class WaveChunk(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A stretch of the raw signal for display: `mv` is float32 (n, n_leads), the first at sample `start`."""

    start: int
    fs: float
    mv: NDArray[np.float32]
    leads: tuple[str, ...]
    at: int


Event = Union[Beat, Rhythm, Alarm, Status, Note, WaveChunk]  # noqa: UP007 (a runtime alias on 3.10)


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the shell knows and the samples cannot say: pushed into the pipeline like a block.

    `kind` is one of: 'no_signal' (nothing for 1.5 s), 'signal' (it came back), 'rate_mismatch', 'rate_ok'.
    `detail` is one readable line.
    """

    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """What a person (`by`) asked for.

    `verb` is 'ack' (an alarm by `name`, or all when empty), 'label' (beat `beat` is of the AAMI class `name`), 'pause'
    (no sound for `seconds`; None: as long as is usual here; 0: sound again) or 'reset'.
    """

    verb: str
    name: str = ""
    by: str = ""
    seconds: float | None = None
    beat: int | None = None
