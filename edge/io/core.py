"""[io] Where the process runs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

PROCESSOR = 36
"""Place of "processor" behind the name in /proc/self/stat: field 39 of proc_pid_stat(5)."""


def stay_on_this_core() -> int | None:
    """Run on the core that this process is on now and on no other, where the system lets it.

    A monitor sleeps between samples, and the kernel likes to wake it on another core, whose caches know
    nothing of it: on two cores that made a sample's way to its reader a third longer. A core that somebody
    else keeps busy does no harm: the kernel moves those that may be moved.

    Returns
    -------
    int or None
        The core; None where it may still be any.
    """
    with contextlib.suppress(OSError, AttributeError, ValueError, IndexError):
        core = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[PROCESSOR])
        os.sched_setaffinity(0, {core})
        return core
    return None
