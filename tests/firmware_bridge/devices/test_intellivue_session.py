"""Host and simulated monitor talk to each other, over a line that can be cut; time is counted, not waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import intellivue
from firmware_bridge.devices import intellivue_messages as m
from firmware_bridge.devices.intellivue_session import HEAR_S, POLL_S, Monitor, Session, State
from firmware_bridge.types import Gap, SampleBlock

CHOICES = ((0x20102,), (0x20100,))
STEP = 32
"""Samples of a step of the clock: 64 ms."""


class Line:
    """A host and a monitor, and the line between them."""

    def __init__(self) -> None:
        self.t_s = 0.0
        self.plugged = True
        self.host_sent: list[bytes] = []
        self.items: list[SampleBlock | Gap] = []
        self.switch_on()
        self.host: Any = intellivue.DEVICE.decoder(DecoderOptions())

    def switch_on(self) -> None:
        self.monitor: Any = intellivue.DEVICE.encoder(EncoderOptions(asked=False))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end_s = self.t_s + seconds
        while self.t_s < end_s and not until():
            self.t_s += STEP / 500
            sent = self.monitor.encode(np.full((STEP, 1), 0.5, np.float32))
            asked = self.host.ask(self.t_s)
            self.host_sent += [asked] if asked else []
            if self.plugged:
                sent += self.monitor.hear(asked)
                self.items += self.host.feed(sent, self.t_s)

    @property
    def n(self) -> int:
        return int(self.host.stats.n_samples)

    def count(self, message: bytes) -> int:
        return sum(sent.count(m.framed(message)) for sent in self.host_sent)


def kinds(data: bytes) -> list[int]:
    """First byte of each message in `data`."""
    found = [m.unframed(part.strip(b"\xc0")) for part in data.split(b"\xc1")]
    return [message[0] for message in found if message]


def test_host_when_the_monitor_is_there_then_waves_within_3_s_and_no_more_asking_than_needed() -> None:
    line = Line()
    line.run(3.0)
    assert line.n > 500
    line.run(60.0)
    assert line.n > 500 * 60
    assert [item for item in line.items if isinstance(item, Gap)] == []
    assert line.count(m.REQUEST) == line.count(m.poll_waves(POLL_S)) == 1
    assert 14 <= line.count(m.keep_alive()) <= 17
    assert sum(map(len, line.host_sent)) < 60 * 25


def test_host_when_the_poll_would_end_then_it_has_polled_again() -> None:
    line = Line()
    line.run(330.0)
    assert line.n > 500 * 327
    assert [item for item in line.items if isinstance(item, Gap)] == []
    assert line.count(m.poll_waves(POLL_S)) == 2
    assert line.count(m.REQUEST) == 1


def test_host_when_it_goes_then_the_monitor_is_released() -> None:
    line = Line()
    line.run(5.0)
    assert line.host.leave() == m.framed(m.RELEASE_REQUEST)
    assert kinds(line.monitor.hear(m.framed(m.RELEASE_REQUEST))) == [m.RELEASED]
    assert line.monitor.encode(np.zeros((500, 1), np.float32)) == b""
    assert line.host.leave() == b""


def test_line_when_cut_for_long_then_associated_again_and_the_gap_exact() -> None:
    line = Line()
    line.run(10.0)
    before = line.n
    line.plugged = False
    line.run(30.0)
    assert line.n == before
    line.plugged = True
    line.run(6.0)
    assert line.n > before + 500
    (gap,) = [item for item in line.items if isinstance(item, Gap)]
    blocks = [item for item in line.items if isinstance(item, SampleBlock)]
    after = next(block for block in blocks if block.start > gap.start)
    assert gap.n_lost == after.start - gap.start
    assert 30 * 500 < gap.n_lost < 36 * 500
    assert gap.n_lost % 128 == 0


def test_line_when_cut_shortly_then_the_same_association_goes_on() -> None:
    line = Line()
    line.run(10.0)
    line.plugged = False
    line.run(2.0)
    line.plugged = True
    line.run(5.0)
    assert line.count(m.REQUEST) == 1
    (gap,) = [item for item in line.items if isinstance(item, Gap)]
    assert 1.7 * 500 < gap.n_lost < 2.3 * 500


def test_monitor_when_switched_off_and_on_then_a_reboot_and_waves_again() -> None:
    line = Line()
    line.run(20.0)
    line.switch_on()
    line.run(25.0, lambda: line.n > 500 * 21)
    gaps = [item for item in line.items if isinstance(item, Gap)]
    assert [gap.reason for gap in gaps] == ["reboot"]
    assert line.host.stats.n_reboot == 1


def test_host_when_another_began_the_session_then_it_keeps_it_alive() -> None:
    line = Line()
    line.run(5.0)
    line.host = intellivue.DEVICE.decoder(DecoderOptions())
    line.host_sent.clear()
    line.run(60.0)
    assert line.n > 59 * 500
    assert line.count(m.REQUEST) == 0
    assert line.count(m.keep_alive()) > 10


def test_host_when_refused_then_it_ends_the_old_association_and_asks_again() -> None:
    line = Line()
    line.run(5.0)
    line.monitor.hear(m.framed(m.poll_waves(0)))
    line.host = intellivue.DEVICE.decoder(DecoderOptions())
    line.run(1.0)
    line.host_sent.clear()
    line.run(12.0, lambda: line.n > 500)
    assert line.n > 500
    assert line.host.stats.n_unknown == 1  # the refusal


def test_monitor_when_it_hears_nothing_then_it_breaks_off() -> None:
    monitor = Monitor(False)
    assert kinds(monitor.hear(m.REQUEST)) == [m.ACCEPT, m.DATA]
    assert kinds(monitor.hear(m.REQUEST)) == [m.REFUSE]
    said = [kinds(monitor.tick(round(0.5 * k * m.TICKS_HZ))) for k in range(60)]
    assert said.count([m.DATA]) == 3  # its event, which nobody confirmed
    assert said.count([m.ABORT]) == 1
    assert said.index([m.ABORT]) == 2 * HEAR_S + 1


def test_monitor_when_a_poll_is_over_then_no_more_waves() -> None:
    monitor = Monitor(False)
    event = m.read_operation(m.created_event(0))
    assert event is not None
    for message in (m.REQUEST, m.created_result(event), m.poll_waves(2)):
        monitor.hear(message)
    assert monitor.sequence == 1
    monitor.tick(3 * m.TICKS_HZ)
    assert monitor.sequence is None
    assert kinds(monitor.hear(m.keep_alive())) == [m.DATA]
    assert monitor.hear(b"\x42") == b""


def ready(session: Session) -> float:
    """Brings a session to polling; gives the time."""
    session.ask(0.0)
    assert kinds(session.ask(1.0)) == [m.ASSOCIATE]
    assert session.hear(m.acceptance())
    session.ask(1.25)
    assert session.hear(m.created_event(0))
    assert kinds(session.ask(1.5)) == [m.DATA] * 3
    return 1.5


def test_session_when_no_wave_comes_then_the_next_choice_and_at_last_a_new_beginning() -> None:
    session = Session(CHOICES)
    t_s = ready(session)
    said = b""
    while session.state is State.POLLING:
        t_s += 0.25
        said += session.ask(t_s)
    chosen = [said.index(m.framed(m.set_priorities(choice))) for choice in reversed(CHOICES)]
    assert chosen == sorted(chosen)
    assert kinds(said)[-1] == m.RELEASE


def test_session_when_told_of_an_end_then_it_answers_and_begins_again() -> None:
    for message, answers in ((m.RELEASE_REQUEST, [m.RELEASED]), (m.ABORT_REQUEST, []), (m.REFUSAL, [])):
        session = Session(CHOICES)
        t_s = ready(session)
        assert session.hear(message) is (message is m.RELEASE_REQUEST)
        assert kinds(session.ask(t_s + 0.25)) == answers
        again = kinds(session.ask(t_s + 2.0))
        assert again[-1] == m.ASSOCIATE
        assert (len(again) > 1) is (message is m.REFUSAL)


def test_session_when_a_message_means_nothing_then_said() -> None:
    session = Session(CHOICES)
    assert not session.hear(b"\x77")
    assert not session.hear(m.Operation(m.ERROR, 1, 2, b"").to_bytes())
    assert session.ask(0.0) == b""
