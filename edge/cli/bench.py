"""``heartwire bench``: what the monitor costs here, measured."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.artefact import Models

HELP = (
    "measure the GRU step, the CNN window, the pipeline, the path from serial port to subscriber, the start"
)

LABELS = {
    "gru_step_us": "GRU step, this engine [us]",
    "gru_step_peers_us": "GRU step, other engines [us]",
    "cnn_window_us": "beat CNN, one window [us]",
    "rhythm_cnn_window_us": "rhythm CNN, one window [us]",
    "pipeline_us_per_sample": "pipeline, a sample, in chunks of [us]",
    "path_p50_us": "serial byte to subscriber, median [us]",
    "path_p99_us": "serial byte to subscriber, 99 % [us]",
    "path_chunks": "  over so many samples, each published by itself",
    "path_wire": "  to and from Mosquitto over",
    "plain_path_p50_us": "the plain build, median [us]",
    "plain_path_p99_us": "the plain build, 99 % [us]",
    "bare_path_p50_us": "a wire without a monitor, median [us]",
    "path_tcp_p50_us": "the same over TCP: serial byte to subscriber, median [us]",
    "path_tcp_p99_us": "  99 % [us]",
    "plain_path_tcp_p50_us": "  the plain build, median [us]",
    "bare_path_tcp_p50_us": "  a wire without a monitor, median [us]",
    "cpu_pct": "monitor at 360 Hz, of one core [%]",
    "plain_cpu_pct": "the plain build, of one core [%]",
    "rss_mb": "monitor, resident memory [MB]",
    "import_ms": "process start to first byte read [ms]",
    "page_frame_p50_ms": "live page with 8 beds, from frame to frame, median [ms]",
    "page_frame_p99_ms": "live page with 8 beds, from frame to frame, 99 % [ms]",
    "alone_p50_us": "no viewers: serial byte to the broker, median [us]",
    "alone_p99_us": "no viewers: serial byte to the broker, 99 % [us]",
    "watched_p50_ratio": "with viewers by without, median",
    "watched_p99_ratio": "with viewers by without, 99 %",
    "watched_cpu_ratio": "the monitor's CPU, with viewers by without",
    "alone_path_p50_us": "no viewers: serial byte to subscriber, median [us]",
    "alone_path_p99_us": "no viewers: serial byte to subscriber, 99 % [us]",
    "watched_path_p50_ratio": "with viewers by without, median",
    "watched_path_p99_ratio": "with viewers by without, 99 %",
    "watched_chunks": "  each over so many chunks of 100 ms",
    "page_server_rss_mb": "the page's server before and after them, resident memory [MB]",
    "machine": "measured on",
}

ALONE = tuple(name for name in LABELS if name.startswith(("page_", "alone_", "watched_")))
"""What is measured only by itself."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    from edge.cli.run import seconds

    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=30.0,
        metavar="N",
        help="how long each build is fed at 360 Hz for the path (default 30)",
    )
    parser.add_argument(
        "--page", action="store_true", help="measure the live page alone, in a headless Chromium"
    )
    parser.add_argument(
        "--decoders",
        action="store_true",
        help="measure the decoder of every device alone, on good and on bad bytes",
    )
    parser.add_argument(
        "--viewers",
        type=_count,
        metavar="N",
        help="measure the path alone, by turns with and without N viewers of which a quarter never reads",
    )


def run(args: argparse.Namespace) -> int:
    """Measure everything, or one part alone, and print it."""
    results: dict[str, Any]
    if args.decoders:
        results = _decoders()
    elif args.page:
        results = _page(args.seconds) | {"machine": _machine()}
    elif args.viewers:
        results = _watched(args.seconds, args.viewers) | {"machine": _machine()}
    else:
        from edge.artefact import load_models

        results = {name: None for name in LABELS if name not in ALONE}
        results |= _engines(load_models()) | _paths(args.seconds) | {"machine": _machine()}
    if args.json:
        print(json.dumps(_rounded(results)))
    else:
        print("\n".join(_lines(_rounded(results))))
    return 0


def _engines(models: Models) -> dict[str, Any]:
    from edge.bench.engines import cnn_window_us, gru_step_us
    from edge.bench.peers import peers_us
    from edge.bench.stages import pipeline_us

    _tell("engines")
    found: dict[str, Any] = {
        "gru_step_us": gru_step_us(models.gru),
        "gru_step_peers_us": peers_us(models.gru),
        "cnn_window_us": cnn_window_us(models.beat_cnn),
        "rhythm_cnn_window_us": cnn_window_us(models.rhythm_cnn),
    }
    _tell("pipeline")
    return found | {"pipeline_us_per_sample": {str(n): pipeline_us(models, n) for n in (1, 36)}}


def _paths(seconds: float) -> dict[str, Any]:
    """The path and the start; nothing where Mosquitto is not installed."""
    from edge.bench.broker import find_mosquitto, mosquitto
    from edge.bench.path import path_costs
    from edge.bench.startup import first_read_ms

    program = find_mosquitto()
    if program is None:
        print("bench: no mosquitto (apt-get install mosquitto): the path is not measured", file=sys.stderr)
        return {}
    with mosquitto(program) as broker:
        _tell("start-up")
        import_ms = first_read_ms(broker.tcp)
        _tell(f"path, {4 * seconds:g} s")
        wires = path_costs(broker, seconds)
    main, tcp = wires.local or wires.tcp, wires.tcp
    return {
        "path_p50_us": main.ours.p50_us,
        "path_p99_us": main.ours.p99_us,
        "path_chunks": main.ours.n_chunks,
        "path_wire": "TCP on the loopback" if wires.local is None else "its Unix socket",
        "plain_path_p50_us": main.plain.p50_us,
        "plain_path_p99_us": main.plain.p99_us,
        "bare_path_p50_us": main.bare.p50_us,
        "path_tcp_p50_us": tcp.ours.p50_us,
        "path_tcp_p99_us": tcp.ours.p99_us,
        "plain_path_tcp_p50_us": tcp.plain.p50_us,
        "bare_path_tcp_p50_us": tcp.bare.p50_us,
        "cpu_pct": wires.usual.cpu_pct,
        "plain_cpu_pct": wires.usual_plain.cpu_pct,
        "rss_mb": wires.usual.rss_mb,
        "import_ms": import_ms,
    }


def _decoders() -> dict[str, Any]:
    """How fast each is, in a line by its name."""
    from dataclasses import asdict

    from edge.bench.decoders import speed
    from firmware_bridge import devices

    found: dict[str, Any] = {}
    for name in devices.names():
        _tell(name)
        found[name] = asdict(speed(name))
    return {"decoders": found, "machine": _machine()}


def _page(seconds: float) -> dict[str, Any]:
    """How evenly the page draws; needs Mosquitto and Chromium."""
    from edge.bench.broker import find_mosquitto, mosquitto
    from edge.bench.browser import find_chromium
    from edge.bench.page import frames
    from firmware_bridge.types import BadInput

    broker, browser = find_mosquitto(), find_chromium()
    if broker is None or browser is None:
        raise BadInput("bench --page: needs mosquitto and chromium (apt-get install mosquitto chromium)")
    with mosquitto(broker) as running:
        _tell(f"page, {seconds:g} s")
        found = frames(running.port, browser, seconds)
    return {"page_frame_p50_ms": found.p50_ms, "page_frame_p99_ms": found.p99_ms}


def _watched(seconds: float, n_viewers: int) -> dict[str, Any]:
    """What viewers cost the monitored; needs Mosquitto."""
    from edge.bench.broker import find_mosquitto, mosquitto
    from edge.bench.viewers import viewers_cost
    from firmware_bridge.types import BadInput

    broker = find_mosquitto()
    if broker is None:
        raise BadInput("bench --viewers: needs mosquitto (apt-get install mosquitto)")
    with mosquitto(broker) as running:
        _tell(f"path with {n_viewers} viewers and without, {2 * seconds:g} s")
        found = viewers_cost(running.tcp, seconds, n_viewers, n_viewers // 4)
    alone, watched, path = found.alone, found.watched, found.path_alone
    cpu = None if not alone.cpu_pct or watched.cpu_pct is None else watched.cpu_pct / alone.cpu_pct
    return {
        "alone_p50_us": alone.p50_us,
        "alone_p99_us": alone.p99_us,
        "watched_p50_ratio": watched.p50_us / alone.p50_us,
        "watched_p99_ratio": watched.p99_us / alone.p99_us,
        "watched_cpu_ratio": cpu,
        "alone_path_p50_us": path.p50_us,
        "alone_path_p99_us": path.p99_us,
        "watched_path_p50_ratio": found.path_watched.p50_us / path.p50_us,
        "watched_path_p99_ratio": found.path_watched.p99_us / path.p99_us,
        "watched_chunks": watched.n_chunks,
        "page_server_rss_mb": {"before": found.page_rss_mb, "after": found.page_rss_end_mb},
    }


def _count(text: str) -> int:
    """A number of viewers, for argparse."""
    if not text.isdecimal() or not 1 <= int(text) <= 90:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected 1 to 90 viewers")
    return int(text)


def _machine() -> str:
    import os

    from edge.runtime import load_interpreter_class

    where = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
    return f"{where}, Python {platform.python_version()}, {load_interpreter_class()[1]}"


def _tell(what: str) -> None:
    """Progress for a person who waits; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"bench: {what} ...", file=sys.stderr, flush=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return round(value, 2) if isinstance(value, float) else value


def _lines(results: dict[str, Any]) -> list[str]:
    if "decoders" in results:
        head = f"{'decoder':18}{'bulk':>8}{'live':>8} MB/s   {'worst':>6} ms/kB, on"
        rows = [
            f"{name:18}{one['bulk_mb_s']:8.1f}{one['live_mb_s']:8.1f}        {one['worst_ms_kb']:6.2f} {one['worst']}"
            for name, one in results["decoders"].items()
        ]
        return [head, *rows, f"{LABELS['machine']} {results['machine']}"]
    shown = {
        name: ", ".join(f"{key}: {one}" for key, one in value.items()) if isinstance(value, dict) else value
        for name, value in results.items()
    }
    return [f"{LABELS[name]:56} {'-' if value is None else value}" for name, value in shown.items()]
