"""Beats and names that a device tells beside its samples: passed on, compared, and never more than told."""

from __future__ import annotations

import pytest

from edge import __version__
from edge.aside import MOST_WAITING, Aside, line_about
from edge.types import Beat, RPeak
from firmware_bridge.types import DeviceBeat, Firmware, Gap, LinkStats, SampleBlock

FS = 250.0
SURE = (1.0, 0.0, 0.0, 0.0, 0.0)


class Told:
    """A decoder that tells what it was given."""

    def __init__(self) -> None:
        self.stats = LinkStats()
        self.said: list[DeviceBeat | Firmware] = []

    def feed(self, data: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        return []

    def reset(self) -> None:
        return

    def told(self) -> list[DeviceBeat | Firmware]:
        said, self.said = self.said, []
        return said


class Silent:
    """A decoder that has only samples."""

    def __init__(self) -> None:
        self.stats = LinkStats()

    def feed(self, data: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        return []

    def reset(self) -> None:
        return


def theirs(sample: int, aami: str = "N", final: bool = True) -> DeviceBeat:
    return DeviceBeat(sample, FS, aami, SURE, 1.0, "II", final)


def ours(sample: int, aami: str = "N", final: bool = True) -> Beat:
    return Beat(0, RPeak(sample, 1.0, 1.0), None, aami, SURE, 1.0, final, False, True, sample)


def report(device: list[DeviceBeat], host: list[Beat]) -> str:
    """The line after a minute in which both named these beats."""
    decoder = Told()
    aside = Aside(decoder)
    said = []
    for k in range(max(len(device), len(host))):
        decoder.said = list(device[k : k + 1])
        aside.hear()
        for beat in host[k : k + 1]:
            aside.compare(beat)
        said += aside.poll(0.5 * k)
    said += aside.poll(1000.0)
    ((kind, line),) = said
    assert kind == "device_beats"
    return line


def test_hear_when_beats_are_told_then_they_are_given_in_order() -> None:
    decoder = Told()
    decoder.said = [theirs(100), Firmware("heartwire-uno 1", 1, 1), theirs(300, "V")]
    aside = Aside(decoder)
    assert [beat.sample for beat in aside.hear()] == [100, 300]
    assert aside.hear() == []
    assert aside.poll(0.0) == [("firmware", "heartwire-uno 1, native frames of version 1")]


def test_hear_when_the_decoder_tells_nothing_then_nothing_is_said() -> None:
    aside = Aside(Silent())
    assert aside.hear() == []
    aside.compare(ours(100))
    assert aside.poll(0.0) == aside.poll(1000.0) == []


def test_poll_when_both_name_the_same_beats_then_all_are_the_same() -> None:
    at = range(0, 20_000, 200)
    line = report([theirs(k) for k in at], [ours(k + 30) for k in at])
    assert line == (
        "the device named 100 beats: 100 of the same class here, 0 of another, 0 not found here; 0 found only here"
    )


def test_poll_when_they_differ_then_each_way_is_counted() -> None:
    at = list(range(0, 20_000, 200))
    device = [theirs(k, "V" if k % 2000 == 0 else "N") for k in at if k != 5000]
    host = [ours(k) for k in at if k not in (7000, 9000)]
    # The last ones still wait for a partner.
    assert report(device, host) == (
        "the device named 99 beats: 87 of the same class here, 10 of another, 2 not found here; 1 found only here"
    )


def test_poll_when_an_answer_is_early_then_it_is_not_compared() -> None:
    decoder = Told()
    decoder.said = [theirs(90, "S", final=False), theirs(100)]
    aside = Aside(decoder)
    aside.hear()
    aside.compare(ours(100, final=False))
    aside.poll(0.0)
    decoder.said = [theirs(10_000)]
    aside.hear()
    assert aside.poll(100.0) == [
        (
            "device_beats",
            "the device named 1 beats: 0 of the same class here, 0 of another, 1 not found here; 0 found only here",
        )
    ]


def test_poll_when_only_one_side_names_beats_for_ever_then_memory_stays() -> None:
    decoder = Told()
    aside = Aside(decoder)
    for k in range(3 * MOST_WAITING):
        decoder.said = [theirs(k * 100)]
        aside.hear()
    assert len(aside._theirs) == MOST_WAITING


def test_poll_when_the_same_is_told_again_then_once_a_minute() -> None:
    decoder = Told()
    aside = Aside(decoder)
    said = []
    for k in range(120):
        decoder.said = [Firmware("", 2, 1)]
        aside.hear()
        said += [kind for kind, _ in aside.poll(float(k))]
    assert said == ["version_mismatch"] * 2


@pytest.mark.parametrize(
    ("firmware", "what"),
    [
        (
            Firmware("heartwire-uno 9", 2, 1),
            f"got native frames of version 2 from heartwire-uno 9, expected version 1, which heartwire {__version__} "
            "reads; install a heartwire that reads version 2, or flash the board with this one's firmware "
            "(README, Firmware)",
        ),
        (
            Firmware("", 1, 2),
            "got native frames of version 1 from a firmware that gave no name, expected version 2, which heartwire "
            f"{__version__} reads; to mend it flash the board with this one's firmware (README, Firmware)",
        ),
    ],
)
def test_line_when_versions_differ_then_it_names_both_and_what_to_do(firmware: Firmware, what: str) -> None:
    assert line_about(firmware) == ("version_mismatch", what)
