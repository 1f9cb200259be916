from __future__ import annotations

from pathlib import Path

from edge.alarms.guide import MEANING, text
from edge.alarms.limits import PRESETS, SETTABLE, in_words
from edge.alarms.state import MONITOR_SPECS, SPECS
from edge.config import AlarmsConfig

GUIDE = Path(__file__).parents[3] / "edge" / "ALARMS.md"


def test_guide_when_read_then_it_is_what_the_rules_say() -> None:
    assert GUIDE.read_text(encoding="utf-8") == text(), "python -m edge.alarms.guide > edge/ALARMS.md"


def test_guide_when_an_alarm_exists_then_its_rule_meaning_and_errors_are_there() -> None:
    names = [spec.name for spec in SPECS + MONITOR_SPECS]
    assert sorted(MEANING) == sorted(names)
    words = in_words(PRESETS["adult"])
    for name in names:
        (row,) = [line for line in text().split("\n") if line.startswith((f"| `{name}` |", f"| `{name}` ("))]
        assert words[name] in row
        assert all(len(part) > 5 for part in MEANING[name])


def test_guide_when_a_limit_can_be_set_then_its_key_exists_and_its_range_is_shown() -> None:
    for name in SETTABLE:
        assert getattr(AlarmsConfig(), name) is None
        assert sum(line.startswith(f"| `{name}` |") for line in text().split("\n")) == 1
