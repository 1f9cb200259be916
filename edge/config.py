"""The monitor's configuration: one frozen value from a TOML file, the environment and flags.

A flag wins over ``HEARTWIRE_*``, which wins over the file, which wins over the default. Unknown keys are
errors that name the nearest known one. The MQTT password comes from ``HEARTWIRE_MQTT_PASSWORD`` or from the
file named by ``mqtt.password_file`` and from nowhere else, so that it is never in ``ps`` nor in a file that
is passed round. Pure but for `load`.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

import msgspec

from edge.address import host_port
from edge.alarms.audio_pause import MAX_PAUSE_S
from edge.alarms.limits import MAY_BE_OFF, PRESETS, SETTABLE, AlarmLimits, limits_of
from edge.messages import base_topic, topic_id
from edge.types import PERSONAL_MODES
from firmware_bridge.types import BadInput

if TYPE_CHECKING:
    import argparse

ENV = "HEARTWIRE_"
SECRETS = ("password",)


def _key(
    default: Any,
    doc: str,
    such_as: Any = None,
    between: tuple[float, float] | None = None,
    one_of: tuple[str, ...] = (),
    shown: bool = True,
) -> Any:
    """Declare one configuration key: default, line of help, an example, the range of a number, the words it may be.

    The unit is in the key's name; where it is not, in the line of help.
    """
    more = {"help": doc, "such_as": such_as, "between": between, "one_of": one_of}
    return field(default=default, repr=shown, metadata=more)


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """Where to publish. An empty `host` means: no broker, local alarm lines only."""

    host: str = _key(
        "127.0.0.1", "broker's host name or address, or the path of its Unix socket", "broker.ward"
    )
    port: int = _key(1883, "broker's port", 8883, (1, 65535))
    base: str = _key("heartwire", "base topic: what every topic begins with", "ward7")
    username: str = _key("", "user name at the broker", "bed4")
    password: str = _key("", "only by environment or password_file", shown=False)
    password_file: str = _key("", "file that holds the password on its first line", "/etc/heartwire/password")
    tls: bool = _key(False, "speak TLS to the broker", True)
    ca_file: str = _key("", "CA certificates to trust instead of the system's", "/etc/heartwire/ca.pem")
    cert_file: str = _key("", "client certificate", "/etc/heartwire/bed4.pem")
    key_file: str = _key("", "key of the client certificate", "/etc/heartwire/bed4.key")
    client_id: str = _key("", "MQTT client id; default heartwire-<device>", "heartwire-bed4")
    keepalive_s: int = _key(
        5, "MQTT keepalive; the broker takes us for dead after one and a half of it", 10, (1, 300)
    )
    ring: int = _key(
        600,
        "waveform chunks and beats held while the broker is away; the oldest go first",
        1200,
        (1, 1_000_000),
    )
    outbox: int = _key(
        10000, "events held while the broker is away; lethal alarms are never dropped", 20000, (1, 10_000_000)
    )
    replay_after_s: float = _key(
        20.0,
        "after a loss of the broker late events wait so long, for their readers to be back as well",
        30.0,
        (0.0, 600.0),
    )
    outbox_path: str = _key(
        "",
        "file of the events that wait; default heartwire/DEVICE.outbox in the state folder; 'none': memory",
        "/var/lib/heartwire/bed4.outbox",
    )
    outbox_mb: float = _key(
        16.0, "size of that file in MB; when it is full the oldest leave it", 32.0, (0.1, 10_000.0)
    )
    homeassistant: str = _key(
        "",
        "announce this bed to Home Assistant under its discovery prefix, usually homeassistant; empty: not",
        "homeassistant",
    )
    scalars: bool = _key(False, "publish each state as numbers alone too, for Grafana", True)

    @property
    def is_local(self) -> bool:
        """Whether `host` is the path of a Unix socket."""
        return self.host.startswith("/")

    @property
    def place(self) -> str:
        """The broker in one word."""
        return self.host if self.is_local else f"{self.host}:{self.port}"


def _limit(name: str, doc: str, such_as: float) -> Any:
    """Declare a limit of the alarms: not given, it is the preset's."""
    return _key(None, doc, such_as, SETTABLE[name])


@dataclass(frozen=True, slots=True)
class AlarmsConfig:
    """Limits of this bed's alarms (what is not given is the preset's), and where they are written down."""

    preset: str = _key("adult", "whose limits", "child", None, tuple(PRESETS))
    extreme_brady_bpm: float | None = _limit(
        "extreme_brady_bpm", "lethal: a rate below this over 5 beats", 30.0
    )
    brady_bpm: float | None = _limit("brady_bpm", "a rate below this over 5 beats", 45.0)
    tachy_bpm: float | None = _limit("tachy_bpm", "a rate above this over 17 beats", 130.0)
    extreme_tachy_bpm: float | None = _limit(
        "extreme_tachy_bpm", "lethal: a rate above this over 17 beats", 160.0
    )
    pause_s: float | None = _limit("pause_s", "so many seconds between two beats are a pause", 2.5)
    af_s: float | None = _limit("af_s", "atrial fibrillation for so many seconds", 60.0)
    pvc_per_min: float | None = _limit("pvc_per_min", "more ventricular beats than this in a minute", 20.0)
    off: tuple[str, ...] = _key(
        (),
        "alarms never raised, comma separated",
        ("couplet",),
        None,
        MAY_BE_OFF,
    )
    audio_pause_s: float = _key(
        120.0, "how long a pause of the alarms' sound lasts that names no time", 60.0, (1.0, MAX_PAUSE_S)
    )
    log: str = _key(
        "",
        "alarm log, read by `heartwire alarms`; default heartwire/DEVICE-alarms.jsonl in the state folder; or 'none'",
        "/var/lib/heartwire/bed4-alarms.jsonl",
    )
    log_kb: int = _key(
        4096, "size at which the alarm log is begun anew; one older file is kept", 1024, (16, 1_000_000)
    )

    @property
    def limits(self) -> AlarmLimits:
        """The limits of the rules. Raises `BadInput` for what does not fit together."""
        given = {name: getattr(self, name) for name in SETTABLE}
        return limits_of(self.preset, {n: v for n, v in given.items() if v is not None}, self.off)


@dataclass(frozen=True, slots=True)
class Config:
    """What one monitor is to do."""

    source: str = _key(
        "",
        "serial port, /dev/serial/by-id/..., tcp://host:port, mqtt://host:port/topic or -",
        "/dev/serial/by-id/usb-Arduino_Uno-if00",
    )
    format: str = _key(
        "native",
        "wire format of the device (`heartwire devices` lists them), or a profile's path.toml",
        "text",
    )
    device: str = _key("device", "id of the bed: a-z A-Z 0-9 _ -", "bed4")
    baud: int | None = _key(
        None, "serial speed in baud; default is the device's own", 57600, (50, 20_000_000)
    )
    parity: Literal["N", "E", "O"] | None = _key(
        None, "parity bit of the serial line: N none, E even, O odd; default is the device's own", "E"
    )
    fs: float | None = _key(
        None, "sampling rate in Hz, where the device does not say or says it wrongly", 250.0, (20.0, 20000.0)
    )
    scale: float = _key(1.0, "extra factor on the millivolts, above 0", 0.5)
    invert: bool = _key(False, "turn the signal upside down", True)
    leads: tuple[str, ...] = _key((), "names of the leads, comma separated", ("II", "V5"))
    lead: str = _key("", "lead to analyse, by name or column from 0; default is the first", "V5")
    wave_ms: float = _key(100.0, "length of a waveform chunk in ms; 0 publishes none", 200.0, (0.0, 1000.0))
    rest_ms: float = _key(
        6.0,
        "how long samples may wait in the port's buffer to be read together; 0: not at all",
        0.0,
        (0.0, 100.0),
    )
    roam: bool = _key(
        False, "let the kernel move the monitor from core to core; else it stays where it began", True
    )
    personal: str = _key(
        "off",
        "adapt to the patient: 'self' by the monitor's own sure answers, 'labels' by those of a person",
        "labels",
        None,
        PERSONAL_MODES,
    )
    explain: bool = _key(
        False,
        "publish what the networks saw of a beat a second, for the page's Explain view (32 kB a second)",
        True,
    )
    models: str = _key("", "folder of the models; default is the shipped ones", "/opt/heartwire/models")
    record: str = _key(
        "", "folder to record into, a folder in it for each bed; empty records nothing", "/var/lib/heartwire"
    )
    record_gb: float = _key(
        4.0, "most that one bed's recording may take in GB; the oldest goes first", 16.0, (0.01, 100_000.0)
    )
    log_json: bool = _key(False, "what is said on stderr is one JSON object a line", True)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    alarms: AlarmsConfig = field(default_factory=AlarmsConfig)


SECTIONS: Mapping[str, type] = {"mqtt": MqttConfig, "alarms": AlarmsConfig}
"""Tables of the file, each with its keys."""


def load(args: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """Configuration of one run, from the arguments that `add_arguments` made and the environment.

    Raises
    ------
    BadInput
        For a file that cannot be read or parsed, an unknown key or a bad value.
    """
    text, where = "", "config"
    if args.config:
        where = args.config
        text = _read(where, "config file")
    flags = {name[7:]: value for name, value in vars(args).items() if name.startswith("config.")}
    flags = {name: value for name, value in flags.items() if value is not None}
    if args.mqtt is not None:
        flags = {**_broker(args.mqtt, "--mqtt"), **flags}
    config = parse(text, environ, flags, where)
    if config.mqtt.password_file and not config.mqtt.password:
        secret = _read(config.mqtt.password_file, "mqtt.password_file").partition("\n")[0].rstrip("\r")
        config = replace(config, mqtt=replace(config.mqtt, password=secret))
    return config


def parse(text: str, environ: Mapping[str, str], flags: Mapping[str, str], where: str = "config") -> Config:
    """Configuration from the text of a TOML file, the environment and flags (dotted key -> text). Pure."""
    values = _from_toml(text, where)
    values.update(_from_environment(environ))
    for name, value in flags.items():
        path = tuple(name.split("."))
        values[path] = _convert(path, value, "--" + "-".join(path).replace("_", "-"), strict=False)
    top = {path[0]: value for path, value in values.items() if len(path) == 1}
    tables = {
        name: section(**{path[1]: value for path, value in values.items() if path[0] == name})
        for name, section in SECTIONS.items()
    }
    return _checked(Config(**top, **tables))


# -- keys and values -------------------------------------------------------------------------------------


def keys() -> list[tuple[tuple[str, ...], Any]]:
    """Every key: its path (a name, or a table and a name) and its field, whose metadata `_key` made."""
    top = [((f.name,), f) for f in fields(Config) if f.default is not MISSING]
    return top + [((name, f.name), f) for name, section in SECTIONS.items() for f in fields(section)]


def type_of(path: tuple[str, ...]) -> Any:
    """The type of the key at `path`."""
    return get_type_hints(SECTIONS[path[0]] if len(path) == 2 else Config)[path[-1]]


def _convert(path: tuple[str, ...], value: Any, where: str, strict: bool) -> Any:
    """`value` as the type of the key at `path`; text that a person typed is read leniently."""
    kind, shown = type_of(path), "***" if path[-1] in SECRETS else repr(value)
    if kind == tuple[str, ...]:
        value = [part for part in value.split(",") if part] if isinstance(value, str) else value
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where}: got {shown}; {str(error)[:1].lower()}{str(error)[1:]}") from None


def _known(path: tuple[str, ...], where: str) -> None:
    """Raise `BadInput`, with the nearest known key, unless `path` is a key."""
    known = {".".join(p) for p, _ in keys()}
    name = ".".join(path)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.5)
        in_order = sorted(known, key=lambda name: ("." in name, name))
        hint = f"did you mean '{near[0]}'?" if near else "known are: " + ", ".join(in_order)
        raise BadInput(f"{where}: unknown key {name!r}; {hint}")


def _from_toml(text: str, where: str) -> dict[tuple[str, ...], Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{where}: not valid TOML: {error}") from None
    tables = {name: tree.pop(name, {}) for name in SECTIONS}
    if not isinstance(tables["mqtt"], dict):
        tables["mqtt"] = dict(_broker(str(tables["mqtt"]), f"{where}: mqtt", prefix=""))
    flat: dict[tuple[str, ...], Any] = {(name,): value for name, value in tree.items()}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise BadInput(f"{where}: {name}: got {table!r}, expected a table: [{name}] and its keys below")
        flat.update({(name, key): value for key, value in table.items()})
    for path in flat:
        _known(path, where)
        if path[-1] in SECRETS:
            raise BadInput(f"{where}: mqtt.password does not belong in this file; use mqtt.password_file")
    return {path: _convert(path, value, f"{where}: {'.'.join(path)}", True) for path, value in flat.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[tuple[str, ...], Any]:
    names = {ENV + "_".join(path).upper(): path for path, _ in keys()}
    found = {
        path: _convert(path, environ[name], name, False) for name, path in names.items() if name in environ
    }
    if ENV + "MQTT" in environ:
        for name, value in _broker(environ[ENV + "MQTT"], ENV + "MQTT", prefix="").items():
            found.setdefault(("mqtt", name), _convert(("mqtt", name), value, ENV + "MQTT", False))
    for name in environ:
        for section in SECTIONS:
            prefix = f"{ENV}{section.upper()}_"
            if name.startswith(prefix) and name not in names:
                _known((section, name[len(prefix) :].lower()), name)
    return found


def _broker(text: str, where: str, prefix: str = "mqtt.") -> dict[str, Any]:
    """Host and port of ``host``, ``host:port``, ``[v6]:port``, ``/path/of.sock`` or ``none``."""
    if text == "none" or text.startswith("/"):
        return {prefix + "host": text.removeprefix("none")}
    host, port = host_port(text.removeprefix("mqtt://"), where, "127.0.0.1:1883")
    return {prefix + "host": host} if port is None else {prefix + "host": host, prefix + "port": port}


# -- ranges ----------------------------------------------------------------------------------------------


def _checked(config: Config) -> Config:
    """Return `config`, or raise `BadInput` for the first value out of its range."""
    topic_id(config.device, "device")
    base_topic(config.mqtt.base)
    if config.mqtt.homeassistant:
        base_topic(config.mqtt.homeassistant, "mqtt.homeassistant")
    if config.mqtt.is_local and config.mqtt.tls:
        raise BadInput(
            f"mqtt.tls: got {config.mqtt.host!r} as the broker, a Unix socket, which has no TLS; leave it out"
        )
    assert config.alarms.limits
    for path, key in keys():
        value = getattr(getattr(config, path[0]) if len(path) == 2 else config, path[-1])
        span, words = key.metadata["between"], key.metadata["one_of"]
        if value is not None and span is not None and not span[0] <= value <= span[1]:
            raise BadInput(f"{'.'.join(path)}: got {value}, expected {span[0]} to {span[1]}")
        if words and isinstance(value, str) and value not in words:
            raise BadInput(f"{'.'.join(path)}: got {value!r}, expected one of {', '.join(words)}")
    if not (math.isfinite(config.scale) and config.scale > 0.0):
        raise BadInput(
            f"scale: got {config.scale}, expected a finite factor above 0 (`invert` turns the polarity)"
        )
    return config


def _read(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{what}: cannot read {path!r}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{what}: {path!r} is not UTF-8 text") from None
