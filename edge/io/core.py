"""[io] Where the process runs, and how long it is kept waiting there."""

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


def allowed_cores() -> set[int]:
    """Cores that this process may run on; none where the system does not say."""
    with contextlib.suppress(OSError, AttributeError):
        return os.sched_getaffinity(0)
    return set()


def roam(cores: set[int]) -> bool:
    """Run on any of `cores` again, where the system lets it: the one that was kept to is somebody else's now.

    Returns
    -------
    bool
        Whether anything changed.
    """
    with contextlib.suppress(OSError, AttributeError, ValueError):
        if os.sched_getaffinity(0) != cores:
            os.sched_setaffinity(0, cores)
            return True
    return False


def waited_s() -> float | None:
    """Time that this process's first thread could have run but had no processor [s]; None where nobody says.

    The second number of ``/proc/self/schedstat`` (sched-stats.rst of the Linux kernel), nanoseconds.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    return None
