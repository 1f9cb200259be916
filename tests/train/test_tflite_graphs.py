from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edge.cnn import Int8Cnn
from edge.fusion import N_INPUTS, Fusion
from edge.gru import GruModel
from edge.runtime import make_interpreter
from firmware_bridge.types import BadInput

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import checkpoint, fit_cnn, quantise, tflite_graphs  # noqa: E402
from train.beat_images import STORE  # noqa: E402
from train.beat_rows import Rows  # noqa: E402
from train.fit_cnn import CnnRecipe  # noqa: E402
from train.fit_fusion import FusionNet, FusionRecipe, answers  # noqa: E402
from train.models import GruConfig, GruNet, RhythmCnn  # noqa: E402
from train.quantise import arrays, gru_parity  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def tensorflow() -> None:
    pytest.importorskip("tensorflow", reason="tensorflow is not installed (pip install 'heartwire[train]')")


def test_gru_step_when_run_sample_by_sample_then_its_logits_are_torchs() -> None:
    torch.manual_seed(4)
    config = GruConfig(input_gain=2.0)
    net = GruNet(config)
    for weight in net.gru.parameters():
        torch.nn.init.uniform_(weight, -0.4, 0.4)
    content = tflite_graphs.gru_step(arrays(net.state_dict()), config)
    x = np.random.default_rng(0).normal(0.0, 1.0, 600).astype(np.float32)
    parity = gru_parity(content, config, net.state_dict(), x)
    assert parity["samples"] == 600
    assert parity["max_abs_logit_difference"] <= 1e-4
    model = GruModel(content, 11, "test")
    state = model.new_state()
    swing = np.ptp([model.step(float(v), state) for v in x], axis=0)
    assert swing.min() > 0.05


def test_gru_step_when_many_patients_share_a_call_then_each_answer_is_its_own() -> None:
    torch.manual_seed(4)
    config = GruConfig()
    content = tflite_graphs.gru_step(arrays(GruNet(config).state_dict()), config)
    x = np.random.default_rng(0).normal(0.0, 1.0, (3, 1)).astype(np.float32)
    together = make_interpreter(content, batch=3)
    model = GruModel(content, 11, "test")
    alone = [model.step(float(v), model.new_state()) for v in x[:, 0]]
    for detail in together.get_input_details():
        shape = tuple(detail["shape"])
        together.set_tensor(detail["index"], x if shape == (3, 1) else np.zeros(shape, np.float32))
    together.invoke()
    (y,) = [d for d in together.get_output_details() if tuple(d["shape"]) == (3, 11)]
    assert np.abs(together.get_tensor(y["index"]) - np.stack(alone)).max() <= 1e-5


def test_beat_step_when_it_walks_then_early_final_and_unfollowed_are_torchs() -> None:
    torch.manual_seed(5)
    net = FusionNet(FusionRecipe()).eval()
    net.mean.normal_()
    net.spread.uniform_(0.5, 3.0)
    model = Fusion(tflite_graphs.beat_step(arrays(net.state_dict())), "test")
    x = np.random.default_rng(1).normal(0.0, 2.0, (40, N_INPUTS)).astype(np.float32)
    rows = Rows("p", "ds1", 0, 0, x, np.zeros(40, np.int64), np.zeros(40))
    early, final = answers(net, rows)
    state = model.new_state()
    ours = [model.step(row, state) for row in x]
    assert np.abs(np.stack([a for a, _ in ours]) - early).max() <= 1e-5
    assert np.abs(np.stack([b for _, b in ours[1:]]) - final[:-1]).max() <= 1e-5
    assert np.abs(model.unfollowed(state) - final[-1]).max() <= 1e-5
    assert np.ptp(early, axis=0).min() > 0.02


def waves(seed: int) -> fit_cnn.Set:
    """Noisy sines of five bands of frequency, 5.12 s each, and which band it is."""
    rng = np.random.default_rng(seed)
    band = rng.integers(0, 5, 300)
    hz = np.array([1.0, 2.0, 4.0, 8.0, 16.0])[band] * rng.uniform(0.9, 1.1, 300)
    x = np.sin(2 * np.pi * hz[:, None] * np.arange(640) / 125.0) * rng.uniform(0.5, 1.5, (300, 1))
    x += rng.normal(0.0, 0.1, x.shape)
    return np.rint(x * STORE).astype(np.int8)[..., None], band


def test_cnn_int8_when_norms_are_folded_then_it_agrees_with_the_float_network(tmp_path: Path) -> None:
    torch.manual_seed(6)
    net, seen, unseen = RhythmCnn(), waves(1), waves(2)
    recipe = CnnRecipe(epochs=5, batch=20, ema=0.8, lr=5e-3)
    net.load_state_dict(
        checkpoint.read(fit_cnn.fit(net, recipe, seen, unseen, tmp_path / "rhythm_cnn.pt"))["ema"]
    )
    content = quantise.cnn_of(net, seen[0][:100].astype(np.float32) / STORE)
    parity = quantise.agreement(content, net, unseen[0], 640, 5)
    assert parity["windows"] == 300
    assert parity["argmax_agreement"] >= 0.95
    assert parity["p99_abs_probability_difference"] < 0.2
    model = Int8Cnn(content, (1, 640, 1), 5, "test")
    called = [int(model.logits(x).argmax()) for x in unseen[0].astype(np.float32) / STORE]
    assert np.mean(np.array(called) == unseen[1]) > 0.9


def test_cnn_when_model_is_float_then_one_line_says_so() -> None:
    tf = pytest.importorskip("tensorflow")
    weights = np.ones((640, 5), np.float32)
    spec = [tf.TensorSpec([1, 640, 1], tf.float32, name="x")]
    content = tflite_graphs.convert(lambda x: {"y": x[:, :, 0] @ weights}, spec)
    with pytest.raises(BadInput) as error:
        Int8Cnn(content, (1, 640, 1), 5, "here")
    assert str(error.value) == "here: expected int8 input and output; export the model again"


def test_convert_when_tensorflow_is_absent_then_one_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(BadInput, match="exporting needs tensorflow"):
        tflite_graphs.beat_step({"mean": np.zeros(3), "gru.weight_hh_l0": np.zeros((6, 2))})
