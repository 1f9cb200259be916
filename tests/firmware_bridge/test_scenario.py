"""Scripts: what is written is what is played, and mistakes are named by step."""

from __future__ import annotations

import itertools
import math

import pytest

from firmware_bridge.scenario import LEAD_OFF_STYLES, SCRIPTS, parse_script
from firmware_bridge.types import BadInput


def test_parse_when_steps_are_written_then_rhythm_length_and_keys_are_read() -> None:
    script = parse_script("sinus:60s rate=80 emg=0.1; vt:10; lead_off:5s style=hum bit=0;")
    assert [(step.rhythm, step.seconds) for step in script.steps] == [
        ("sinus", 60),
        ("vt", 10),
        ("lead_off", 5),
    ]
    assert script.steps[0].values["rate"] == 80
    assert script.steps[0].values["emg"] == 0.1
    assert script.steps[1].values["rate"] == 170
    assert LEAD_OFF_STYLES[int(script.steps[2].values["style"])] == "hum"
    assert script.loop


def test_parse_when_named_then_it_is_the_named_script() -> None:
    assert parse_script("demo") == parse_script(SCRIPTS["demo"])


def test_segments_when_looping_then_steps_repeat_on_one_time_axis() -> None:
    segments = list(itertools.islice(parse_script("sinus:2s; vt:1s").segments(), 4))
    assert [(s.index, s.start_s, s.end_s, s.step.rhythm) for s in segments] == [
        (0, 0, 2, "sinus"),
        (1, 2, 3, "vt"),
        (2, 3, 5, "sinus"),
        (3, 5, 6, "vt"),
    ]


def test_segments_when_it_ends_then_the_last_has_no_end() -> None:
    segments = list(parse_script("sinus:2s; asystole:1s; end").segments())
    assert [s.end_s for s in segments] == [2, math.inf]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dmo", "script 'dmo' is unknown: name one of"),
        ("", "script is empty"),
        (" ; ", "step 1 of the script reads ''"),
        ("end", "script is empty"),
        ("sinus:60s; vt", "step 2 of the script reads 'vt'"),
        ("sinus=60", "step 1 of the script reads 'sinus=60'"),
        ("sinus:60s; torsades:5s", "step 2 of the script: rhythm 'torsades' is unknown, use one of sinus"),
        ("sinus:0s", "step 1 of the script: length 0 s is out of range"),
        ("sinus:1.2.3s", "step 1 of the script: length is '1.2.3', expected a number"),
        ("sinus:9s rat=70", "step 1 of the script: sinus has no key 'rat', use one of"),
        ("sinus:9s rate=fast", "step 1 of the script: rate is 'fast', expected a number"),
        ("sinus:9s rate=nan", "step 1 of the script: rate is 'nan', expected a finite number"),
        ("sinus:9s rate=900", "step 1 of the script: rate=900 is out of range, use 10 to 300"),
        ("lead_off:9s style=odd", "step 1 of the script: style is 'odd', use one of rail, flat, hum, nan"),
    ],
)
def test_parse_when_script_is_wrong_then_one_line_names_the_step(text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_script(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
