"""[io] One bed: source -> decoder -> pipeline -> messages -> publisher, in one thread and one loop.

Nothing that comes over a wire ends it: a lost source is opened again for ever, an exception out of the
pipeline is counted, published and answered by a reset, a broker that is away is the publisher's affair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.alarms.adoption import Adoption
from edge.alarms.desk import ANALYSIS, AlarmDesk
from edge.alarms.keeper import AlarmKeeper
from edge.aside import Aside
from edge.commands import judged, read_command
from edge.config import MqttConfig
from edge.io.alarm_log import AlarmLog
from edge.io.core import waited_s
from edge.io.life import Life
from edge.io.log import Say
from edge.io.notify import Notifier
from edge.io.plug import Plug
from edge.io.poller import Poller
from edge.io.publisher import Publisher
from edge.io.source import Source, SourceEnded, SourceLost
from edge.link import LinkWatch
from edge.link_report import LinkReport
from edge.log_lines import about_alarm, about_event
from edge.messages import Composer, Message
from edge.rest import Rest
from edge.stages import Stages
from edge.stamps import Stamps
from edge.telling import Telling
from edge.types import Alarm, Beat, Command, Event, LinkState, Note, Status, WaveChunk
from edge.vigil import Vigil, status_of_the_dead
from firmware_bridge.device import Decoder
from firmware_bridge.types import BadInput, Gap, SampleBlock

if TYPE_CHECKING:
    from edge.explain.beat import Explainer

TICK_S = 0.25
START_S = 15.0
"""A refusal by the broker ends the monitor only this soon after its start; later it keeps trying."""
STATE_S = 0.95


class Monitor:
    """Runs one bed.

    Parameters
    ----------
    source, decoder : Source, Decoder
        Where bytes come from and what makes samples of them.
    make_pipeline : callable
        Gives a new pipeline; called again only if one cannot even be reset.
    composer : Composer
        Makes the messages.
    mqtt : MqttConfig
        The broker; an empty host means none.
    log : callable
        Takes one line for the person at the terminal (alarms, losses): works without any broker.
    tap : callable, optional
        Takes every message as it is published.
    rest_s : float
        How long samples may wait for each other in the port's buffer; see `edge.rest`.
    desk, alarm_log : AlarmDesk, AlarmLog, optional
        Where all alarms meet, counted with the pipeline's, and are written down; the log is closed with the monitor.
    unpin : callable, optional
        Called when the core that the process keeps to turns out to be somebody else's.
    life : Life, optional
        Told how the monitor fares, for the system's watchdog; default tells nobody.
    explainer : Explainer, optional
        Says what the networks saw; the pipelines run its `watched` models.
    record : callable, optional
        Takes every alarm for the recording.

    Attributes
    ----------
    publisher : Publisher or None
        None without a broker.
    n_errors : int
        Exceptions that came out of decoder or pipeline.
    """

    def __init__(
        self,
        source: Source,
        decoder: Decoder,
        make_pipeline: Callable[[], Stages],
        composer: Composer,
        mqtt: MqttConfig,
        log: Say,
        tap: Callable[[Message], None] | None = None,
        rest_s: float = 0.0,
        desk: AlarmDesk | None = None,
        alarm_log: AlarmLog | None = None,
        unpin: Callable[[], bool] | None = None,
        life: Life | None = None,
        explainer: Explainer | None = None,
        record: Callable[[Alarm], None] | None = None,
    ) -> None:
        self._source, self._decoder, self._composer = source, decoder, composer
        self._make_pipeline, self._pipeline = make_pipeline, make_pipeline()
        self._log, self._explainer = log, explainer
        self._life = life or Life(Notifier({}), composer.device, source, log)
        self._watch, self._stamps = LinkWatch(), Stamps(time.monotonic(), time.time())
        self._telling = Telling(composer, self._stamps, log, tap)
        self._publish, self._note = self._telling.publish, self._telling.note
        self._poller = Poller()
        adoption = Adoption(composer, time.monotonic())
        self.publisher = (
            Publisher(mqtt, composer, self._poller, self._on_broker, adoption=adoption) if mqtt.host else None
        )
        self._report, self._telling.publisher = LinkReport(), self.publisher
        self._aside = Aside(decoder)
        self._alarm_log, self._broker, self._rested_s = alarm_log, "not connected yet", 0.0
        self._keeper = AlarmKeeper(
            desk or AlarmDesk(), composer, alarm_log, self._note, self._publish, unpin, adoption, record
        )
        self._plug = Plug(source, self._poller, self._on_bytes, self._note)
        self._heard = self._stop = False
        self._rest, self._rest_s = Rest(rest_s), 0.0
        self._refusable_until_s = 0.0
        self._status: Status | None = None
        self._status_due = False
        self._status_at_s = 0.0
        self._vigil = Vigil(time.monotonic())
        self._last_error = "no error"
        self.n_errors = 0

    # -- the loop ------------------------------------------------------------------------------------

    def run(self, seconds: float | None = None) -> None:
        """Run until `stop`, the end of the stream, or for `seconds`.

        Raises
        ------
        BadInput
            The source cannot be opened at start, or the broker refuses us at start.
        """
        now_s = time.monotonic()
        self._refusable_until_s = now_s + START_S
        end_s = None if seconds is None else now_s + seconds
        try:
            self._plug.open()
            self._publish(self._composer.availability(False))
            self._keeper.begin(self._source.name, time.time())
            turn, monotonic = self._poller.turn, time.monotonic
            now_s = tick_s = monotonic()
            while not self._stop:
                turn(max(0.0, tick_s - now_s))
                if self._explainer is not None:
                    self._explain(self._explainer)
                if self._rest_s:
                    time.sleep(self._rest_s)
                    self._rested_s += self._rest_s
                    self._rest_s = 0.0
                now_s = monotonic()
                if now_s >= tick_s:
                    late_s, tick_s = now_s - tick_s, now_s + TICK_S
                    self._keeper.load.push(now_s, self._poller.idle_s + self._rested_s, waited_s(), late_s)
                    self._tick(now_s)
                    now_s = monotonic()
                    if end_s is not None and now_s >= end_s:
                        break
        finally:
            self._close()

    def stop(self) -> None:
        """End `run` at its next turn. May be called from a signal handler."""
        self._stop = True

    def _close(self) -> None:
        self._life.close()
        self._plug.close()
        if self.publisher is not None:
            self.publisher.close()
        if self._alarm_log is not None:
            self._alarm_log.close()
        self._poller.close()

    # -- the source ----------------------------------------------------------------------------------

    def _on_bytes(self, _mask: int) -> None:
        try:
            data = self._source.read()
        except SourceLost as error:
            self._decoder.reset()
            self._plug.lose(error, time.monotonic())
            return
        except SourceEnded:
            self._stop = True
            return
        if not data:
            return
        now_s = time.monotonic()
        if not self._plug.fresh:
            self._plug.hear(now_s)
        try:
            items = self._decoder.feed(data, now_s)
        except Exception as error:
            self._survive(error, "decoder")
            self._decoder.reset()
            return
        for item in items:
            if isinstance(item, SampleBlock):
                self._on_block(item, now_s)
                continue
            if item.reason != "lost":
                self._watch.restart()
                self._stamps.restart()
            self._push(item)
        for beat in self._aside.hear():
            self._publish(self._composer.device_beat(beat, self._stamps.of_sample))

    def _on_block(self, block: SampleBlock, now_s: float) -> None:
        """Samples: their way to the readers comes first, what can wait comes after."""
        if not self._heard or block.fs != self._stamps.fs:
            self._meet(block, now_s)
        self._push(block)
        self._stamps.push(block, now_s)
        self._see(block, now_s)
        self._rest_s = self._rest.after(block.fs, self._pipeline.n_missing)

    def _meet(self, block: SampleBlock, now_s: float) -> None:
        """The first samples, of all or after a silence or at another rate: what must be known before them."""
        if self._watch.silent:  # 'signal' is said before the samples that prove it
            self._see(block, now_s)
        self._stamps.push(block, now_s)
        if not self._heard:
            self._hear(True)

    def _see(self, block: SampleBlock, now_s: float) -> None:
        for state in self._watch.push(now_s, block.mv.shape[0], block.start, block.fs):
            self._on_link(state)

    # -- the pipeline --------------------------------------------------------------------------------

    def _push(self, item: SampleBlock | Gap | LinkState | Command) -> None:
        """Give one item to the pipeline and publish what it says; survive whatever it raises."""
        try:
            for events in self._pipeline.parts(item):
                if events:
                    self._emit(events, None if isinstance(item, SampleBlock) else time.monotonic())
        except Exception as error:
            self._survive(error, "pipeline")
            self._restart_pipeline()

    def _survive(self, error: Exception, what: str) -> None:
        self.n_errors += 1
        self._last_error = detail = f"{what}: {type(error).__name__}: {str(error)[:200]}"
        self._note(f"{what}_error", f"{detail} ({self.n_errors} so far)")

    def _restart_pipeline(self) -> None:
        """A reset; a new pipeline if even that fails, whose alarms nobody would clear any more."""
        try:
            self._emit(self._keeper.desk.hold(self._pipeline.reset()), None)
        except Exception:
            self.n_errors += 1
            self._pipeline = self._make_pipeline()
            self._emit(self._keeper.desk.orphans(), time.monotonic())

    def _emit(self, events: list[Event], asked_s: float | None) -> None:
        """Publish events. `asked_s`: they answer no sample but something that happened at this time."""
        stamp = self._stamps.of_sample if asked_s is None else self._stamps.as_of(asked_s)
        for event in events:
            if isinstance(event, WaveChunk) or self._attend(event, asked_s, stamp):
                for message in self._composer.compose(event, stamp):
                    self._publish(message)

    def _attend(self, event: Event, asked_s: float | None, stamp: Callable[[int], float]) -> bool:
        """What an event means to the monitor itself; gives whether it is still to be published."""
        if isinstance(event, Status):
            self._status, self._status_due = event, True
            self._life.pulse.answered(event.at)
            if asked_s is None and self._vigil.answered(time.monotonic()):
                self._keeper.desk.set(ANALYSIS, False, "")
            if asked_s is not None:
                self._status_at_s = 0.0
            self._publish_status(time.monotonic(), stamp)
            return False
        if isinstance(event, Note):
            return event.kind == "label" or self._telling.is_worth(event.kind)
        if isinstance(event, Beat):
            self._aside.compare(event)
            if self._explainer is not None:
                self._explainer.on_beat(event, time.monotonic())
        elif isinstance(event, Alarm):
            self._log(about_alarm(event))
            self._keeper.on_alarm(event, self._status, stamp, self._stamps.utc_s(time.monotonic()))
        return True

    def _publish_status(self, now_s: float, stamp: Callable[[int], float]) -> None:
        """The newest status, if one is due and the last is long enough ago."""
        if self._status is None or not self._status_due or now_s - self._status_at_s < STATE_S:
            return
        self._status_due, self._status_at_s = False, now_s
        age_ms = 1000.0 * self._watch.age_s(now_s)
        counts = {} if self.publisher is None else self.publisher.counts
        for message in self._composer.compose(self._status, stamp, self._watch.fs_est, age_ms, counts):
            self._publish(message)
        self._life.pulse.said()

    def _explain(self, explainer: Explainer) -> None:
        """A step of what is to be said of the last beat, where nothing waits to be read, in place of rest."""
        now_s = time.monotonic()
        if not explainer.waits(now_s) or self._poller.wait(0.0):
            return
        try:
            found = explainer.step(now_s)
            if found is not None:
                self._telling.offer(self._composer.explain(*found, self._stamps.of_sample))
        except Exception as error:  # whoever looks inside must not stand in the way again
            self._explainer = None
            self._survive(error, "explain")
        self._rest_s = max(0.0, self._rest_s - (time.monotonic() - now_s))

    # -- what is no sample ---------------------------------------------------------------------------

    def _on_link(self, state: LinkState) -> None:
        self._log(about_event(state.kind, state.detail))
        if state.kind in ("signal", "no_signal"):
            self._hear(state.kind == "signal")
        self._push(state)

    def _hear(self, heard: bool) -> None:
        self._heard = heard
        self._publish(self._composer.availability(heard))

    def _tick(self, now_s: float) -> None:
        """Everything that time alone brings about."""
        self._plug.tick(now_s)
        self._watch.hold(self._decoder.stats.n_frames, now_s)
        for state in self._watch.poll(now_s):
            self._on_link(state)
        step_s = self._stamps.set(now_s, time.time())
        if step_s is not None:
            self._note("clock_step", f"the wall clock was set by {step_s:+.1f} s")
        for kind, detail in self._report.push(self._decoder.stats, self._watch.silent, now_s):
            self._note(kind, detail)
        for kind, detail in self._aside.poll(now_s):
            self._note(kind, detail)
        if self._vigil.poll(now_s, self._watch.silent):
            why = f"analysis stopped: {self.n_errors} errors, {self._last_error}"
            self._keeper.desk.set(ANALYSIS, True, why)
        utc_s = self._stamps.utc_s(now_s)
        broker = None if self.publisher is None else "" if self.publisher.ready else self._broker
        self._emit([*self._keeper.tick(now_s, self._stamps.last, broker)], now_s)
        self._keeper.tell(now_s, utc_s)
        if self._vigil.dead:
            self._status = status_of_the_dead(self._stamps.last)
        self._status_due |= self._watch.silent or self._vigil.dead
        self._publish_status(now_s, (lambda index: utc_s) if self._watch.silent else self._stamps.of_sample)
        if self.publisher is not None:
            self.publisher.tick(now_s)
            self._obey()
            if self.publisher.refused and now_s < self._refusable_until_s:
                raise BadInput(
                    f"mqtt: the broker refused us ({self.publisher.refused}); "
                    "check mqtt.username and HEARTWIRE_MQTT_PASSWORD or mqtt.password_file"
                )
        self._life.tick(now_s, self.publisher, self._stamps, self._watch.silent, self._vigil.dead)

    def recording(self, trouble: str | None) -> None:
        """A recorder tells how it fares: None while it writes, else why it cannot. Any thread may call it."""
        self._keeper.desk.set("recording_stopped", trouble is not None, trouble or "it writes again")

    def _on_broker(self, kind: str, detail: str) -> None:
        self._broker = detail
        self._note(kind, detail)

    def _do(self, command: Command) -> dict[str, object]:
        """Obey a command; gives what its answer says besides."""
        asked = {"acked": self._keeper.desk.unseen(command.name)} if command.verb == "ack" else {}
        if command.verb != "pause":
            self._push(command)
        now_s = time.monotonic()
        alarms, more = self._keeper.obey(command, now_s, self._stamps.utc_s(now_s), self._stamps.last)
        self._emit([*alarms], now_s)
        return {**asked, **more}

    def _obey(self) -> None:
        """Act on commands, answer each; what the broker had only kept is not acted on."""
        assert self.publisher is not None
        while self.publisher.commands:
            received = self.publisher.commands.popleft()
            if received.retain:
                self._note("command_ignored", "a retained command: publish it without retain")
                continue
            try:
                command, answer = judged(*read_command(received.topic, received.payload), self._pipeline)
                if command is not None:
                    answer.update(self._do(command))
                utc_s = self._stamps.utc_s(time.monotonic())
                self._publish(self._composer.response(answer["verb"], answer, utc_s))
            except Exception as error:
                self._survive(error, "command")
