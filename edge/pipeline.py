"""The only place where stages are wired: blocks in, events out. No I/O, no clock, no thread.

The same samples give the same events, however they were cut into blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Union

from edge.alarms.engine import AlarmEngine
from edge.alarms.limits import AlarmLimits
from edge.alarms.rules import Observation
from edge.artefact import Models
from edge.beats import BeatStage, Circumstances
from edge.filters import Cascade
from edge.guard import Guard
from edge.pace import PaceMarks
from edge.personal import Personal
from edge.quality import Quality, QualityState
from edge.resample import Resampler
from edge.rhythm import RhythmStage
from edge.rhythm_window import rhythm_image
from edge.rpeaks import RPeakDetector
from edge.types import Beat, Command, Event, LinkState, Note, Rhythm, Status
from edge.vitals import Vitals
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

FLAT_S = 4.0
"""A line without anything of a QRS's size for so long has no rhythm, whatever its noise floor looks like: the
networks have seen no asystole, and call one in seven fibrillation."""

TICK = 25
"""Model samples between two looks at the alarms (0.2 s)."""


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
    limits : AlarmLimits, optional
        Limits of the alarms.
    numbers : iterator of int, optional
        Gives every occurrence of an alarm its number.
    personal : {'off', 'self', 'labels'}
        How to adapt to the patient; see :mod:`edge.personal`.
    """

    def __init__(
        self,
        models: Models,
        *,
        device_id: str = "device",
        lead: str | int = 0,
        wave_ms: float = 100.0,
        limits: AlarmLimits | None = None,
        numbers: Iterator[int] | None = None,
        personal: str = "off",
    ) -> None:
        self._models, self._device_id, self._lead = models, device_id, lead
        self._fs_model = models.fs
        gru = models.manifests["gru"]
        rhythm = models.manifests["rhythm_cnn"]
        self._clip = gru.thresholds["clip_mv"]
        self._cascade = Cascade(gru.sos)
        self._state = models.gru.new_state()
        self._ring = Ring()
        self._personal = Personal(personal)
        self._beats = BeatStage(
            models, self._ring, self._to_device, self._personal, self._is_paced, self._is_pulse
        )
        wait = gru.delay["class"] - gru.delay["qrs"]
        self._detector = RPeakDetector(gru.thresholds["qrs_logit"], wait, self._beats.is_qrs)
        self._rhythm = RhythmStage(models.af)
        self._hop, self._rhythm_window = rhythm.hop, rhythm.window
        self._alarms = AlarmEngine(limits, numbers)
        self._chunker = WaveChunker(wave_ms)
        self._vitals = Vitals(self._beats.intervals)
        self._fs = 0.0
        self._leads: tuple[str, ...] = ()
        self._column = 0
        self._resampler: Resampler | None = None
        self._quality: Quality | None = None
        self._guard: Guard | None = None
        self._pace = PaceMarks(1.0)
        self._expected: int | None = None
        self._base = self._at = self._k = 0
        self._detached: str | None = None

    @property
    def n_missing(self) -> int | None:
        """Samples that the waveform chunk being collected still lacks; None while there is none."""
        return self._chunker.n_missing

    def refuses(self, command: Command) -> str | None:
        """Why `command` cannot be obeyed here, or None where it can. A refused label must not be pushed."""
        return self._personal.refuses(command) if command.verb == "label" else None

    # -- what comes in ---------------------------------------------------------------------------------------

    def push(self, item: Item) -> list[Event]:
        """Take one item, give the events that it caused, in order.

        Raises
        ------
        BadInput
            When the block's rate or leads cannot be used (the caller's mistake, not the wire's).
        """
        return [event for part in self.parts(item) for event in part]

    def parts(self, item: Item) -> Iterator[list[Event]]:
        """As :meth:`push`, in parts as they become known.

        A waveform chunk is given before the networks look at its last sample, so that a shell can have it on
        its way meanwhile. Every part must be taken, or the item is only half done.
        """
        if isinstance(item, SampleBlock):
            return self._block(item)
        return iter((self._answer(item),))

    def reset(self) -> list[Event]:
        """Another patient: forget states, template, statistics and alarms."""
        events = self._restart(self._next(), "reset by command")
        self._beats.forget()
        self._vitals.reset()
        return events + [*self._alarms.reset(self._at)]

    def _block(self, block: SampleBlock) -> Iterator[list[Event]]:
        events: list[Event] = []
        if self._expected is not None and block.start > self._expected:
            events += self._gap(Gap(self._expected, block.start - self._expected))
        elif self._expected is not None and block.start < self._expected:
            events += self._gap(Gap(block.start, 0, "reboot"))
        if block.fs != self._fs or block.leads != self._leads:
            events += self._configure(block)
        start, n, done = block.start, block.mv.shape[0], 0
        self._expected = start + n
        for chunk in self._chunker.push(block):
            last = chunk.at - start
            if last > done:
                self._samples(block, done, last, events)
                done = last
            events.append(chunk)
            yield events
            events = []
        self._samples(block, done, n, events)
        yield events

    def _answer(self, item: Gap | LinkState | Command) -> list[Event]:
        if isinstance(item, Gap):
            return self._gap(item)
        return self._link(item) if isinstance(item, LinkState) else self._command(item)

    def _configure(self, block: SampleBlock) -> list[Event]:
        """A first block, another rate or other leads: build what depends on them."""
        column = block.column(self._lead, self._device_id)
        resampler = Resampler(block.fs, self._fs_model)
        what = f"{block.fs:g} Hz, leads {' '.join(block.leads)}"
        start = block.start
        first = self._resampler is None
        events: list[Event] = [] if first else [*self._chunker.flush(), *self._restart(start, f"now {what}")]
        self._fs, self._leads, self._column, self._base = block.fs, block.leads, column, start
        self._rhythm.fs = block.fs
        self._resampler = resampler
        self._quality = Quality(block.fs, self._fs_model)
        self._guard = Guard(block.fs)
        self._pace = PaceMarks(block.fs)
        if first:
            events.append(Note("stream", start, start, what, start))
        # Alarms count seconds from sample 0 at this rate: their clocks start here, not there.
        return events + [*self._alarms.on_gap(0.0, start, block.fs)]

    def _gap(self, gap: Gap) -> list[Event]:
        if self._expected is None or self._resampler is None:
            return []
        seconds = gap.n_lost / self._fs
        self._vitals.n_lost += gap.n_lost
        self._expected = gap.start + gap.n_lost
        at = self._expected - 1
        events: list[Event] = [
            *self._chunker.flush(),
            Note("gap", gap.start, self._expected, f"{gap.n_lost} samples lost ({gap.reason})", at),
        ]
        lost = gap.reason == "lost"
        if not lost or seconds > LONGEST_BRIDGE_S:
            events += self._flush()
            events += self._alarms.on_gap(seconds, at, self._fs)
        if lost and seconds <= LONGEST_MEMORY_S:
            # Held samples: the guard counts them as unusable, and where they are many the RR series breaks.
            for at in range(gap.start, self._expected):
                self._sample(math.nan, False, at, events)
            return events
        self._at = at
        return events + self._restart(self._expected, f"{seconds:.2f} s without samples ({gap.reason})")

    def _link(self, link: LinkState) -> list[Event]:
        events: list[Event] = [Note(link.kind, self._at, self._at, link.detail, self._at)]
        self._vitals.on_link(link.kind)
        if link.kind == "no_signal":
            # A device without a counter goes on as if nothing had been lost: its states must not.
            events += self._chunker.flush()
            events += self._restart(self._next(), "no signal")
        events += self._alarms.on_link(link, self._at, self._fs or 1.0)
        events.append(self._status())
        return events

    def _command(self, command: Command) -> list[Event]:
        if command.verb == "ack":
            return [*self._alarms.ack(command.name, self._at, command.by)]
        if command.verb == "reset":
            return self.reset()
        if command.verb == "label":
            return [self._personal.label(command, self._at)]
        raise BadInput(f"command: got {command.verb!r}, expected ack, label or reset")

    # -- one sample ------------------------------------------------------------------------------------------

    def _samples(self, block: SampleBlock, begin: int, end: int, events: list[Event]) -> None:
        """Samples `begin` to `end` of a block."""
        lead_off, clipped = bool(block.lead_off >> self._column & 1), bool(block.clipped >> self._column & 1)
        at, pulses = block.start + begin, block.pace
        for x in block.mv[begin:end, self._column].tolist():
            if pulses and at in pulses:
                events += self._pace.mark(at)
            self._sample(x, lead_off, at, events, clipped)
            at += 1

    def _sample(self, x: float, lead_off: bool, at: int, events: list[Event], clipped: bool = False) -> None:
        guard, quality, resampler = self._guard, self._quality, self._resampler
        assert guard is not None
        assert quality is not None
        assert resampler is not None
        self._at = at
        was_bad, was_empty = guard.run, guard.empty
        value = guard.held if at < self._pace.until and not guard.empty else guard.push(x, lead_off)
        quality.push_raw(x, lead_off, clipped)
        if was_bad and guard.run == 0:
            self._usable_again(was_bad / self._fs, was_empty, events)
        for y in resampler.push(value):
            self._model_sample(y, events)
        if quality.state.lead_off or self._detached is not None:
            self._electrode(quality.state, events)

    def _usable_again(self, bad_s: float, was_empty: bool, events: list[Event]) -> None:
        """The first usable sample after `bad_s` seconds without; `was_empty`: the first of all."""
        if was_empty or bad_s > LONGEST_MEMORY_S:
            events += self._restart(self._at, f"{bad_s:.2f} s without usable samples")
        elif bad_s > LONGEST_BRIDGE_S:
            events += self._flush()

    def _electrode(self, state: QualityState, events: list[Event]) -> None:
        """A lead is off, or has just come back: intervals break, and what a rail or hum left is forgotten."""
        if state.lead_off:
            if self._detached is None:
                events += self._flush()
            if self._detached is None or state.reason in ("rail", "flat", "mains"):
                self._detached = state.reason
            return
        here, self._detached = self._detached in ("rail", "flat", "mains"), None
        if here:
            events += self._restart(self._at + 1, "the electrode is back")

    def _model_sample(self, y: float, events: list[Event]) -> None:
        """One sample at the model's rate: filter, GRU, R-peak, and the slower looks."""
        k = self._k
        f, clip = self._cascade.push(y), self._clip
        f = clip if f > clip else (-clip if f < -clip else f)
        self._ring.push(f)
        self._quality.push(f)  # type: ignore[union-attr]
        logits = self._models.gru.step(f, self._state)
        peak = self._detector.push(k, logits)
        if peak is not None:
            events += self._alarm_all(self._beats.push(peak, self._now()))
        self._k = k = k + 1
        if k % TICK == 0:
            self._tick(k, events)

    def _tick(self, k: int, events: list[Event]) -> None:
        quality = self._quality
        assert quality is not None
        events += self._alarm_all(self._beats.poll(k, self._now()))
        events += self._personal.tick(TICK / self._fs_model, self._at)
        if k % self._hop == 0:
            if k >= self._rhythm_window:
                events += self._look_at_rhythm(k)
            events.append(self._status())
        state, last_r = quality.state, self._vitals.last_r
        events += self._alarms.on_tick(
            Observation(
                at=self._at,
                fs=self._fs,
                since_qrs_s=None if last_r is None else (self._at - last_r) / self._fs,
                lead_off=state.lead_off,
                unreadable=state.unreadable,
                quiet=state.quiet,
                vf_prob=None if k < self._rhythm_window or state.lost else self._rhythm.vf_evidence(self._at),
                flat_s=state.flat_s,
                wander_mv=state.wander_mv,
                noisy=state.noisy,
                settling=state.settling,
                rhythm=self._rhythm.label,
                lost=state.lost,
                sqi=state.sqi,
            )
        )

    def _look_at_rhythm(self, k: int) -> list[Rhythm]:
        assert self._quality is not None
        state = self._quality.state
        if state.lead_off or state.lost or state.flat_s >= FLAT_S:
            return self._rhythm.unknown(self._at)
        window = self._ring.cut(k - self._rhythm_window, self._rhythm_window)
        probs = self._models.rhythm_cnn.probs(rhythm_image(window))
        return self._rhythm.on_window(probs, self._at, not state.unreadable)

    # -- what goes out ---------------------------------------------------------------------------------------

    def _alarm_all(self, beats: list[Beat]) -> list[Event]:
        """Beats, and the alarms that follow from them."""
        out: list[Event] = []
        for beat in beats:
            out.append(beat)
            self._vitals.on_beat(beat)
            if beat.final:
                self._rhythm.on_beat(beat.uncorrected())
            else:
                self._quality.note_peak(beat.r_peak.amp_mv)  # type: ignore[union-attr]
            out += self._alarms.on_beat(beat, self._fs)
        return out

    def _now(self) -> Circumstances:
        assert self._quality is not None
        state = self._quality.state
        return Circumstances(state.sqi, self._warming(), not state.unreadable, self._at)

    def _warming(self) -> bool:
        return self._k < WARM_S * self._fs_model

    def _to_device(self, position: float) -> int:
        assert self._resampler is not None
        return max(self._base, self._base + round(self._resampler.input_index(position)))

    def _is_paced(self, sample: int) -> bool:
        return self._pace.beside(sample)

    def _is_pulse(self, sample: int) -> bool:
        return self._quality is not None and self._quality.pulse_alone(self._at - sample)

    def _next(self) -> int:
        return self._at if self._expected is None else self._expected

    def _flush(self) -> list[Event]:
        """Answer the open beat without a following interval; the next one has none before it."""
        return [] if self._quality is None else self._alarm_all(self._beats.flush(self._now()))

    def _restart(self, start: int, why: str) -> list[Event]:
        """Begin anew at device sample `start`: same patient, cold states."""
        events = self._flush()
        self._base = start
        self._k = 0
        self._detached = None
        self._state.reset()
        self._cascade.reset()
        self._ring.reset()
        self._detector.reset()
        for stage in (self._resampler, self._guard, self._quality, self._pace):
            if stage is not None:
                stage.reset()
        self._beats.restart()
        self._vitals.last_r = None
        events.append(Note("restart", start, start, why, self._at))
        return events + [*self._rhythm.unknown(self._at)]

    def _status(self) -> Status:
        state = None if self._quality is None else self._quality.state
        status = self._vitals.status(self._at, self._fs, state, self._rhythm.label, self._warming())
        return self._personal.status(status)
