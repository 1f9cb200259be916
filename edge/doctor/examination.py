"""One port's examination: bytes and their times in, findings out. Pure: who listens is in :mod:`edge.cli.doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.aside import line_about
from edge.doctor import link, signal
from edge.doctor.findings import Finding
from edge.doctor.formats import Guess, Piece
from firmware_bridge import devices
from firmware_bridge.device import DecoderOptions, Teller
from firmware_bridge.types import Firmware, Gap, SampleBlock


@dataclass(frozen=True, slots=True)
class Heard:
    """What a port said.

    Attributes
    ----------
    source : str
        Its name, as in the configuration.
    baud : int or None
        The speed at which it was understood; None where there is none.
    guess : Guess
        The format that fits best.
    others : tuple of str
        Formats that fit as well.
    asked : bool
        It spoke only after it was asked.
    """

    source: str
    baud: int | None
    guess: Guess
    others: tuple[str, ...] = ()
    asked: bool = False


def examine(heard: Heard, pieces: Sequence[Piece], calibration_mv: float | None = None) -> list[Finding]:
    """Everything that can be said of `pieces`, in the order of the way that a sample takes."""
    device = devices.get(heard.guess.name)
    fs_seen = device.fs or heard.guess.fs_seen
    decoder = device.decoder(DecoderOptions(fs=None if device.has_clock else fs_seen))
    blocks: list[SampleBlock] = []
    arrivals: list[link.Arrival] = []
    for t_s, data in pieces:
        items = decoder.feed(data, t_s)
        blocks += [item for item in items if isinstance(item, SampleBlock)]
        if items:
            last = items[-1]
            arrivals.append((t_s, last.start + last.n_lost if isinstance(last, Gap) else last.end))
    out = [_format(heard)]
    if isinstance(decoder, Teller):
        out += [_firmware(said) for said in decoder.told() if isinstance(said, Firmware)]
    declared = blocks[-1].fs if blocks and (device.has_clock or device.fs) else None
    out += link.look_at_rate(declared, device, arrivals)
    out += link.look_at_losses(decoder.stats, device)
    measured = link.rate(arrivals)
    if blocks:
        out += signal.look(blocks, measured[0] if measured else blocks[-1].fs, calibration_mv)
    return out


def _format(heard: Heard) -> Finding:
    device = devices.get(heard.guess.name)
    at = f" at {heard.baud} baud" if heard.baud else ""
    asked = ", after it was asked" if heard.asked else ""
    text = f"{device.title}{at}{asked}; {heard.guess.share:.0%} of the bytes understood"
    if heard.others:
        text += f"; it may as well be {' or '.join(heard.others)}, whose frames look the same"
    return Finding("format", "note" if heard.others else "ok", text, device.name)


def _firmware(said: Firmware) -> Finding:
    level = "ok" if said.speaks == said.expected else "wrong"
    return Finding("firmware", level, line_about(said)[1], said.name)


def config_lines(heard: Heard, findings: Sequence[Finding]) -> list[str]:
    """The configuration that these findings come to, as lines of TOML."""
    device = devices.get(heard.guess.name)
    lines = [f'source = "{heard.source}"', f'format = "{device.name}"']
    if heard.baud and heard.baud != device.baud:
        lines.append(f"baud = {heard.baud}")
    return lines + [finding.config for finding in findings if finding.config]


def wrong(findings: Sequence[Finding]) -> bool:
    """Whether something is."""
    return any(finding.level == "wrong" for finding in findings)
