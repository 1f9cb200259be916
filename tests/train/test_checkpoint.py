from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.types import BadInput

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import checkpoint  # noqa: E402
from train.checkpoint import Training, average_of  # noqa: E402

RECIPE = {"seed": 1, "weights": (1.0, 2.0), "shares": (("a", 0.5), ("b", 0.5))}


def new() -> Training:
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(net.parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: 1.0 / (1 + k))
    return Training(net, average_of(net), optimiser, schedule, "round")


def train(t: Training, n: int) -> None:
    for _ in range(n):
        t.step(t.net(torch.randn(4, 3)).pow(2).mean(), 0.9, most_norm=1.0)
        t.done += 1


def test_training_when_stopped_and_resumed_then_it_ends_bit_for_bit_where_it_would_have(
    tmp_path: Path,
) -> None:
    through, stopped = new(), new()
    train(through, 3)
    through.save(tmp_path / "a.pt", recipe=RECIPE)
    train(through, 4)
    stopped.resume(tmp_path / "a.pt", recipe=RECIPE)
    assert stopped.done == 3
    train(stopped, 4)
    for name, value in through.net.state_dict().items():
        assert torch.equal(value, stopped.net.state_dict()[name])
        assert torch.equal(through.ema[name], stopped.ema[name])


def test_training_when_the_recipe_is_another_then_the_old_one_is_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    t = new()
    train(t, 2)
    t.save(tmp_path / "a.pt", recipe=RECIPE)
    fresh = new()
    fresh.resume(tmp_path / "a.pt", recipe={**RECIPE, "seed": 2})
    assert fresh.done == 0
    assert "a.other.pt" in capsys.readouterr().out
    assert checkpoint.read(tmp_path / "a.other.pt")["round"] == 2


def test_training_when_there_is_no_checkpoint_then_it_starts_from_the_beginning(tmp_path: Path) -> None:
    t = new()
    t.resume(tmp_path / "a.pt", recipe=RECIPE)
    assert t.done == 0


def test_average_when_steps_are_taken_then_it_follows_slowly() -> None:
    t = new()
    before = average_of(t.net)
    train(t, 1)
    for name, value in t.net.state_dict().items():
        assert torch.allclose(t.ema[name], before[name] + 0.1 * (value - before[name]), atol=1e-6)


def test_write_when_done_then_nothing_else_is_left_beside_it(tmp_path: Path) -> None:
    checkpoint.write({"net": torch.ones(2)}, tmp_path / "new" / "a.pt")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.pt"]


def test_read_when_the_checkpoint_is_missing_then_it_says_how_to_train(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no checkpoint .*gru\.pt; train it first: python -m train fit gru"):
        checkpoint.read(tmp_path / "gru.pt")


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04 cut off"])
def test_read_when_the_file_is_damaged_then_one_line_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "gru.pt").write_bytes(content)
    with pytest.raises(BadInput, match="cannot read checkpoint") as error:
        checkpoint.read(tmp_path / "gru.pt")
    assert "\n" not in str(error.value)


def test_read_when_the_file_holds_something_else_then_one_line_says_so(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "gru.pt")
    with pytest.raises(BadInput, match="expected a checkpoint, got list"):
        checkpoint.read(tmp_path / "gru.pt")
