"""Alarms that only the monitor knows, and the pause of the sound, over a real broker."""

from __future__ import annotations

import json
from typing import Any

from edge.types import Alarm


def test_monitor_when_the_sound_is_paused_over_mqtt_then_told_answered_and_over_but_never_if_retained(
    broker: Any, make_subscriber: Any, make_bed: Any, wearer: Any, until: Any
) -> None:
    subscriber = make_subscriber(broker.port)
    subscriber.client.publish("heartwire/bed4/command/pause", b"500", 1, retain=True)
    bed = make_bed(broker.port)
    until(lambda: "command_ignored" in bed.kinds(), "a note about the retained command")
    until(lambda: bed.bodies("heartwire/bed4/alarm/no_signal"), "the alarm of silence")
    body = b'{"seconds":1.5,"id":"x","by":"Ana"}'
    subscriber.client.publish("heartwire/bed4/command/pause", body, 1)
    subscriber.client.publish("heartwire/bed4/command/pause", b"for ever", 1)
    topic = "heartwire/bed4/response/pause"
    answers = until(lambda: (got := subscriber.payloads(topic))[1:] and got, "two answers")
    good, bad = (json.loads(answer) for answer in answers)
    assert (good["ok"], good["id"], good["seconds"]) == (True, "x", 2)
    assert (bad["ok"], "expected nothing, seconds" in bad["error"]) == (False, True)
    audio = "heartwire/bed4/audio"
    told = until(lambda: (got := bed.bodies(audio))[-1]["sounding"] and got[2:] and got, "sound again")
    assert [(a["sounding"], a["paused"], a["by"]) for a in told[-3:]] == [
        ("technical", False, ""), (None, True, "Ana"), ("technical", False, ""),
    ]  # fmt: skip
    assert [k for k in bed.kinds() if k.startswith("audio")] == ["audio_paused", "audio_pause_ended"]


def test_monitor_when_a_recorder_stops_then_an_alarm_that_can_be_acknowledged(
    broker: Any, make_subscriber: Any, make_bed: Any, until: Any
) -> None:
    subscriber, bed = make_subscriber(broker.port), make_bed(broker.port)
    topic = "heartwire/bed4/alarm/recording_stopped"
    # said behind the subscription: from then on commands are heard
    until(lambda: b"online" in subscriber.payloads("heartwire/bridge/state"), "the monitor's word")
    bed.monitor.recording("disk full")
    (alarm,) = until(lambda: bed.bodies(topic), "the alarm")
    assert (alarm["value"], alarm["kind"], alarm["acked"]) == ("disk full", "technical", False)
    assert alarm["occurrence"].startswith("b00t-")
    until(lambda: subscriber.payloads(topic), "the alarm at the broker, and the subscription before it")
    ack = b'{"name":"recording_stopped","by":"Ana"}'
    subscriber.client.publish("heartwire/bed4/command/ack", ack, 1)
    assert until(lambda: bed.bodies(topic)[1:], "the acknowledgement")[0]["by"] == "Ana"
    answers = until(lambda: subscriber.payloads("heartwire/bed4/response/ack"), "an answer")
    assert json.loads(answers[0])["acked"] == ["recording_stopped"]


def test_monitor_when_the_broker_stays_away_then_an_alarm_that_reaches_a_subscriber_late(
    broker: Any, make_subscriber: Any, make_bed: Any, until: Any
) -> None:
    bed = make_bed(broker.port)
    until(lambda: bed.monitor.publisher.ready, "a connection")
    broker.stop()
    until(lambda: any(line.startswith("alarm: technical broker_lost active") for line in bed.lines), "a line")
    broker.start()
    subscriber = make_subscriber(broker.port)
    topic = "heartwire/bed4/alarm/broker_lost"
    until(lambda: any(json.loads(p)["state"] == "cleared" for p in subscriber.payloads(topic)), "its end")


def test_monitor_when_the_analysis_is_slower_than_the_heart_then_an_alarm_of_overload(
    make_bed: Any, wearer: Any, until: Any
) -> None:
    bed, topic = make_bed(), "heartwire/bed4/alarm/overload"
    wearer.play()
    until(lambda: bed.n_samples > 50, "samples")
    assert bed.bodies(topic) == []
    bed.stages[0].slow_s = 0.3  # for a block of 0.1 s
    alarm = until(lambda: bed.bodies(topic), "the alarm", 60.0)[0]
    assert (alarm["state"], alarm["priority"]) == ("active", "technical")
    assert alarm["value"].startswith(("busy without a break", "the monitor was held up"))


def test_monitor_when_the_analysis_fails_over_an_unseen_lethal_alarm_then_it_stays_until_acknowledged(
    broker: Any, make_subscriber: Any, make_bed: Any, wearer: Any, until: Any
) -> None:
    subscriber, bed = make_subscriber(broker.port), make_bed(broker.port)
    topic = "heartwire/bed4/alarm/vt"
    wearer.play()
    until(lambda: bed.n_samples > 50, "samples")
    bed.stages[0].say_next = Alarm("vt", "active", "high", "patient", 5, False, False, "fast", 9, 3)
    until(lambda: bed.bodies(topic), "the alarm")
    bed.stages[0].raise_on_reset = True
    bed.stages[0].raise_next = RuntimeError("out of a stage")
    until(lambda: bed.bodies(topic)[-1]["state"] == "latched", "the alarm over the failure")
    subscriber.client.publish("heartwire/bed4/command/ack", b'{"by":"Ana"}', 1)
    last = until(lambda: (b := bed.bodies(topic)[-1])["state"] == "cleared" and b, "its end")
    assert (last["acked"], last["by"], last["occurrence"]) == (True, "Ana", "b00t-3")
