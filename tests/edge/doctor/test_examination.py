"""A whole examination of made-up bytes: what is wrong is found, and the configuration mends it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from edge.config import parse
from edge.doctor.examination import Heard, config_lines, examine, wrong
from edge.doctor.findings import LEVELS, Finding
from edge.doctor.formats import Guess, Piece
from firmware_bridge import faults
from firmware_bridge.device import DecoderOptions
from firmware_bridge.devices import get
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.simulator import byte_wire
from firmware_bridge.types import SampleBlock


def played(name: str, text: str = "", seconds: float = 12.0, scale: float = 1.0) -> list[Piece]:
    """The virtual patient as the device `name`, with faults, in pieces of 20 ms with a little jitter."""
    rng = random.Random(2)
    wrong_ones = faults.parse(text)
    fs = get(name).fs or 200.0
    wire = byte_wire(name, fs, ("ECG",), wrong_ones, 1)
    patient = VirtualPatient(fs, 0, "sinus:60s rate=70")
    pieces, n = [(0.0, wire.hello())], 0
    for k in range(round(seconds / 0.02)):
        due = round((k + 1) * 0.02 * fs * faults.pace_of(wrong_ones))
        mv = patient.read(due - n).mv * np.float32(scale)
        pieces.append((5 + 0.02 * (k + 1) + rng.uniform(0, 0.003), wire.encode(mv)))
        n = due
    return [piece for piece in pieces[1:] if piece[1]]


def heard(name: str, **more: object) -> Heard:
    return Heard("/dev/ttyUSB0", 115200, Guess(name, 1.0, get(name).fs or 200.0, 0.0), **more)  # type: ignore[arg-type]


def levels(findings: list[Finding]) -> dict[str, str]:
    return {finding.what: finding.level for finding in findings}


@pytest.mark.parametrize("name", ["cyton", "native", "openview", "healthybridge", "bitalino"])
def test_device_when_all_is_well_then_nothing_is_wrong_and_the_configuration_is_short(name: str) -> None:
    findings = examine(heard(name), played(name))
    assert not wrong(findings)
    assert set(levels(findings).values()) <= set(LEVELS)
    baud = [] if get(name).baud == 115200 else ["baud = 115200"]
    assert config_lines(heard(name), findings) == ['source = "/dev/ttyUSB0"', f'format = "{name}"', *baud]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("drop=0.05", "losses"),
        ("flip=1e-3", "losses"),
        ("reboot@5", "losses"),
        ("rate=0.9", "rate"),
        ("lead_off@3+4", "electrodes"),
    ],
)
def test_device_when_something_is_wrong_then_that_is_found(text: str, what: str) -> None:
    findings = examine(heard("native"), played("native", text))
    assert levels(findings)[what] == "wrong"
    assert wrong(findings)


def test_device_when_its_rate_is_wrong_then_the_configuration_has_the_true_one() -> None:
    findings = examine(heard("cyton"), played("cyton", "rate=0.9"))
    lines = config_lines(heard("cyton"), findings)
    config = parse("\n".join(lines), {}, {})
    assert config.fs == pytest.approx(225.0, abs=0.3)
    assert config.format == "cyton"


def test_device_when_its_gain_is_wrong_then_the_scale_brings_it_right() -> None:
    pieces = played("cyton", scale=0.05)
    config = parse("\n".join(config_lines(heard("cyton"), examine(heard("cyton"), pieces))), {}, {})
    decoder = get("cyton").decoder(DecoderOptions(scale=config.scale))
    blocks = [b for t, data in pieces for b in decoder.feed(data, t) if isinstance(b, SampleBlock)]
    assert 0.5 < max(float(b.mv.max()) for b in blocks) < 2.0


def test_text_when_examined_then_its_rate_is_written_down() -> None:
    findings = examine(heard("text"), played("text"))
    (line,) = [finding.config for finding in findings if finding.what == "rate"]
    assert float(line.removeprefix("fs = ")) == pytest.approx(200, abs=0.5)


def test_format_when_asked_or_in_doubt_then_said() -> None:
    findings = examine(heard("chords-npg", others=("chords-pico",), asked=True), played("chords-npg"))
    assert findings[0].level == "note"
    assert "after it was asked" in findings[0].text
    assert "may as well be chords-pico" in findings[0].text


def test_finding_when_shown_then_a_line_and_an_object() -> None:
    finding = Finding("rate", "wrong", "text", 1.5, "fs = 1.5")
    assert finding.as_line() == "wrong  rate        text"
    assert finding.as_json() == {
        "what": "rate",
        "level": "wrong",
        "text": "text",
        "value": 1.5,
        "config": "fs = 1.5",
    }
