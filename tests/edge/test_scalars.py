"""A state as numbers alone: what is unknown is not there."""

from __future__ import annotations

from typing import Any

import pytest

from edge.integrations.scalars import COUNTS, NUMBERS, scalars_of

STATE: dict[str, Any] = dict.fromkeys(NUMBERS, 1.5) | {"rhythm": "sinus", "lead_off": False, "t": "now"}


def test_scalars_when_all_is_known_then_every_number_and_every_count() -> None:
    assert scalars_of(STATE, {}) == {**dict.fromkeys(NUMBERS, 1.5), "n_alarms": 0, "n_high": 0, "lead_off": 0}


@pytest.mark.parametrize("key", NUMBERS)
def test_scalars_when_a_number_is_unknown_then_its_key_is_missing(key: str) -> None:
    assert set(scalars_of({**STATE, key: None}, {})) == {*NUMBERS, *COUNTS} - {key}


def test_scalars_when_alarms_stand_then_counted_by_priority() -> None:
    got = scalars_of({"lead_off": True}, {"vt": "high", "lead_off": "technical", "vf": "high"})
    assert got == {"n_alarms": 3, "n_high": 2, "lead_off": 1}
