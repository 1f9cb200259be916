"""The only place where stages are wired: blocks in, events out. No I/O, no clock, no thread.

The same samples give the same events, however they were cut into blocks.
"""

from __future__ import annotations

from collections import deque
from typing import Union

from edge.alarms import AlarmEngine, Observation
from edge.artefact import Models
from edge.beats import BeatStage, Circumstances
from edge.filters import Cascade
from edge.guard import Guard
from edge.quality import Quality
from edge.resample import Resampler
from edge.rhythm import RhythmStage
from edge.rhythm_window import rhythm_image
from edge.rpeaks import RPeakDetector
from edge.types import Beat, Command, Event, LinkState, Note, Rhythm, Status
from edge.wave_chunks import WaveChunker
from edge.windows import Ring
from firmware_bridge.types import BadInput, Gap, SampleBlock

Item = Union[SampleBlock, Gap, LinkState, Command]  # noqa: UP007 (a runtime alias on 3.10)

LONGEST_BRIDGE_S = 0.25
"""A shorter gap is bridged by the last value; a longer one breaks the RR series."""

LONGEST_MEMORY_S = 1.0
"""After a longer gap (or as long a stretch of unusable samples) the states start anew (faults.md T11)."""

WARM_S = 5.0
"""Age at which a state is trusted. A cold twin of the GRU gives the same beats from there on."""

TICK = 25
"""Model samples between two looks at the alarms (0.2 s)."""

NO_BEAT_S = 4.0
"""Without a beat for so long there is no heart rate to show."""


class Pipeline:
    """One patient: states, and the way of a sample through the stages.

    Parameters
    ----------
    models : Models
        Shared weights.
    device_id : str
        Named in errors.
    lead : str or int
        Which lead is analysed, by name or column; the first by default.
    wave_ms : float
        Length of the waveform chunks given back for display; 0 for none.
    """

    def __init__(
        self, models: Models, *, device_id: str = "device", lead: str | int = 0, wave_ms: float = 100.0
    ) -> None:
        self._models, self._device_id, self._lead = models, device_id, lead
        self._fs_model = models.fs
        gru = models.manifests["gru"]
        rhythm = models.manifests["rhythm_cnn"]
        self._clip = gru.thresholds["clip_mv"]
        self._cascade = Cascade(gru.sos)
        self._state = models.gru.new_state()
        self._detector = RPeakDetector(gru.thresholds["qrs_logit"], gru.delay["class"] - gru.delay["qrs"])
        self._ring = Ring()
        self._beats = BeatStage(models, self._ring, self._to_device)
        weights = rhythm.calibration
        self._rhythm = RhythmStage((weights["af_const"], weights["af_mean"], weights["af_rms"]))
        self._hop, self._rhythm_window = rhythm.hop, rhythm.window
        self._alarms = AlarmEngine()
        self._chunker = WaveChunker(wave_ms)
        self._fs = 0.0
        self._column = 0
        self._resampler: Resampler | None = None
        self._quality: Quality | None = None
        self._guard: Guard | None = None
        self._expected: int | None = None
        self._base = 0
        self._at = 0
        self._k = 0
        self._n_lost = 0
        self._last_r: int | None = None
        self._blocked: str | None = None
        self._pvcs: deque[int] = deque()

    # -- what comes in ---------------------------------------------------------------------------------------

    def push(self, item: Item) -> list[Event]:
        """Take one item, give the events that it caused, in order.

        Raises
        ------
        BadInput
            When the block's rate or leads cannot be used (the caller's mistake, not the wire's).
        """
        if isinstance(item, SampleBlock):
            return self._block(item)
        if isinstance(item, Gap):
            return self._gap(item)
        if isinstance(item, LinkState):
            return self._link(item)
        return self._command(item)

    def reset(self) -> list[Event]:
        """Another patient: forget states, template and alarms."""
        self._beats.template.reset()
        events: list[Event] = [*self._alarms.reset(self._at)]
        return events + self._restart(self._at + 1, "reset by command")

    def _block(self, block: SampleBlock) -> list[Event]:
        events: list[Event] = []
        if block.fs != self._fs:
            events += self._configure(block)
        if self._expected is not None and block.start != self._expected:
            n_lost = block.start - self._expected
            events += self._gap(Gap(self._expected, max(0, n_lost), "lost" if n_lost > 0 else "reboot"))
        if self._expected is None:
            self._base = block.start
        self._expected = block.end
        events += self._chunker.push(block)
        lead_off = bool(block.lead_off >> self._column & 1)
        at = block.start
        for x in block.mv[:, self._column].tolist():
            self._sample(x, lead_off, at, events)
            at += 1
        return events

    def _configure(self, block: SampleBlock) -> list[Event]:
        """A first block, or a new rate: build what depends on the device's rate."""
        self._column = _column(self._lead, block, self._device_id)
        resampler = Resampler(block.fs, self._fs_model)
        first = self._fs == 0.0
        flushed: list[Event] = [] if first else [*self._alarm_all(self._beats.flush(self._now()))]
        self._fs = block.fs
        self._resampler = resampler
        self._quality = Quality(block.fs, self._fs_model)
        self._guard = Guard(block.fs)
        self._expected = block.start
        if first:
            self._base = block.start
            return [
                Note(
                    "stream",
                    block.start,
                    block.start,
                    f"{block.fs:g} Hz, leads {' '.join(block.leads)}",
                    block.start,
                )
            ]
        return flushed + self._restart(block.start, f"rate is now {block.fs:g} Hz")

    def _gap(self, gap: Gap) -> list[Event]:
        if self._expected is None or self._resampler is None:
            return []
        seconds = gap.n_lost / self._fs
        self._n_lost += gap.n_lost
        self._expected = gap.start + gap.n_lost
        at = max(self._at, self._expected - 1)
        events: list[Event] = [
            *self._chunker.flush(),
            Note("gap", gap.start, self._expected, f"{gap.n_lost} samples lost ({gap.reason})", at),
        ]
        if gap.reason == "lost" and seconds <= LONGEST_BRIDGE_S:
            self._bridge(gap, events)
            return events
        events += self._alarm_all(self._beats.flush(self._now()))
        events += self._alarms.on_gap(seconds, at, self._fs)
        if gap.reason == "lost" and seconds <= LONGEST_MEMORY_S:
            self._bridge(gap, events)
            return events
        return events + self._restart(self._expected, f"{seconds:.2f} s without samples ({gap.reason})")

    def _bridge(self, gap: Gap, events: list[Event]) -> None:
        for at in range(gap.start, gap.start + gap.n_lost):
            self._sample(float("nan"), False, at, events)

    def _link(self, link: LinkState) -> list[Event]:
        events: list[Event] = []
        if link.kind in ("no_signal", "rate_mismatch"):
            self._blocked = link.kind
        elif self._blocked is not None:
            self._blocked = None
        events.append(Note(link.kind, self._at, self._at, link.detail, self._at))
        if link.kind == "no_signal":
            events += self._chunker.flush()
            if self._resampler is not None:
                events += self._alarm_all(self._beats.flush(self._now()))
            events += self._rhythm.unknown(self._at)
        events += self._alarms.on_link(link, self._at, self._fs or 1.0)
        events.append(self._status())
        return events

    def _command(self, command: Command) -> list[Event]:
        if command.verb == "ack":
            return [*self._alarms.ack(command.name, self._at)]
        if command.verb == "reset":
            return self.reset()
        raise BadInput(f"command: got {command.verb!r}, expected ack or reset")

    # -- one sample ------------------------------------------------------------------------------------------

    def _sample(self, x: float, lead_off: bool, at: int, events: list[Event]) -> None:
        guard, quality, resampler = self._guard, self._quality, self._resampler
        assert guard is not None
        assert quality is not None
        assert resampler is not None
        self._at = at
        was_bad = guard.run
        value = guard.push(x, lead_off)
        quality.push_raw(x, lead_off)
        if guard.run == 0 and was_bad > LONGEST_MEMORY_S * self._fs:
            events += self._restart(at, f"{was_bad / self._fs:.2f} s without usable samples")
        for y in resampler.push(value):
            self._model_sample(y, events)

    def _model_sample(self, y: float, events: list[Event]) -> None:
        """One sample at the model's rate: filter, GRU, R-peak, and the slower looks."""
        k = self._k
        f = self._cascade.push(y)
        clip = self._clip
        f = clip if f > clip else (-clip if f < -clip else f)
        self._ring.push(f)
        self._quality.push(f)  # type: ignore[union-attr]
        logits = self._models.gru.step(f, self._state)
        peak = self._detector.push(k, float(logits[0]))
        if peak is not None:
            events += self._alarm_all(self._beats.push(peak[0], peak[1], logits, self._now()))
        self._k = k = k + 1
        if k % TICK == 0:
            self._tick(k, events)

    def _tick(self, k: int, events: list[Event]) -> None:
        quality = self._quality
        assert quality is not None
        events += self._alarm_all(self._beats.poll(k, self._now()))
        if k % self._hop == 0:
            if k >= self._rhythm_window:
                events += self._look_at_rhythm(k)
            events.append(self._status())
        state = quality.state
        events += self._alarms.on_tick(
            Observation(
                at=self._at,
                fs=self._fs,
                since_qrs_s=None if self._last_r is None else (self._at - self._last_r) / self._fs,
                lead_off=state.lead_off,
                unreadable=state.unreadable,
                quiet=state.quiet,
                vf_prob=self._rhythm.vf_prob if k >= self._rhythm_window else None,
                flat_s=state.flat_s,
                wander_mv=state.wander_mv,
            )
        )

    def _look_at_rhythm(self, k: int) -> list[Rhythm]:
        assert self._quality is not None
        if self._quality.state.lead_off:
            return self._rhythm.unknown(self._at)
        window = self._ring.cut(k - self._rhythm_window, self._rhythm_window)
        probs = self._models.rhythm_cnn.probs(rhythm_image(window))
        return self._rhythm.on_window(probs, self._at, not self._quality.state.unreadable)

    # -- what goes out ---------------------------------------------------------------------------------------

    def _alarm_all(self, beats: list[Beat]) -> list[Event]:
        """Beats, and the alarms that follow from them."""
        out: list[Event] = []
        for beat in beats:
            out.append(beat)
            if beat.final:
                self._rhythm.on_beat(beat)
                if beat.aami == "V":
                    self._pvcs.append(beat.r_peak.sample)
            else:
                self._last_r = beat.r_peak.sample
                self._quality.note_peak(beat.r_peak.amp_mv)  # type: ignore[union-attr]
            out += self._alarms.on_beat(beat, self._fs)
        return out

    def _now(self) -> Circumstances:
        quality = self._quality
        assert quality is not None
        state = quality.state
        return Circumstances(state.sqi, self._warming(), not state.unreadable, self._at)

    def _warming(self) -> bool:
        return self._k < WARM_S * self._fs_model

    def _to_device(self, position: float) -> int:
        assert self._resampler is not None
        return self._base + round(self._resampler.input_index(position))

    def _restart(self, start: int, why: str) -> list[Event]:
        """Begin anew at device sample `start`: same patient, cold states."""
        self._base = start
        self._k = 0
        self._state.reset()
        self._cascade.reset()
        self._ring.reset()
        self._detector.reset()
        for stage in (self._resampler, self._guard, self._quality):
            if stage is not None:
                stage.reset()
        self._beats.restart()
        self._last_r = None
        events: list[Event] = [Note("restart", start, start, why, self._at)]
        return events + [*self._rhythm.unknown(self._at)]

    def _status(self) -> Status:
        state = self._quality.state if self._quality is not None else None
        hr, reason = self._rate()
        while self._pvcs and self._at - self._pvcs[0] > 60.0 * self._fs:
            self._pvcs.popleft()
        known = reason is None
        last = self._beats.intervals.last
        return Status(
            hr_bpm=hr,
            reason=reason,
            rhythm=self._rhythm.label,
            sqi=state.sqi if state is not None else 0.0,
            lead_off=state.lead_off if state is not None else False,
            rr_ms=1000.0 * last if known and last is not None else None,
            rmssd_ms=self._beats.intervals.rmssd_ms if known else None,
            pvc_per_min=float(len(self._pvcs)) if known else None,
            n_lost=self._n_lost,
            warming=self._warming(),
            at=self._at,
        )

    def _rate(self) -> tuple[float | None, str | None]:
        """Heart rate, or why there is none."""
        if self._blocked is not None:
            return None, self._blocked
        if self._quality is None:
            return None, "no_signal"
        state = self._quality.state
        if state.lead_off:
            return None, "lead_off"
        if state.unreadable:
            return None, "unreadable"
        hr = self._beats.intervals.hr_bpm
        if self._last_r is None or hr is None:
            return None, "warming" if self._warming() else "no_beats"
        if self._at - self._last_r > NO_BEAT_S * self._fs:
            return None, "no_beats"
        return hr, None


def _column(lead: str | int, block: SampleBlock, device_id: str) -> int:
    if isinstance(lead, int):
        if not 0 <= lead < block.mv.shape[1]:
            raise BadInput(
                f"{device_id}: lead {lead} asked for, the device has {block.mv.shape[1]}; set lead to less"
            )
        return lead
    if lead not in block.leads:
        raise BadInput(
            f"{device_id}: lead {lead!r} asked for, the device has {', '.join(block.leads)}; set lead to one of them"
        )
    return block.leads.index(lead)
