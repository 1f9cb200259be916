"""``heartwire run``: monitor one bed."""

from __future__ import annotations

import argparse
import base64
import gc
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge import config as configuration
from edge.config import Config
from edge.io.core import stay_on_this_core

if TYPE_CHECKING:
    from edge.io.source import Source
    from edge.messages import Message
    from edge.monitor import Monitor
    from firmware_bridge.device import Decoder

HELP = "monitor one bed: samples in, beats, rhythms and alarms out over MQTT"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    configuration.add_arguments(parser)
    parser.add_argument("--seconds", type=seconds, metavar="N", help="stop after N seconds")
    parser.add_argument("--json", action="store_true", help="print every published message as a JSON line")


def run(args: argparse.Namespace) -> int:
    """Monitor until interrupted, the end of the stream, or for `--seconds`."""
    config = configuration.load(args, os.environ)
    monitor = make_monitor(config, log, _printer(lambda: monitor.stop()) if args.json else None)
    if not config.roam:
        stay_on_this_core()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: monitor.stop())
    monitor.run(args.seconds)
    return 0


def make_monitor(
    config: Config, log: Callable[[str], None], tap: Callable[[Message], None] | None = None
) -> Monitor:
    """Everything that `config` names, wired but not opened. Raises `BadInput` for what cannot be used."""
    source, decoder = _source_and_decoder(config)
    from edge.artefact import load_models
    from edge.messages import Composer
    from edge.monitor import Monitor
    from edge.pipeline import Pipeline

    models = load_models(Path(config.models) if config.models else None)
    lead: str | int = int(config.lead) if config.lead.isdigit() else config.lead or 0

    def make_pipeline() -> Pipeline:
        return Pipeline(
            models,
            device_id=config.device,
            lead=lead,
            wave_ms=config.wave_ms,
            personal=config.personal,
        )

    composer = Composer(config.device, secrets.token_hex(4), config.mqtt.base)
    rest_s = config.rest_ms / 1000.0
    monitor = Monitor(source, decoder, make_pipeline, composer, config.mqtt, log, tap, rest_s)
    gc.collect()
    gc.freeze()  # what lives for ever is never looked at again: collections stay short
    return monitor


def _source_and_decoder(config: Config) -> tuple[Source, Decoder]:
    from firmware_bridge.device import Asker, DecoderOptions

    options = DecoderOptions(config.device, config.fs, config.scale, config.invert, config.leads or None)
    if config.source.startswith("mqtt://"):
        from edge.envelope import EnvelopeDecoder
        from edge.io.mqtt_source import MqttSource

        broker = MqttSource(config.source, config.mqtt, f"heartwire-{config.device}-in")
        return broker, EnvelopeDecoder(options)
    from edge.io.source import make_source
    from firmware_bridge import devices

    device = devices.get(config.format)
    source, decoder = make_source(config.source, config.baud or device.baud), device.decoder(options)
    if not device.start or not isinstance(decoder, Asker):
        return source, decoder
    from edge.io.asking import AskingSource

    return AskingSource(source, decoder), decoder


def seconds(text: str) -> float:
    """A positive number of seconds, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number of seconds above 0")
    return value


def log(line: str) -> None:
    """One line on stderr, without anything that a terminal obeys."""
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    try:
        print(clean, file=sys.stderr, flush=True)
    except OSError:
        return  # nobody reads stderr any more: monitoring goes on


def as_json(topic: str, payload: bytes, retain: bool) -> str:
    """One message as a JSON line: JSON payloads as such, text as text, anything else in base64."""
    decoded: Any
    try:
        text = payload.decode()
        decoded = json.loads(text) if text[:1] in ("{", "[") else text
        if not text.isprintable():
            decoded = base64.b64encode(payload).decode()
    except ValueError:
        decoded = base64.b64encode(payload).decode()
    return json.dumps({"topic": topic, "payload": decoded, "retain": retain})


def _printer(give_up: Callable[[], None]) -> Callable[[Message], None]:
    """Prints every message as it is published, and calls `give_up` when nobody reads any more."""

    def print_message(message: Message) -> None:
        try:
            print(as_json(message.topic, message.payload, message.retain), flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            give_up()

    return print_message
