"""Where a key may come from, who wins, and what is said about a wrong one."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from edge.address import host_port
from edge.cli import run
from edge.config import (
    Config,
    MqttConfig,
    load,
    parse,
)
from edge.config_flags import add_arguments, add_reader_arguments
from edge.io.source import StdinSource
from firmware_bridge.types import BadInput

WARD = """
source = "/dev/ttyUSB0"
device = "bed4"
wave_ms = 200
leads = ["II", "V1"]
[mqtt]
host = "broker.ward"
port = 8883
tls = true
"""


def arguments(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_arguments(parser)
    return parser.parse_args(argv)


def test_config_when_nothing_is_given_then_defaults() -> None:
    assert load(arguments(), {}) == Config()
    assert Config().mqtt == MqttConfig()


def test_config_when_file_is_given_then_its_values() -> None:
    config = parse(WARD, {}, {})
    assert (config.source, config.device, config.wave_ms, config.leads) == (
        "/dev/ttyUSB0",
        "bed4",
        200.0,
        ("II", "V1"),
    )
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.tls) == ("broker.ward", 8883, True)


def test_config_when_given_three_ways_then_flag_beats_environment_beats_file(tmp_path: Path) -> None:
    path = tmp_path / "ward.toml"
    path.write_text(WARD)
    environ = {"HEARTWIRE_DEVICE": "bed5", "HEARTWIRE_WAVE_MS": "0", "HEARTWIRE_MQTT_PORT": "1884"}
    config = load(arguments("-c", str(path), "--device", "bed6", "--mqtt-base", "w7/hw"), environ)
    assert (config.device, config.wave_ms, config.mqtt.port) == ("bed6", 0.0, 1884)
    assert (config.mqtt.base, config.source) == ("w7/hw", "/dev/ttyUSB0")


def test_alarms_when_given_then_limits_of_the_preset_with_those_instead() -> None:
    text = "[alarms]\npreset = 'child'\ntachy_bpm = 160\noff = ['couplet', 'pvc_rate']\nlog = 'alarms.jsonl'"
    alarms = parse(text, {"HEARTWIRE_ALARMS_PAUSE_S": "2.5"}, {"alarms.log_kb": "64"}).alarms
    limits = alarms.limits
    assert (limits.tachy_bpm, limits.extreme_tachy_bpm, limits.pause_s) == (160.0, 180.0, 2.5)
    assert (limits.off, alarms.log, alarms.log_kb) == (("couplet", "pvc_rate"), "alarms.jsonl", 64)
    assert load(arguments("--alarms-preset", "athlete"), {}).alarms.limits.extreme_brady_bpm == 30.0
    with pytest.raises(BadInput, match=r"unknown key 'alarms[.]pause'"):
        parse("", {"HEARTWIRE_ALARMS_PAUSE": "2"}, {})


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.2:1884", "10.0.0.2", 1884),
        ("broker", "broker", 1883),
        ("[::1]:99", "::1", 99),
        ("[::1]", "::1", 1883),
        ("mqtt://h:7", "h", 7),
        ("none", "", 1883),
        ("/run/mosquitto/mosquitto.sock", "/run/mosquitto/mosquitto.sock", 1883),
    ],
)
def test_broker_when_in_one_word_then_host_and_port(text: str, host: str, port: int) -> None:
    for config in (load(arguments("--mqtt", text), {}), load(arguments(), {"HEARTWIRE_MQTT": text})):
        assert (config.mqtt.host, config.mqtt.port) == (host, port)


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("devise = 'x'", "unknown key 'devise'; did you mean 'device'?"),
        ("[mqtt]\nhots = 'x'", "unknown key 'mqtt.hots'; did you mean 'mqtt.host'?"),
        ("[mqtt]\npassword = 'canary'", "mqtt.password does not belong in this file"),
        ("[alarms]\nbrady = 40", "unknown key 'alarms.brady'; did you mean 'alarms.brady_bpm'?"),
        ("[alarms]\npreset = 'baby'", "alarms.preset: got 'baby', expected adult, child, athlete"),
        ("[alarms]\noff = ['asystole']", "alarms.off: got 'asystole', expected some of pause"),
        ("[alarms]\nbrady_bpm = 38", "alarms.extreme_brady_bpm: got 40, expected less than alarms.brady_bpm"),
        ("[alarms]\naudio_pause_s = 3600", "alarms.audio_pause_s: got 3600.0, expected 1.0 to 600.0"),
        ("alarms = 'adult'", "alarms: got 'adult', expected a table"),
        ("wave_ms = 'long'", "wave_ms: got 'long'; expected `float`"),
        ("fs = -1", "fs: got -1.0, expected 20.0 to 20000.0"),
        ("parity = 'X'", "parity: got 'X'; invalid enum value 'X'"),
        ("scale = 0", "scale: got 0.0, expected a finite factor"),
        ("personal = 'yes'", "personal: got 'yes', expected one of off, self, labels"),
        ("personal = true", "personal: got True; expected `str`"),
        ("scale = nan", "scale: got nan, expected a finite factor"),
        ("device = 'bed 4'", "device: got 'bed 4', expected"),
        ("[mqtt]\nport = 70000", "mqtt.port: got 70000, expected 1 to 65535"),
        (
            "[mqtt]\nhost = '/run/m.sock'\ntls = true",
            "mqtt.tls: got '/run/m.sock' as the broker, a Unix socket",
        ),
        ("mqtt = ':'", "expected HOST or HOST:PORT"),
        ("a = [", "not valid TOML"),
        ("zzzzzzzzzzzz = 1", "known are: baud, device"),
    ],
)
def test_config_when_a_key_is_wrong_then_one_line_says_which(toml: str, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(toml, {}, {}, "ward.toml")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"HEARTWIRE_FS": "fast"}, "HEARTWIRE_FS: got 'fast'"),
        ({"HEARTWIRE_MQTT_HSOT": "x"}, "did you mean 'mqtt.host'?"),
        ({"HEARTWIRE_MQTT": "a:b"}, "HEARTWIRE_MQTT: got 'a:b'"),
    ],
)
def test_environment_when_wrong_then_one_line_names_the_variable(environ: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match="HEARTWIRE") as caught:
        parse("", environ, {})
    assert says in str(caught.value)


def test_environment_when_a_variable_is_not_ours_then_ignored() -> None:
    assert parse("", {"HEARTWIRE_DATA": "/data", "PATH": "/bin"}, {}) == Config()


def test_password_when_by_environment_or_file_then_known_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("canary2\n")
    one = parse("", {"HEARTWIRE_MQTT_PASSWORD": "canary1"}, {})
    two = load(arguments("--mqtt-password-file", str(path)), {})
    assert (one.mqtt.password, two.mqtt.password) == ("canary1", "canary2")
    assert "canary" not in repr(one) + repr(two)


def test_password_when_asked_by_flag_then_no_such_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments("--mqtt-password=canary")
    assert "--mqtt-password=" in capsys.readouterr().err


def test_flags_when_boolean_then_switch_on() -> None:
    config = load(arguments("--invert", "--mqtt-tls", "--leads", "II,V1"), {})
    assert (config.invert, config.mqtt.tls, config.leads) == (True, True, ("II", "V1"))


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_file_when_missing_or_not_text_then_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ward.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=r"config file: .*ward\.toml"):
        load(arguments("-c", str(path)), {})


def reader(*argv: str) -> Config:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_reader_arguments(parser)
    return load(parser.parse_args(argv), {"HEARTWIRE_MQTT_PASSWORD": "canary"})


def test_reader_when_given_broker_and_base_then_the_same_config_with_its_secret() -> None:
    mqtt = reader("--mqtt", "h:7", "--base", "icu/east", "--mqtt-username", "nurse").mqtt
    assert (mqtt.host, mqtt.port, mqtt.base, mqtt.username, mqtt.password) == (
        "h",
        7,
        "icu/east",
        "nurse",
        "canary",
    )


def test_reader_when_given_a_monitors_file_then_its_broker(tmp_path: Path) -> None:
    path = tmp_path / "ward.toml"
    path.write_text(WARD)
    assert reader("-c", str(path)).mqtt.host == "broker.ward"


@pytest.mark.parametrize("text", ["", ":1", "h:x", "h:" + "9" * 5000, "::1", "h:²"])
def test_host_port_when_wrong_then_named_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match=r"--listen: got .*, expected HOST or HOST:PORT, such as h:1"):
        host_port(text, "--listen", "h:1")


def test_host_port_when_an_address_of_version_six_then_without_brackets() -> None:
    assert host_port("[::1]:8080", "--listen", "h:1") == ("::1", 8080)
    assert host_port("[::1]", "--listen", "h:1") == ("::1", None)


def test_config_when_the_line_has_parity_then_the_source_does(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int, str]] = []
    monkeypatch.setattr("edge.io.source.make_source", lambda *args: opened.append(args) or StdinSource())
    for text in ("format = 'dri'", "format = 'dri'\nparity = 'N'\nbaud = 9600", "format = 'text'"):
        run._source_and_decoder(parse(f"source = 'x'\n{text}", {}, {}))
    assert opened == [("x", 19200, "E"), ("x", 9600, "N"), ("x", 9600, "N")]
