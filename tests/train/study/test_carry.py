from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

import torch

from train.study.beats import Beats
from train.study.carry import carried
from train.study.config import NetConfig, TaskConfig
from train.study.zoo import Stream, build

TASK = TaskConfig("stream")


def network(config: NetConfig) -> Stream:
    torch.manual_seed(0)
    net = build(config, TASK.n_window).eval()
    assert isinstance(net, Stream)
    return net


@pytest.mark.parametrize(
    "config",
    [
        NetConfig("gru", 2, 8),
        NetConfig("lstm", 1, 8),
        NetConfig("conv_gru", 1, 8, stem_width=4),
        NetConfig("gru_conv", 1, 8, stem_width=4),
        NetConfig("late", 1, 8, stem=3, stem_width=4),
        NetConfig("tcn", 5, 4),
    ],
    ids=lambda c: c.family,
)
def test_record_when_carried_chunk_by_chunk_then_as_in_one_piece(config: NetConfig, beats: Beats) -> None:
    net = network(config)
    got = carried(net, beats, TASK)
    for k, lead in enumerate(beats.leads):
        of_lead = np.flatnonzero(beats.lead == k)
        x = torch.from_numpy(lead.x[None, :, 0].copy())
        front = torch.zeros(1, 256)
        x = torch.cat([front, x], 1)
        at = torch.from_numpy(beats.asked_at(TASK)[of_lead]) + 256
        with torch.no_grad():
            h, _ = net.run(x, None, 256)
            h = torch.cat([h.new_zeros(1, 256 // net.stride, h.shape[2]), h], 1)
            want = net.answer(h, x, torch.zeros(len(at), dtype=torch.int64), at).numpy()
        np.testing.assert_allclose(got[of_lead], want, atol=1e-4)


def test_state_when_set_back_then_nothing_before_it_is_remembered(beats: Beats) -> None:
    net = network(NetConfig("gru", 1, 8))
    task = replace(TASK, reset_s=4.0)
    before = carried(net, beats, task)
    asked = beats.asked_at(task)
    later = np.flatnonzero((beats.lead == 0) & (asked // 500 >= 5))
    lead = beats.leads[0]
    x = lead.x.copy()
    x[:2500] = 9.0
    other = type(lead)(lead.name, x, lead.r, lead.c, lead.ok)
    changed = replace(beats, leads=(other, *beats.leads[1:]))
    np.testing.assert_array_equal(carried(net, changed, task)[later], before[later])
    k = int(later[0])
    start = int(asked[k]) // 500 * 500
    with torch.no_grad():
        h, _ = net.run(torch.from_numpy(lead.x[None, start : start + 500, 0].copy()))
    want = net.head(h[0, int(asked[k]) - start]).detach().numpy()
    np.testing.assert_allclose(before[k], want, atol=1e-5)


def test_state_when_there_is_more_beside_it_then_it_cannot_be_set_back(beats: Beats) -> None:
    with pytest.raises(ValueError, match="rnn, lstm, gru"):
        carried(network(NetConfig("tcn", 3, 4)), beats, replace(TASK, reset_s=2.0))
