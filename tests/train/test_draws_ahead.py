from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.types import BadInput
from train.dataset import Patient

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.draws_ahead import AHEAD, DrawsAhead  # noqa: E402
from train.fit_gru import Feeder, GruRecipe  # noqa: E402
from train.models import GruConfig  # noqa: E402

Noises = list[NDArray[np.float32]]
RECIPE = GruRecipe(batch=3, strip_s=12.0)
SHAPE = (3, 1500)


@pytest.fixture
def feeders(virtual_patient: Callable[..., Patient], noises: Noises) -> list[Feeder]:
    """Two that know other patients."""
    groups = ("ds1", "svdb", "paced", "cinc")
    return [
        Feeder(
            RECIPE, GruConfig(), [virtual_patient("beats", s + k, g) for k, g in enumerate(groups)], noises
        )
        for s in (0, 1)
    ]


@pytest.mark.parametrize("rounds", [range(2, 3), range(1, 1 + 2 * AHEAD)])
def test_iter_when_batches_are_drawn_ahead_then_each_is_what_its_feeder_draws(
    feeders: list[Feeder], rounds: range
) -> None:
    seeds = (100, 200)
    draws = DrawsAhead(feeders, seeds, SHAPE, rounds, 2)
    try:
        seen = 0
        for k, batch in zip(rounds, draws, strict=True):
            for m, (feeder, seed) in enumerate(zip(feeders, seeds, strict=True)):
                drawn = feeder.draw(seed + k)
                assert [t[m].shape for t in batch] == [t.shape for t in drawn]
                assert all(torch.equal(t[m].to(d.dtype), d) for t, d in zip(batch, drawn, strict=True))
            seen += 1
        assert seen == len(rounds)
    finally:
        draws.close()


def test_iter_when_a_draw_fails_then_its_error_is_raised_here(
    feeders: list[Feeder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(self: Feeder, seed: int) -> tuple[torch.Tensor, ...]:
        raise BadInput(f"seed {seed} is no good")

    monkeypatch.setattr(Feeder, "draw", draw)
    draws = DrawsAhead(feeders, (7, 8), SHAPE, range(2), 1)
    try:
        with pytest.raises(BadInput, match="seed 7 is no good"):
            next(iter(draws))
    finally:
        draws.close()


def test_close_when_most_was_not_asked_for_then_it_ends_at_once(feeders: list[Feeder]) -> None:
    draws = DrawsAhead(feeders, (0, 0), SHAPE, range(10_000), 1)
    assert next(iter(draws))[0].shape == (2, *SHAPE)
    draws.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        list(draws)
