"""A state as numbers alone, for readers that can do nothing with anything else. Pure.

Grafana's MQTT data source (1.3) makes a column of each key, whose type is that of its first value; a null may not
stand in it. So what is unknown is left out: the column has a gap there, and no old number stands as if it were new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NUMBERS = ("hr_bpm", "sqi", "rr_ms", "rmssd_ms", "pvc_per_min", "fs_est", "age_ms", "n_lost")
"""Keys of a ``state`` that are taken over as they are."""
COUNTS = ("n_alarms", "n_high", "lead_off")
"""Keys that are made: alarms that stand, those of high priority, whether an electrode is off (1 or 0)."""


def scalars_of(state: Mapping[str, Any], standing: Mapping[str, str]) -> dict[str, float | int]:
    """The numbers of one state.

    Parameters
    ----------
    state : mapping
        Fields of a ``state`` message.
    standing : mapping of str to str
        Name -> priority of every alarm that is active or latched.

    Returns
    -------
    dict of str to number
        Those of `NUMBERS` that are known, and all of `COUNTS`.
    """
    known = {key: state[key] for key in NUMBERS if state.get(key) is not None}
    n_high = sum(priority == "high" for priority in standing.values())
    return {
        **known,
        "n_alarms": len(standing),
        "n_high": n_high,
        "lead_off": int(bool(state.get("lead_off"))),
    }
