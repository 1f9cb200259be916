"""The configuration reference says what the types say, and its examples are valid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from edge.config import SECRETS, Config, keys, parse, type_of
from edge.config_guide import OTHERS, example, text, unit_of
from firmware_bridge.types import BadInput

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "edge" / "CONFIG.md"
KEYS = [(path, key) for path, key in keys() if path[-1] not in SECRETS]
RANGES = [(path, key.metadata["between"]) for path, key in KEYS if key.metadata["between"] is not None]


def _value(config: Config, path: tuple[str, ...]) -> Any:
    return getattr(getattr(config, path[0]) if len(path) == 2 else config, path[-1])


def test_guide_when_read_then_it_is_what_the_types_say() -> None:
    assert GUIDE.read_text(encoding="utf-8") == text(), "python -m edge.config_guide > edge/CONFIG.md"


def test_guide_when_a_key_exists_then_one_row_with_meaning_and_example() -> None:
    for path, key in KEYS:
        (row,) = [line for line in text().split("\n") if line.startswith(f"| `{path[-1]}` |")]
        assert key.metadata["help"] in row
        assert row.count("|") == 7, row
    assert not any(f"`{secret} = " in text() for secret in SECRETS)


def test_example_when_read_as_a_file_then_every_key_has_its_example() -> None:
    config = parse(example(), {}, {}, "CONFIG.md")
    for path, key in KEYS:
        assert _value(config, path) == key.metadata["such_as"]
        assert key.metadata["such_as"] != key.default, path


@pytest.mark.parametrize(
    ("path", "span"), RANGES, ids=lambda value: ".".join(value) if value and isinstance(value[0], str) else ""
)
def test_range_when_a_value_is_at_its_ends_then_taken_and_beyond_them_refused(
    path: tuple[str, ...], span: tuple[float, float]
) -> None:
    # Limits of alarms must also fit each other: those below and above are moved out of the way.
    ladder = ["extreme_brady_bpm", "brady_bpm", "tachy_bpm", "extreme_tachy_bpm"]
    for value, fits in ((span[0], True), (span[1], True), (span[0] - 0.05, False), (span[1] + 1, False)):
        flags = {".".join(path): repr(int(value) if fits and value == int(value) else value)}
        if path[-1] in ladder and fits:
            continue  # what fits is judged with its neighbours: test_alarm_limits
        if fits:
            assert _value(parse("", {}, flags), path) == value
        else:
            with pytest.raises(BadInput, match=re.escape(".".join(path)) + "|" + path[-1].replace("_", "-")):
                parse("", {}, flags)


def test_key_when_it_is_a_number_then_range_and_unit_are_known() -> None:
    counts = {"mqtt.port", "mqtt.ring", "mqtt.outbox", "scale"}
    for path, key in KEYS:
        name = ".".join(path)
        if "int" not in str(type_of(path)) and "float" not in str(type_of(path)):
            continue
        assert name in counts or unit_of(path[-1]), f"{name}: no unit"
        assert name == "scale" or key.metadata["between"] is not None, f"{name}: no range"


def test_variables_when_shown_then_somebody_reads_them() -> None:
    source = "\n".join(
        p.read_text(encoding="utf-8")
        for room in ("edge", "firmware_bridge")
        for p in (ROOT / room).rglob("*.py")
        if p.stem != "config_guide"
    )
    names = [name for cell in OTHERS for name in re.findall(r"`([A-Z_]+)`", cell)]
    assert len(names) == 6
    for name in names:
        assert f"| `{name}`" in text() or f", `{name}`" in text()
        assert f'"{name}"' in source or f'ENV + "{name.removeprefix("HEARTWIRE_")}"' in source, name
