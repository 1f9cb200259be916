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
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge import config as configuration
from edge import config_flags
from edge.config import Config
from edge.io.core import allowed_cores, roam, stay_on_this_core
from edge.io.log import Log
from edge.log_lines import Line
from edge.state_folder import alarm_log_place, outbox_place
from firmware_bridge.types import BadInput

if TYPE_CHECKING:
    from edge.artefact import Models
    from edge.explain.beat import Explainer
    from edge.io.log import Say
    from edge.io.recorder import Recorder
    from edge.io.source import Source
    from edge.messages import Message
    from edge.monitor import Monitor
    from edge.stages import Stages
    from firmware_bridge.device import Decoder

HELP = "monitor one bed: samples in, beats, rhythms and alarms out over MQTT"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    config_flags.add_arguments(parser)
    parser.add_argument("--seconds", type=seconds, metavar="N", help="stop after N seconds")
    parser.add_argument("--json", action="store_true", help="print every published message as a JSON line")


def run(args: argparse.Namespace) -> int:
    """Monitor until interrupted, the end of the stream, or for `--seconds`."""
    config = configuration.load(args, os.environ)
    log = Log(config.log_json, (config.mqtt.password,))
    try:
        _run(config, args, log)
    except BadInput as error:
        if log.for_people:
            raise
        log(Line("mistake", str(error), "error"))
        return 2
    finally:
        log.close()
    return 0


def _run(config: Config, args: argparse.Namespace, log: Log) -> None:
    boot_id = secrets.token_hex(4)
    recorder = make_recorder(config, boot_id, log) if config.record else None
    tap = _printer(lambda: monitor.stop()) if args.json else None
    monitor = make_monitor(config, log, tap, recorder, boot_id)
    if recorder is not None:
        recorder.start()  # before this thread is bound to its core: the recorder is free to use the others
    if not config.roam:
        stay_on_this_core()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: monitor.stop())
    try:
        monitor.run(args.seconds)
    finally:
        if recorder is not None:
            recorder.close()


def make_recorder(config: Config, boot_id: str, log: Say) -> Recorder:
    """What records the bed into `config.record`, not started. Raises `BadInput` for a folder that cannot be used."""
    from edge.io.recorder import Recorder, check_folder
    from edge.io.reel import Reel

    check_folder(config.record)
    counts = True
    if not config.source.startswith("mqtt://"):
        from firmware_bridge import devices

        device = devices.get(config.format)
        counts = device.has_counter or device.has_clock
    folder = Path(config.record) / config.device
    return Recorder(Reel(folder, config.device, boot_id, counts, round(config.record_gb * 1e9)), log)


def make_monitor(
    config: Config,
    log: Say,
    tap: Callable[[Message], None] | None = None,
    recorder: Recorder | None = None,
    boot_id: str | None = None,
) -> Monitor:
    """Everything that `config` names, wired but not opened. Raises `BadInput` for what cannot be used."""
    source, decoder = _source_and_decoder(config)
    from edge.alarms.desk import AlarmDesk
    from edge.artefact import load_models
    from edge.io.alarm_log import AlarmLog
    from edge.io.life import Life
    from edge.io.notify import Notifier
    from edge.messages import Composer
    from edge.monitor import Monitor
    from edge.pipeline import Pipeline

    models, explainer = _watched(load_models(Path(config.models) if config.models else None), config.explain)
    lead: str | int = int(config.lead) if config.lead.isdigit() else config.lead or 0

    limits, numbers = config.alarms.limits, count(1)

    def make_pipeline() -> Stages:
        pipeline = Pipeline(
            models,
            device_id=config.device,
            lead=lead,
            wave_ms=config.wave_ms,
            limits=limits,
            numbers=numbers,
            personal=config.personal,
        )
        if recorder is None:
            return pipeline
        from edge.io.recorder import Recorded

        return Recorded(pipeline, recorder, lambda trouble: monitor.recording(trouble))

    composer = Composer(config.device, boot_id or secrets.token_hex(4), config.mqtt.base, config.mqtt.scalars)
    file = alarm_log_place(config, os.environ)
    monitor = Monitor(
        source,
        decoder,
        make_pipeline,
        composer,
        replace(config.mqtt, outbox_path=outbox_place(config, os.environ)),
        log,
        tap,
        rest_s=config.rest_ms / 1000.0,
        desk=AlarmDesk(limits, numbers, config.alarms.audio_pause_s),
        alarm_log=None if file is None else AlarmLog(file, 1024 * config.alarms.log_kb),
        unpin=partial(roam, allowed_cores()),
        life=Life(Notifier(os.environ), config.device, source, log),
        explainer=explainer,
        record=None if recorder is None else recorder.event,
    )
    gc.collect()
    gc.freeze()  # what lives for ever is never looked at again: collections stay short
    return monitor


def _watched(models: Models, explain: bool) -> tuple[Models, Explainer | None]:
    """The models to run, and who looks into them if that is wanted."""
    if not explain:
        return models, None
    from edge.explain.beat import Explainer

    explainer = Explainer(models)
    return explainer.watched, explainer


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
    source = make_source(config.source, config.baud or device.baud, config.parity or device.parity)
    decoder = device.decoder(options)
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
