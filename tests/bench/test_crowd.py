"""A crowd of viewers is there when it says so."""

from __future__ import annotations

import asyncio

import pytest

from edge.bench import crowd, viewers


def test_crowd_when_it_is_connected_then_it_says_so_and_reads_on(
    broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("websockets")

    async def for_a_moment(address: str) -> bool:
        task = asyncio.create_task(crowd.run(broker, address, 4, 2))
        for _ in range(6000):
            if task.done() or "ready" in capsys.readouterr().out:
                break
            await asyncio.sleep(0.01)
        await asyncio.to_thread(viewers.fill, broker, 20)
        done = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return done

    with viewers.served(broker) as (address, _):
        assert asyncio.run(for_a_moment(address)) is False
