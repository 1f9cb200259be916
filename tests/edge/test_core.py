"""Where the process runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edge.io.core import stay_on_this_core

STAYS = "from edge.io.core import stay_on_this_core as s; import os; print(s(), *os.sched_getaffinity(0))"


def test_stay_when_asked_then_the_process_may_run_on_that_core_only() -> None:
    run = subprocess.run([sys.executable, "-c", STAYS], capture_output=True, text=True, check=True)
    core, *allowed = run.stdout.split()
    assert allowed == [core]
    assert int(core) in os.sched_getaffinity(0)


def test_stay_when_the_system_refuses_then_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, cores: set[int]) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    assert stay_on_this_core() is None
