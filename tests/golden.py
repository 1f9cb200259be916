"""Makes golden logs: `golden.py simulated`, or `golden.py CAPTURE --format NAME --origin TEXT`.

The first makes those of simulated devices anew, all of them, in ``tests/firmware_bridge/data``. Do so only after the
devices' own bytes have changed, and look at what git says has changed in what is expected. The second makes one of a
capture (``heartwire doctor PORT --capture FILE``) and puts it beside them, where it is played from then on. No one's
name or hospital belongs into the origin.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from firmware_bridge import capture, devices
from firmware_bridge.capture import Log, Piece
from firmware_bridge.device import Asker, Hearer
from firmware_bridge.faults import parse
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.simulator import byte_wire, rate_of
from firmware_bridge.types import BadInput

DATA = Path(__file__).parent / "firmware_bridge" / "data"
SCRIPT = "sinus:60s rate=80 pvc=0.1"
PIECE_S = 0.1
CLEAN_S = 2.0
CONVERSATION_S = 6.0
FAULTY = (
    ("native-losses", "native", 2.0, "drop=0.1; repeat=0.05; late=0.05"),
    ("native-damage", "native", 1.5, "flip=5e-4"),
    ("native-reboot", "native", 1.5, "reboot@1; wrap=100"),
    ("text-boot-text", "text", 4.0, "banner@1; lead_off@2+1"),
    ("text-json-damage", "text-json", 2.0, "flip=2e-4; lose=1e-3"),
    ("openview-damage", "openview", 4.0, "lose=1e-3; double=1e-3; flip=1e-4"),
    ("healthypi4-electrode", "healthypi4", 4.0, "lead_off@1+2"),
    ("healthybridge-losses", "healthybridge", 4.0, "drop=0.1; wrap=20"),
    ("olimex-wrap-and-losses", "olimex", 3.0, "drop=0.05; wrap=100; banner@1"),
    ("cyton-damage", "cyton", 2.0, "lose=1e-3; flip=2e-4"),
    ("bitalino-losses", "bitalino", 2.0, "drop=0.02; flip=1e-4"),
    ("bmd101-electrode", "bmd101", 3.0, "lead_off@1+1; flip=2e-4"),
    ("shimmer-losses", "shimmer", 2.0, "drop=0.05; wrap=200"),
    ("ads1298-electrode", "ads1298", 1.5, "lead_off@0.5+0.5; lose=2e-4"),
    ("medlab-electrode", "medlab", 4.0, "lead_off@1+2"),
    ("dri-losses", "dri", 12.0, "drop=0.2; flip=1e-4; lead_off@9+2"),
    ("dri-wrap", "dri", 6.0, "wrap=5"),
    ("intellivue-losses", "intellivue", 8.0, "drop=0.2; flip=1e-4; lead_off@5+2"),
    ("intellivue-switched-off", "intellivue", 6.0, "reboot@4"),
)
"""File, device, seconds, faults (see `firmware_bridge.faults`)."""


def simulated() -> dict[str, Log]:
    """All logs of simulated devices, by the names of their files."""
    logs = {f"{name}-clean": log(name, CLEAN_S, "") for name in sorted(devices._BUILT_IN)}
    logs.update((file, log(name, seconds, faults)) for file, name, seconds, faults in FAULTY)
    monitors = [name for name in sorted(devices._BUILT_IN) if devices.get(name).has_session]
    logs.update((f"{name}-conversation", conversation(name)) for name in monitors)
    return logs


def log(name: str, seconds: float, faults: str) -> Log:
    """What the device `name` sends of the virtual patient, with `faults`."""
    fs, wrong = rate_of(name, None), parse(faults)
    patient = VirtualPatient(fs, 0, SCRIPT)
    wire = byte_wire(name, fs, patient.leads, wrong, seed=1, asked=True)
    step = max(1, round(PIECE_S * fs))
    pieces: list[Piece] = [(0.0, wire.hello())]
    for k in range(round(seconds * fs) // step):
        pieces.append(((k + 1) * step / fs, wire.encode(patient.read(step).mv)))
    return _log(name, [piece for piece in pieces if piece[1]], seconds, faults or "no faults")


def conversation(name: str) -> Log:
    """What a monitor says from the moment at which it is asked for the first time."""
    fs = rate_of(name, None)
    patient = VirtualPatient(fs, 0, SCRIPT)
    wire, host = byte_wire(name, fs, patient.leads), _log(name, [], 0.0, "").decoder()
    assert isinstance(host, Asker)
    assert isinstance(wire, Hearer)
    step = max(1, round(PIECE_S * fs))
    pieces: list[Piece] = []
    for k in range(round(CONVERSATION_S * fs) // step):
        t_s = (k + 1) * step / fs
        said = wire.encode(patient.read(step).mv) + wire.hear(host.ask(t_s))
        pieces += [(t_s, said)] if said else []
        host.feed(said, t_s)
    return _log(name, pieces, CONVERSATION_S, "asked by a host")


def _log(name: str, pieces: list[Piece], seconds: float, what: str) -> Log:
    """A log whose decoder is told the rate where the stream does not say it."""
    device = devices.get(name)
    options: dict[str, Any] = {} if device.fs or device.has_clock else {"fs": 250.0}
    return Log(pieces, f"simulated: {name}, {seconds:g} s of '{SCRIPT}', {what}", name, options)


def main(words: list[str] | None = None) -> int:
    """Make one log, or all that can be simulated."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("capture", help="a file that doctor --capture has written, or the word simulated")
    parser.add_argument("--format", help="the device's name (see `heartwire devices`)")
    parser.add_argument(
        "--origin", help="where the bytes are from: which device, which firmware, what was connected"
    )
    parser.add_argument("--fs", type=float, help="the rate, where the decoder must be told")
    parser.add_argument("--leads", help="names of leads, comma separated, where the decoder must be told")
    parser.add_argument("--name", help="name of the new file (default: the format and 'captured')")
    args = parser.parse_args(words)
    DATA.mkdir(exist_ok=True)
    try:
        if args.capture == "simulated":
            for name, made in simulated().items():
                capture.write_golden(DATA / f"{name}.jsonl", made)
            return 0
        name = args.name or f"{args.format}-captured"
        if not args.format or not re.fullmatch(r"[a-z0-9-]+", name):
            raise BadInput(
                f"got --format {args.format} and --name {name}, expected a device, and a-z 0-9 - in a name"
            )
        options = {"fs": args.fs, "leads": args.leads.split(",") if args.leads else None}
        wanted = {key: value for key, value in options.items() if value}
        made = Log(capture.read(Path(args.capture)).pieces, args.origin or "", args.format, wanted)
        capture.write_golden(DATA / f"{name}.jsonl", made)
        print(DATA / f"{name}.jsonl")
    except BadInput as error:
        print(f"golden: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
