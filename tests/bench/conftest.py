"""What the benches' tests share: a real broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge.bench.broker import Running, find_mosquitto, mosquitto


@pytest.fixture
def running() -> Iterator[Running]:
    """A broker, on its port and its Unix socket."""
    program = find_mosquitto()
    if program is None:
        pytest.skip("no mosquitto on this machine (apt-get install mosquitto)")
    with mosquitto(program) as made:
        yield made


@pytest.fixture
def broker(running: Running) -> str:
    """Its address, ``HOST:PORT``."""
    return running.tcp
