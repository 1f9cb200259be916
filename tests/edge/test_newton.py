from __future__ import annotations

import numpy as np
import pytest

from edge.newton import MOST_STEPS, Newton, solve

RIDGE = np.array([0.5, 2.0, 2.0])


def _problem(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (n, 3) with a constant, offsets (n, 3) that say nothing, and classes that the rows give away."""
    rng = np.random.default_rng(seed)
    x = np.concatenate((np.ones((n, 1)), rng.normal(size=(n, 2))), 1)
    z = x @ np.array([[1.0, 0.0, -1.0], [2.0, -2.0, 0.0], [0.0, 1.0, -1.0]]) + rng.gumbel(size=(n, 3))
    return x, np.full((n, 3), -np.log(3.0)), np.eye(3)[z.argmax(1)]


def _fitted(
    x: np.ndarray, offset: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None
) -> Newton:
    weight = np.ones(len(x)) if weight is None else weight
    fit = Newton(x, offset, target, weight, RIDGE, np.zeros((3, 3)))
    while not fit.done:
        fit.step()
    return fit


def test_solve_when_symmetric_and_positive_then_as_lapack() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(40, 40))
    a, b = a @ a.T + np.eye(40), rng.normal(size=40)
    assert solve(a.copy(), b.copy()) == pytest.approx(np.linalg.solve(a, b), rel=1e-9)


def test_newton_when_done_then_the_slope_is_level() -> None:
    x, offset, target = _problem()
    fit = _fitted(x, offset, target)
    z = offset + x @ fit.w
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    slope = x.T @ (p - target) + RIDGE[:, None] * fit.w
    assert np.abs(slope).max() < 0.5
    assert (z.argmax(1) == target.argmax(1)).mean() > 0.75


def test_newton_when_the_offset_says_it_already_then_nothing_moves() -> None:
    x, _, _ = _problem()
    p = np.random.default_rng(2).dirichlet(np.ones(3), len(x))
    assert np.abs(_fitted(x, np.log(p), p).w).max() < 1e-6


def test_newton_when_classes_are_separable_and_offsets_are_far_off_then_it_never_goes_uphill() -> None:
    x, _, target = _problem()
    offset = np.log(np.where(target == 1.0, 1e-6, 0.5))
    fit = Newton(x, offset, target, np.ones(len(x)), RIDGE, np.zeros((3, 3)))
    losses = [fit.loss]
    while not fit.done:
        fit.step()
        losses.append(fit.loss)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.6 * losses[0]
    assert len(losses) <= MOST_STEPS + 1


def test_newton_when_rows_weigh_two_then_as_if_they_stood_there_twice() -> None:
    x, offset, target = _problem(60)
    twice = _fitted(np.tile(x, (2, 1)), np.tile(offset, (2, 1)), np.tile(target, (2, 1)))
    assert _fitted(x, offset, target, np.full(60, 2.0)).w == pytest.approx(twice.w, abs=1e-6)


def test_newton_when_run_again_then_bit_for_bit_the_same() -> None:
    first, second = _fitted(*_problem(700)), _fitted(*_problem(700))
    assert first.w.tobytes() == second.w.tobytes()
