"""The announcement of a bed, against Home Assistant's documented rules for MQTT device discovery."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from edge.alarms.state import MONITOR_SPECS, SPECS
from edge.config import MqttConfig, parse
from edge.integrations.homeassistant import ANNOUNCE_S, EXPIRE_S, Discovery, device_payload, object_id
from edge.io.poller import Poller
from edge.io.publisher import Publisher
from edge.messages import Composer
from edge.types import AAMI, Beat, RPeak, Status
from firmware_bridge.types import BadInput

ROOT_KEYS = {"dev", "o", "avty", "avty_mode", "stat_t", "qos", "cmps"}
OF_EVERY = {"p", "uniq_id", "name", "val_tpl", "exp_aft", "avty", "stat_t", "qos", "ic"}
OF_PLATFORM = {
    "sensor": OF_EVERY | {"unit_of_meas", "stat_cla", "dev_cla", "ops", "ent_cat"},
    "binary_sensor": OF_EVERY | {"dev_cla", "json_attr_t"},
    "event": OF_EVERY - {"exp_aft"} | {"evt_typ"},
    "button": {"p", "uniq_id", "name", "cmd_t", "pl_prs", "ic", "avty"},
}
CONFIG = "homeassistant/device/heartwire_bed4/config"
BIRTH = "homeassistant/status"


def stamp(index: int) -> float:
    return 1.8e9


@pytest.fixture
def payload() -> dict[str, Any]:
    return dict(json.loads(Discovery(Composer("bed4", "b00t")).message.payload))


def fields_of(event: Any) -> set[str]:
    return set(json.loads(Composer("bed4", "b00t").compose(event, stamp)[0].payload))


def test_discovery_when_made_then_one_retained_message_for_the_device() -> None:
    message = Discovery(Composer("bed4", "b00t", "ward/7"), "ha").message
    assert (message.topic, message.retain, message.qos) == ("ha/device/ward_7_bed4/config", True, 1)
    assert json.loads(message.payload)["stat_t"] == "ward/7/bed4/state"


def test_root_when_made_then_it_has_device_origin_and_components_and_no_unknown_key(
    payload: dict[str, Any],
) -> None:
    assert set(payload) == ROOT_KEYS
    assert payload["dev"]["ids"] == ["heartwire_bed4"]
    assert payload["o"]["name"] == "heartwire"
    topics = [word["t"] for word in payload["avty"]]
    assert topics == ["heartwire/bridge/state", "heartwire/bed4/availability"]
    assert payload["avty_mode"] == "all"


def test_components_when_made_then_platform_own_id_and_only_options_that_it_has(
    payload: dict[str, Any],
) -> None:
    parts = payload["cmps"]
    for key, part in parts.items():
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", key)
        assert set(part) <= OF_PLATFORM[part["p"]], key
        assert part["uniq_id"] == f"heartwire_bed4_{key}"
    assert len({part["name"] for part in parts.values()}) == len(parts)
    wanted = {"hr", "rhythm", "sqi", "lead_off", "rmssd", "pvc", "beat", "alarm", "ack"}
    assert set(parts) >= wanted | {f"alarm_{spec.name}" for spec in SPECS + MONITOR_SPECS}


def test_components_when_they_are_values_then_they_expire(payload: dict[str, Any]) -> None:
    values = [part for part in payload["cmps"].values() if part["p"] in ("sensor", "binary_sensor")]
    assert {part["exp_aft"] for part in values} == {EXPIRE_S}


def test_sensors_when_numbers_then_unit_and_measurement_and_enums_have_their_options(
    payload: dict[str, Any],
) -> None:
    parts = payload["cmps"]
    for part in parts.values():
        assert ("unit_of_meas" in part) == (part.get("stat_cla") == "measurement")
        assert ("ops" in part) == (part.get("dev_cla") == "enum")
        assert not ("ops" in part and "stat_cla" in part)
    assert (parts["hr"]["unit_of_meas"], parts["beat"]["ops"]) == ("bpm", list(AAMI))


def test_templates_when_they_name_a_key_then_that_message_has_it(payload: dict[str, Any]) -> None:
    status = Status(72.0, None, "sinus", 1.0, False, 800.0, 30.0, 0.0, 0, False, 0)
    beat = Beat(1, RPeak(0, 1.0, 1.0), 0.8, "N", (1.0, 0.0, 0.0, 0.0, 0.0), 1.0, True, False, True, 0)
    known = {"heartwire/bed4/state": fields_of(status), "heartwire/bed4/beat": fields_of(beat)}
    for part in payload["cmps"].values():
        named = set(re.findall(r"value_json\.(\w+)", part.get("val_tpl", "")))
        topic = part.get("stat_t", payload["stat_t"])
        if part["p"] != "event":
            assert named <= known[topic]
        assert part.get("val_tpl", "").count("{{") == part.get("val_tpl", "").count("}}")


def test_event_when_alarms_are_raised_then_its_types_are_the_alarms_and_it_is_never_retained(
    payload: dict[str, Any],
) -> None:
    event = payload["cmps"]["alarm"]
    assert event["evt_typ"] == [spec.name for spec in SPECS + MONITOR_SPECS]
    assert event["stat_t"] == "heartwire/bed4/event"


def test_alarms_when_the_signal_is_lost_then_they_are_still_available(payload: dict[str, Any]) -> None:
    for key, part in payload["cmps"].items():
        if key.startswith("alarm"):
            assert part["avty"] == [{"t": "heartwire/bridge/state"}]


def test_payload_when_another_alarm_is_registered_then_it_is_announced() -> None:
    parts = device_payload("heartwire", "bed4", SPECS[:2])["cmps"]
    assert [key for key in parts if key.startswith("alarm_")] == [f"alarm_{spec.name}" for spec in SPECS[:2]]
    assert object_id("a/b", "c") == "a_b_c"


def test_config_when_the_prefix_is_no_topic_then_refused() -> None:
    with pytest.raises(BadInput, match=r"mqtt\.homeassistant"):
        parse("", {}, {"mqtt.homeassistant": "ha/#"})


class Loop:
    """A publisher that announces its bed, in a loop of its own."""

    def __init__(self, port: int) -> None:
        self.ahead_s = 0.0
        self.poller = Poller()
        config = MqttConfig(port=port, homeassistant="homeassistant")
        composer = Composer("bed4", "b00t")
        self.publisher = Publisher(config, composer, self.poller, lambda *note: None, self.clock)

    def clock(self) -> float:
        return time.monotonic() + self.ahead_s

    def until(self, condition: Callable[[], Any]) -> None:
        end = time.monotonic() + 60.0
        while not condition():
            assert time.monotonic() < end
            self.poller.turn(0.01)
            self.publisher.tick(self.clock())


def test_publisher_when_home_assistant_is_born_then_the_bed_is_announced_again(
    broker: Any, make_subscriber: Any
) -> None:
    subscriber, loop = make_subscriber(broker.port), Loop(broker.port)
    try:
        loop.until(lambda: len(subscriber.payloads(CONFIG)) == 1)
        subscriber.client.publish(BIRTH, b"offline", 1)
        subscriber.client.publish(BIRTH, b"online", 1)
        loop.until(lambda: loop.publisher._discovery._again_at_s < float("inf"))
        assert len(subscriber.payloads(CONFIG)) == 1
        loop.ahead_s += ANNOUNCE_S[1]
        loop.until(lambda: len(subscriber.payloads(CONFIG)) == 2)
        first, again = subscriber.payloads(CONFIG)
        assert first == again == Discovery(Composer("bed4", "b00t")).message.payload
        later = make_subscriber(broker.port)
        loop.until(lambda: later.payloads(CONFIG))
        assert loop.publisher.commands == type(loop.publisher.commands)()
    finally:
        loop.publisher.close()
        loop.poller.close()
