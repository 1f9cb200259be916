"""Checkpoints: written whole or not at all, and resumed as if nothing had happened in between."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from firmware_bridge.types import BadInput


@dataclass(slots=True)
class Training:
    """All that changes while a network is trained.

    Attributes
    ----------
    net : Module
        The network.
    ema : dict of str to Tensor
        Exponential moving average of its weights: what is shipped.
    optimiser, schedule
        Their states are part of a checkpoint, as is that of torch's random generator.
    unit : str
        What `done` counts: 'round' or 'epoch'.
    done : int
        Rounds or epochs trained so far.
    """

    net: nn.Module
    ema: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    unit: str
    done: int = 0

    def step(self, loss: Tensor, decay: float, most_norm: float | None = None) -> None:
        """One step down the slope of `loss`, gradients clipped to `most_norm`; the average follows by `decay`."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if most_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), most_norm)
        self.optimiser.step()
        self.schedule.step()
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                if value.dtype.is_floating_point:
                    self.ema[name].lerp_(value, 1.0 - decay)

    def save(self, path: Path, **recipes: dict[str, Any]) -> None:
        """Write everything to `path`, replacing it at once. `recipes` say what is being trained, and how."""
        content = {
            "net": self.net.state_dict(),
            "ema": self.ema,
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "rng": torch.get_rng_state(),
            self.unit: self.done,
            **recipes,
        }
        write(content, path)

    def resume(self, path: Path, **recipes: dict[str, Any]) -> None:
        """Go on from `path` if it is there and of the same recipes; one of others is set aside, not overwritten."""
        if not path.exists():
            return
        saved = read(path)
        if any(saved.get(name) != recipe for name, recipe in recipes.items()):
            aside = path.with_suffix(".other.pt")
            path.replace(aside)
            print(json.dumps({"set aside, of another recipe": str(aside)}), flush=True)
            return
        self.net.load_state_dict(saved["net"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.schedule.load_state_dict(saved["schedule"])
        self.ema, self.done = saved["ema"], saved[self.unit]
        if "rng" in saved:
            torch.set_rng_state(saved["rng"])


def average_of(net: nn.Module) -> dict[str, Tensor]:
    """A copy of a network's weights, from which its moving average starts."""
    return {name: value.clone() for name, value in net.state_dict().items()}


def write(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint; whoever is stopped half way leaves the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    torch.save(content, part)
    part.replace(path)


def read(path: Path) -> dict[str, Any]:
    """Read a checkpoint: tensors and plain values, nothing that could run.

    Raises
    ------
    BadInput
        When it is missing, damaged, or no checkpoint.
    """
    try:
        content = torch.load(path, weights_only=True)
    except FileNotFoundError:
        raise BadInput(f"no checkpoint {path}; train it first: python -m train fit {path.stem}") from None
    except Exception as error:  # pickle, zip and torch raise many kinds for a damaged file
        raise BadInput(
            f"cannot read checkpoint {path}: {type(error).__name__}; delete it and train again: "
            f"python -m train fit {path.stem}"
        ) from None
    if not isinstance(content, dict):
        raise BadInput(
            f"{path}: expected a checkpoint, got {type(content).__name__}; delete it and train again"
        )
    return content
