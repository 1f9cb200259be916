"""What the models in C are made of: weights, layers, settings. Nothing here knows where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GruWeights:
    """The step model, float32; rows are outputs, gates in the order r, z, n.

    Attributes
    ----------
    stem1_weight, stem1_bias : ndarray (n_stem1, kernel) and (n_stem1,)
        First causal convolution, the newest sample last.
    stem2_weight, stem2_bias : ndarray (n_stem2, kernel * n_stem1) and (n_stem2,)
        Second one, sample by sample.
    weight_ih, bias_ih : ndarray (3 * n_hidden, n_stem2) and (3 * n_hidden,)
        From the stem into the gates.
    weight_hh, bias_hh : ndarray (3 * n_hidden, n_hidden) and (3 * n_hidden,)
        From the hidden units into the gates.
    head_weight, head_bias : ndarray (n_logits, n_hidden) and (n_logits,)
        The logits.
    """

    stem1_weight: F32
    stem1_bias: F32
    stem2_weight: F32
    stem2_bias: F32
    weight_ih: F32
    bias_ih: F32
    weight_hh: F32
    bias_hh: F32
    head_weight: F32
    head_bias: F32

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a step."""
        return sum(value.size for name, value in self.tables() if "weight" in name)

    def rows(self) -> list[tuple[str, F32, F32]]:
        """Name in C, weights and bias of every product with a vector."""
        return [
            ("hw_stem1", self.stem1_weight, self.stem1_bias),
            ("hw_stem2", self.stem2_weight, self.stem2_bias),
            ("hw_gru_ih", self.weight_ih, self.bias_ih),
            ("hw_gru_hh", self.weight_hh, self.bias_hh),
            ("hw_head", self.head_weight, self.head_bias),
        ]

    def tables(self) -> list[tuple[str, F32]]:
        """Every table and its name in C."""
        return [
            (f"{name}_{what}", table)
            for name, weight, bias in self.rows()
            for what, table in (("weight", weight), ("bias", bias))
        ]


@dataclass(frozen=True, slots=True)
class Int8Layer:
    """A convolution over samples, or (width 1, one sample) a dense layer.

    Attributes
    ----------
    weight : ndarray of int8 (n_out, width, n_in)
        Zero point 0.
    bias : ndarray of int32 (n_out,)
        In units of the accumulator.
    rescale : ndarray of float64 (n_out,)
        Quanta of the output per unit of the accumulator, below 1.
    in_zero, out_zero : int
        Zero points of input and output.
    least, most : int
        Range of the output (a ReLU begins at its zero point).
    n_given, n_made, stride, pad : int
        Samples in and out, step, and samples of padding before the first.
    n_features : int
        Of a mean.
    is_mean : bool
        The mean of each feature over its samples: no weights, no bias; `rescale` (1,) has the division in it.
    """

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    rescale: NDArray[np.float64]
    in_zero: int
    out_zero: int
    least: int
    most: int
    n_given: int
    n_made: int
    stride: int = 1
    pad: int = 0
    n_features: int = 0
    is_mean: bool = False

    @property
    def n_out(self) -> int:
        """Features of a sample that it makes."""
        return self.n_features if self.is_mean else self.weight.shape[0]

    @property
    def n_in(self) -> int:
        """Features of a sample that it takes."""
        return self.n_features if self.is_mean else self.weight.shape[2]

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those on padding among them."""
        return 0 if self.is_mean else self.n_made * self.weight.size


@dataclass(frozen=True, slots=True)
class Int8Net:
    """Layers in a row, and the scales at both ends."""

    layers: tuple[Int8Layer, ...]
    in_scale: float
    in_zero: int
    out_scale: float
    out_zero: int

    @property
    def n_channels(self) -> int:
        """Channels of its window."""
        return self.layers[0].n_in

    def scratch(self) -> tuple[int, int]:
        """Bytes that its layers' outputs need, those of the first, third ... and those of the others."""
        made = [layer.n_made * layer.n_out for layer in self.layers]
        return max(made[0::2]), max(made[1::2])


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """The fusion, float32: this beat's row and the one before, mixed, into gated units (gates r, z, n) and two answers.

    Attributes
    ----------
    inputs : tuple of str
        Names of the features, in their order.
    mean, gain : ndarray (n_inputs,)
        What is taken off a feature, and what the rest is multiplied with.
    mix_weight, mix_bias : ndarray (n_mixed, 2 * n_inputs) and (n_mixed,)
        Of both rows, this beat's first; a ReLU follows.
    weight_ih, bias_ih : ndarray (3 * n_hidden, n_mixed) and (3 * n_hidden,)
        Into the gates.
    weight_hh, bias_hh : ndarray (3 * n_hidden, n_hidden) and (3 * n_hidden,)
        From the hidden units into the gates.
    out_weight, out_bias : ndarray (2 * n_classes, n_mixed + n_hidden) and (2 * n_classes,)
        Logits of this beat, early, and of the one before, final.
    """

    inputs: tuple[str, ...]
    mean: F32
    gain: F32
    mix_weight: F32
    mix_bias: F32
    weight_ih: F32
    bias_ih: F32
    weight_hh: F32
    bias_hh: F32
    out_weight: F32
    out_bias: F32

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a beat."""
        return sum(weight.size for _, weight, _ in self.rows())

    def rows(self) -> list[tuple[str, F32, F32]]:
        """Name in C, weights and bias of every product with a vector."""
        return [
            ("hw_fusion_mix", self.mix_weight, self.mix_bias),
            ("hw_fusion_ih", self.weight_ih, self.bias_ih),
            ("hw_fusion_hh", self.weight_hh, self.bias_hh),
            ("hw_fusion_out", self.out_weight, self.out_bias),
        ]


@dataclass(frozen=True, slots=True)
class NoiseSettings:
    """How the quality is looked at: see ``edge.signal_measures``; all but `limits` in samples or bins.

    Attributes
    ----------
    window, look, second, lag, envelope, half, n_fft : int
        The window and how often it is looked at; a second; lag of a slope; slopes in a sum; half of the moving mean;
        points of the transform.
    edges : tuple of int
        Bins where bands begin: 0, 1.2, 3, 9 and 20 Hz.
    peak : tuple of (int, int, int)
        Bins in which the peak is looked for, from and to, and how many on either side of it belong to it.
    on, off : int
        Of four looks, so many noisy ones make the lead unreadable, so few readable again.
    limits : dict of str to float
        Where noise begins.
    """

    window: int
    look: int
    second: int
    lag: int
    envelope: int
    half: int
    n_fft: int
    edges: tuple[int, ...]
    peak: tuple[int, int, int]
    on: int
    off: int
    limits: dict[str, float]


@dataclass(frozen=True, slots=True)
class Options:
    """What can be compiled in: the trained fusion and what it needs, and the rhythm network.

    Attributes
    ----------
    fusion : FusionWeights
        ``-DHW_FUSION=1``.
    noise : NoiseSettings
        The quality, one of the fusion's features.
    n_intervals : int
        RR intervals that are kept.
    rhythm : Int8Net
        ``-DHW_RHYTHM=1``.
    rhythms : tuple of str
        In the order of its logits.
    window, hop, scale_at : int
        Size of its window and samples between two; the window is divided by the `scale_at`-th smallest size in it.
    """

    fusion: FusionWeights
    noise: NoiseSettings
    n_intervals: int
    rhythm: Int8Net
    rhythms: tuple[str, ...]
    window: int
    hop: int
    scale_at: int


@dataclass(frozen=True, slots=True)
class Settings:
    """What the manifests say: delays, window and ``before`` in samples at `fs` Hz.

    Attributes
    ----------
    step : int
        Samples of the device for each of the models'.
    taps : sequence of float
        The low-pass between the two, that of the oldest sample first.
    sos : sequence of (b0, b1, b2, a0, a1, a2)
        The filters; a0 is 1.
    clip_mv, qrs_logit : float
        Where the filtered lead is clipped; above what a maximum of the QRS logit counts.
    qrs_delay, class_delay, filter_delay : int
        How much later than an R-peak the QRS logit, the class logits and the filtered lead are.
    gru_int8 : bool
        Whether the GRU's weights become int8, a scale for each row; its state stays float.
    longest_wait, tick : int
        How long the final answer of a beat waits for the next one; how often that is looked at.
    peak_lag, learn_above : float
        How much later an R-peak is on the filtered lead (samples); probability above which a normal beat joins the
        template.
    window, before : int
        Size of the beat network's window, and where in it the R-peak lies.
    classes : tuple of str
        In the order of the logits.
    origin : tuple of str
        Lines that say in the files which models these are.
    """

    fs: float
    step: int
    taps: Sequence[float]
    sos: Sequence[Sequence[float]]
    clip_mv: float
    qrs_logit: float
    qrs_delay: int
    class_delay: int
    filter_delay: int
    longest_wait: int
    tick: int
    peak_lag: float
    learn_above: float
    window: int
    before: int
    classes: tuple[str, ...]
    gru_int8: bool = False
    origin: tuple[str, ...] = ()
