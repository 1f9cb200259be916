"""What a terminal shows of a ward: everything that matters, within its size."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bench.beds import PlayedBed
from edge.messages import Message
from edge.ward.beds import Ward
from edge.ward.screen import WardScreen, _cells


class Played:
    """A ward with its screen, fed by played beds."""

    def __init__(self, *devices: str, seconds: float = 8.0) -> None:
        self.ward = Ward()
        self.screen = WardScreen(self.ward)
        self.beds = [PlayedBed(device, "bigeminy:60s", k, 1.79e9) for k, device in enumerate(devices)]
        for bed in self.beds:
            self.take(bed.hello())
            for _ in range(int(seconds * 10)):
                self.take(bed.step())

    def take(self, messages: list[Message], now_s: float = 0.0) -> None:
        for message in messages:
            self.screen.push(self.ward.push(message.topic, message.payload, False, now_s))

    def text(self, width: int = 80, height: int = 24, now_s: float = 0.0, colour: bool = False) -> list[str]:
        return self.screen.lines(width, height, now_s, "here", colour)


def test_screen_when_one_bed_is_live_then_numbers_marks_and_curve() -> None:
    lines = Played("bed1").text()
    assert lines[0] == " heartwire  1 of 1 beds live   here"
    assert lines[1].startswith(" bed1  HR  ")
    assert "sinus  SQI 97%  HRV 41 ms  PVC 2/min" in lines[1]
    assert set(lines[2].strip().replace(" ", "")) == {"N", "V", "n"} or set(lines[2].replace(" ", "")) >= {
        "N",
        "V",
    }
    assert sum(any(0x2800 < ord(c) < 0x2900 for c in line) for line in lines) >= 5


def test_screen_when_an_answer_is_early_then_small_until_the_final_one() -> None:
    marks = Played("bed1").text()[2].replace(" ", "")
    assert marks[-1].islower()
    assert marks[:-1].isupper()


def test_screen_when_an_alarm_stands_then_above_all_and_quiet_when_acknowledged() -> None:
    played = Played("bed1")
    played.take(played.beds[0].alarm("vt"))
    assert played.text()[1].startswith(" !!! bed1  vt  172 bpm since ")
    assert "\x1b[1;97;41m !!! bed1" in played.text(colour=True)[1]
    played.take(played.beds[0].alarm("vt", acked=True))
    assert "acknowledged" in played.text()[1]
    played.take(played.beds[0].alarm("vt", "cleared"))
    assert "vt" not in played.text()[1]


def test_screen_when_a_monitor_falls_silent_then_stale_and_no_number() -> None:
    played = Played("bed1")
    played.ward.tick(4.0)
    lines = played.text(now_s=4.0)
    assert lines[0].startswith(" heartwire  0 of 1 beds live")
    assert lines[1] == " bed1  STALE: nothing for 4 s"
    assert "HR" not in "".join(lines)


def test_screen_when_there_is_no_bed_then_says_where_it_listens() -> None:
    assert "no bed heard yet on heartwire/+/state" in "".join(Played().text())


def test_screen_when_another_bed_is_chosen_then_it_comes_first() -> None:
    played = Played("bed1", "bed2", "bed3", seconds=1.0)
    assert played.text()[1].startswith(">bed1")
    played.screen.choose(1)
    assert played.text()[1].startswith(">bed2")
    played.screen.choose(-2)
    assert played.text()[1].startswith(">bed3")


def test_screen_when_other_beds_come_then_the_chosen_one_stays_chosen() -> None:
    played = Played("bed5", "bed7", seconds=1.0)
    played.screen.choose(1)
    assert played.screen.chosen is not None
    assert played.screen.chosen.name == "bed7"
    played.take(PlayedBed("bed1", "sinus:60s", 9, 1.79e9).status())
    assert played.text()[1].startswith(">bed7")
    assert Played().screen.chosen is None


def test_screen_when_alarms_stand_then_unseen_are_those_of_the_chosen_bed_that_were_drawn() -> None:
    played = Played("bed1", "bed2")
    names = ("vt", "run", "couplet", "brady", "tachy", "af", "pause")
    for name in names:
        played.take(played.beds[0].alarm(name))
    played.take(played.beds[1].alarm("vf"))
    assert played.screen.unseen == []  # nothing was drawn yet
    text = "\n".join(played.text(80, 24))
    assert set(played.screen.unseen) == {name for name in names if f" bed1  {name}  " in text}
    assert 0 < len(played.screen.unseen) < 7
    played.take(played.beds[0].alarm("vt", acked=True))
    played.text(80, 60)
    assert set(played.screen.unseen) == set(names) - {"vt"}
    played.screen.choose(1)
    assert played.screen.unseen == ["vf"]


@pytest.mark.parametrize("size", [(80, 24), (40, 6), (20, 2), (10, 1)])
def test_screen_when_there_is_a_foot_then_at_the_bottom_and_all_fits(size: tuple[int, int]) -> None:
    played = Played("bed1")
    lines = played.screen.lines(*size, 0.0, "here", False, ["a word", "the keys"])
    assert len(lines) == size[1]
    if size[1] > 2:
        assert lines[-2:] == [" a word", " the keys"]
        assert any("bed1" in line for line in lines[:-2])
    assert all(_cells(line) <= size[0] for line in lines)


def test_screen_when_there_are_more_beds_than_rows_then_each_has_its_numbers() -> None:
    played = Played(*(f"bed{k}" for k in range(9)), seconds=1.0)
    text = "\n".join(played.text(80, 24))
    assert all(f"bed{k}" in text for k in range(9))


def test_screen_when_leads_off_or_no_signal_then_said_in_words() -> None:
    ward = Ward()
    screen = WardScreen(ward)

    def publish(leaf: str, body: Any) -> str:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        screen.push(ward.push(f"heartwire/bed1/{leaf}", payload, False, 0.0))
        return "\n".join(screen.lines(80, 10, 0.0, "", False))

    assert "ELECTRODE OFF" in publish("state", {"lead_off": True})
    assert "no_beats" in publish("state", {"reason": "no_beats"})
    assert "warming up" in publish("state", {"hr_bpm": 70, "warming": True})
    assert "NO SIGNAL" in publish("availability", b"offline")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 60), st.lists(st.text(min_size=1, max_size=90), max_size=5))
def test_screen_when_any_size_and_names_then_it_fits_and_has_no_controls(
    width: int, height: int, names: list[str]
) -> None:
    ward = Ward()
    screen = WardScreen(ward)
    for name in names:
        for leaf, body in (
            ("state", {"hr_bpm": 60}),
            ("alarm/" + name, {"state": "active", "priority": "high"}),
        ):
            topic = f"heartwire/{name.replace('/', '_')}/{leaf}"
            screen.push(ward.push(topic, json.dumps(body).encode(), False, 0.0))
    lines = screen.lines(width, height, 0.0, "head", False)
    assert len(lines) <= height
    assert all(_cells(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(("text", "n"), [("abc", 3), ("心電", 4), ("e\u0301", 1), ("", 0)])
def test_cells_when_characters_are_wide_or_joined_then_as_a_terminal_counts(text: str, n: int) -> None:
    assert _cells(text) == n


def test_screen_when_only_other_leads_have_chunks_then_not_drawn_over_the_first() -> None:
    played = Played("bed1", seconds=2.0)
    before = played.text()
    bed = played.ward.beds[1]
    for lead in ("V1",):
        body = json.dumps({"fs": 250, "scale_mv": 0.001}).encode()
        played.screen.push(played.ward.push(f"heartwire/bed1/waveform/{lead}/meta", body, False, 0.0))
    from edge.waveform import encode_wave

    chunk = encode_wave(9, int(1.79e15), np.full(25, 3.0, np.float32))
    played.screen.push(played.ward.push("heartwire/bed1/waveform/V1", chunk, False, 0.0))
    assert len(bed.leads) == 2
    assert played.text() == before


def test_screen_when_the_sound_is_paused_then_until_when_beside_the_numbers() -> None:
    played = Played("bed1")
    played.take([played.beds[0].composer.audio(None, 1.79e9 + 120.0, "Ana", 1.79e9)])
    assert "SOUND PAUSED until 14:15:20 UTC" in played.text(width=160)[1]
    played.take([played.beds[0].composer.audio(None, None, "", 1.79e9)])
    assert "PAUSED" not in played.text(width=160)[1]
