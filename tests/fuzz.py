"""Feeds anything at all to every decoder, for as long as it is asked: ``python tests/fuzz.py [--examples 300000]``.

These are the tests' own examples (`test_anything_when_fed...` of tests/firmware_bridge/devices, forty to a hundred and
fifty a device there), drawn with other seeds until there are so many in all. The first that fails is shown as small as
hypothesis can make it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from hypothesis import HealthCheck, given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

TURN = 250
"""Examples of a device with one seed."""


def _load(name: str) -> ModuleType:
    path = ROOT / "tests" / "firmware_bridge" / "devices" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tests() -> dict[str, Callable[..., None]]:
    """For each device, what is asked of its decoder with any bytes."""
    every, bedside = _load("test_every_format"), _load("test_bedside")
    simple = every.test_anything_when_fed_then_survived_and_the_buffer_stays_small.hypothesis.inner_test
    asked = (
        bedside.test_anything_when_fed_then_survived_in_any_split_with_a_small_buffer.hypothesis.inner_test
    )
    return {**dict.fromkeys(every.ALL, simple), **dict.fromkeys(bedside.MONITORS, asked)}


def turn(job: tuple[str, int]) -> int:
    """One device with one seed; the number of examples."""
    name, number = job
    test = tests()[name]
    n = 0

    @seed(number)
    @settings(max_examples=TURN, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        nonlocal n
        n += 1
        test(name=name, data=data)

    run()
    return n


def main(argv: list[str] | None = None) -> int:
    """Feed them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=300_000, metavar="N", help="in all (default 300000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    args = parser.parse_args(argv)
    names = list(tests())
    n = number = 0
    with ProcessPoolExecutor(args.jobs) as pool:
        while n < args.examples:
            number += 1
            n += sum(pool.map(turn, [(name, number) for name in names]))
            print(f"{n} examples of {len(names)} devices, none failed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
