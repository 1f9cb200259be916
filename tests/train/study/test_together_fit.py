"""Arms trained together: each network becomes what it becomes alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study.beats import Beats  # noqa: E402
from train.study.config import Budget, Job, NetConfig, TaskConfig  # noqa: E402
from train.study.fit import logits_of, train  # noqa: E402
from train.study.together_data import course_of  # noqa: E402
from train.study.together_fit import train_arms  # noqa: E402
from train.study.zoo import build  # noqa: E402

SMALL = Budget(epochs=2, beats=160, batch=20, rate=1e-2, curve_beats=60)
WINDOW = TaskConfig(window_s=1.0)
STREAM = TaskConfig("stream", window_s=1.0, strip_s=4.0)
CASES = {
    "windows": (WINDOW, [NetConfig("cnn", 2, 4), NetConfig("lstm", 1, 6, residual=True)]),
    "strips": (
        STREAM,
        [NetConfig("conv_gru", 1, 6, stem_width=4), NetConfig("late", 1, 6, stem=2, stem_width=3)],
    ),
    "tails": (STREAM, [NetConfig("gru_conv", 1, 6, stem_width=4), NetConfig("tcn", 3, 4)]),
}


@pytest.mark.parametrize("case", CASES)
def test_arms_when_trained_together_then_each_network_is_as_if_trained_alone(
    case: str, beats: Beats, others: Beats
) -> None:
    task, shapes = CASES[case]
    one = Job((5,), "arm", shapes[0], task, SMALL, 1, 0, 3, "full")
    groups = [[replace(one, net=net, seed=seed) for seed in (1, 2)] for net in shapes]
    courses = [course_of(job, beats, others) for job in groups[0]]
    found = train_arms(groups, courses, [others, others], torch.device("cpu"))
    for trained in (each for group in found for each in group):
        job = trained.job
        torch.manual_seed(job.seed)
        alone = build(job.net, task.n_window)
        curves = train(alone, task, SMALL, beats, others, job.seed)
        assert list(trained.curves) == list(curves)
        for name in ("train_loss", *(key for key in curves if key.startswith("grad_"))):
            np.testing.assert_allclose(trained.curves[name], curves[name], rtol=2e-3)
        assert list(trained.net) == list(alone.state_dict())
        for name, value in alone.state_dict().items():
            if not _only_noise(name, alone):
                torch.testing.assert_close(trained.net[name].to(value.dtype), value, rtol=1e-3, atol=1e-3)
        again = build(job.net, task.n_window)
        again.load_state_dict(trained.net)
        with torch.no_grad():
            np.testing.assert_array_equal(trained.answers, logits_of(again, task, others).argmax(1))


def _only_noise(name: str, net: torch.nn.Module) -> bool:
    """A convolution's bias in front of a norm has no slope: Adam makes steps of what rounding leaves, and the running
    mean follows."""
    has_norms = any(isinstance(m, torch.nn.BatchNorm1d) for m in net.modules())
    return has_norms and (name.endswith("running_mean") or (name.endswith(".bias") and "conv" in name))
