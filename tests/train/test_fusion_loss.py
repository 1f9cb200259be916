from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.beat_rows import UNKNOWN  # noqa: E402
from train.fusion_loss import ALONE, Said, answers_about, loss_of, opinions, taught_loss  # noqa: E402

EVEN = (1.0,) * 5


class Echo(torch.nn.Module):
    """Its logits are the first ten features of the row, its state the row before; alone it says its features again."""

    def walk(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x[..., :10] + 0.0, x

    def unfollowed(self, x: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        assert torch.equal(x, states)
        return x[:, 5:10]


def _x(batch: int = 3, n: int = 7) -> torch.Tensor:
    return torch.randn(batch, n, 33, generator=torch.Generator().manual_seed(1))


def _sure(c: torch.Tensor) -> torch.Tensor:
    return 50.0 * torch.nn.functional.one_hot(c, 5).float()


def test_answers_about_when_no_beat_is_named_then_one_of_each_stretch_is_drawn() -> None:
    said = answers_about(Echo(), _x())
    assert said.some.shape == (3,)
    assert torch.equal(said.alone, _x()[torch.arange(3), said.some, 5:10])
    again = answers_about(Echo(), _x(), said.some)
    assert torch.equal(again.alone, said.alone)


def test_loss_of_when_every_answer_is_right_then_nothing_and_when_even_then_log_of_five() -> None:
    c = torch.tensor([[0, 1, 2, 3], [4, 4, 0, 1]])
    final = torch.cat((torch.zeros(2, 1, 5), _sure(c[:, :-1])), 1)
    some = torch.tensor([1, 2])
    right = Said(_sure(c), final, _sure(c[torch.arange(2), some]), some)
    assert float(loss_of(right, c, EVEN)) == pytest.approx(0.0, abs=1e-6)
    even = Said(torch.zeros(2, 4, 5), torch.zeros(2, 4, 5), torch.zeros(2, 5), some)
    # 8 early answers and 6 final ones over 8 beats, and the one alone
    assert float(loss_of(even, c, EVEN)) == pytest.approx((14 / 8 + ALONE) * math.log(5.0), rel=1e-5)


def test_loss_of_when_a_beat_is_unknown_then_what_is_said_of_it_costs_nothing() -> None:
    c = torch.full((2, 4), UNKNOWN)
    c[0, 0] = 0
    said = Said(torch.randn(2, 4, 5), torch.zeros(2, 4, 5), torch.randn(2, 5), torch.tensor([1, 1]))
    other = Said(said.early.clone(), said.final, torch.randn(2, 5), said.some)
    other.early[0, 1:] = torch.randn(3, 5)
    assert float(loss_of(said, c, EVEN)) == pytest.approx(float(loss_of(other, c, EVEN)))


def test_taught_loss_when_the_pupil_says_what_they_say_then_it_is_least() -> None:
    x = _x()
    theirs = opinions([Echo(), Echo()], x, torch.tensor([0, 1, 2]))
    pupil = theirs[0]
    least = float(taught_loss(pupil, theirs))
    for change in (0.5, -0.5):
        moved = torch.zeros(5)
        moved[2] = change
        worse = Said(pupil.early + moved, pupil.final + moved, pupil.alone + moved, pupil.some)
        assert float(taught_loss(worse, theirs)) > least


def test_taught_loss_when_teachers_disagree_then_the_mean_of_their_log_probabilities_teaches() -> None:
    zero = torch.zeros(1, 2, 5)
    up, down = zero.clone(), zero.clone()
    up[..., 1], down[..., 1] = 3.0, -3.0
    one, other = (Said(y, y, y[:, 0], torch.tensor([0])) for y in (up, down))
    flat = Said(zero, zero, zero[:, 0], torch.tensor([0]))
    assert float(taught_loss(flat, [one, other])) == pytest.approx(float(taught_loss(flat, [flat])))


def test_opinions_when_asked_then_nothing_is_learned_by_the_teachers() -> None:
    x = _x().requires_grad_()
    assert not opinions([Echo()], x, torch.tensor([0, 0, 0]))[0].early.requires_grad
