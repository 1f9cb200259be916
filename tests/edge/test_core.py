"""Where the process runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edge.io.core import allowed_cores, roam, stay_on_this_core, waited_s

STAYS = "from edge.io.core import stay_on_this_core as s; import os; print(s(), *os.sched_getaffinity(0))"


def test_stay_when_asked_then_the_process_may_run_on_that_core_only() -> None:
    run = subprocess.run([sys.executable, "-c", STAYS], capture_output=True, text=True, check=True)
    core, *allowed = run.stdout.split()
    assert allowed == [core]
    assert int(core) in os.sched_getaffinity(0)


LEAVES = (
    "from edge.io.core import *; import os; cores = allowed_cores(); stay_on_this_core();"
    "print(roam(cores), os.sched_getaffinity(0) == cores)"
)


def test_roam_when_one_core_was_kept_to_then_all_again_and_a_second_time_nothing() -> None:
    run = subprocess.run([sys.executable, "-c", LEAVES], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(len(os.sched_getaffinity(0)) > 1), "True"]
    assert not roam(allowed_cores())


def test_waited_when_asked_then_seconds_that_only_grow() -> None:
    first, second = waited_s(), waited_s()
    if first is None or second is None:
        pytest.skip("this system does not say")
    assert 0.0 <= first <= second


def test_stay_when_the_system_refuses_then_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, cores: set[int]) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    assert stay_on_this_core() is None
