"""What a subscriber hears of a beat's networks: the body of ``explain``, checked whole. Pure; never raises.

The reverse of :mod:`edge.explain.beat`, for those who show. Anybody may publish anything: shapes are bounded and fit
the bytes, numbers are finite, names are of a fixed few, there is no free text; what is not like that is None.
"""

from __future__ import annotations

import base64
import math
from typing import Annotated, Any, Literal

import msgspec

MAX_BYTES = 65_536
MAX_CELLS = 40_000
MAX_SIDE = 4096
MAX_LAYERS = 12

Aami = Literal["N", "S", "V", "F", "Q"]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Side = Annotated[int, msgspec.Meta(ge=1, le=MAX_SIDE)]
Number = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Prob = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Rate = Annotated[float, msgspec.Meta(ge=1.0, le=20000.0)]
Probs = tuple[Prob, Prob, Prob, Prob, Prob]
SIZES = {"int8": 1, "uint8": 1, "int16": 2}


class Packed(msgspec.Struct, frozen=True):
    """An array: `data` in base64, little endian, last axis fastest; real values (x - zero) * scale.

    `reach` is, of a feature map, how many samples of the window one step depends on.
    """

    shape: Annotated[list[Side], msgspec.Meta(min_length=1, max_length=2)]
    dtype: Literal["int8", "uint8", "int16"]
    scale: Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]
    zero: Annotated[int, msgspec.Meta(ge=-32768, le=32767)]
    data: Annotated[str, msgspec.Meta(max_length=MAX_BYTES)]
    reach: Side = 1

    def fits(self, *shape: int | None) -> bool:
        """Whether its bytes fill its shape, and that is `shape` (None: any)."""
        n = math.prod(self.shape)
        if len(shape) != len(self.shape) or n > MAX_CELLS:
            return False
        if any(want not in (None, got) for want, got in zip(shape, self.shape, strict=True)):
            return False
        try:
            return len(base64.b64decode(self.data, validate=True)) == n * SIZES[self.dtype]
        except ValueError:
            return False


class CnnSaw(msgspec.Struct, frozen=True):
    """The CNN's image, with `before` samples ahead of the R-peak, its feature maps, and what each moment spoke for."""

    fs: Rate
    before: Side
    image: Packed
    layers: Annotated[list[Packed], msgspec.Meta(min_length=1, max_length=MAX_LAYERS)]
    spoke: Annotated[list[tuple[Number, Number, Number, Number, Number]], msgspec.Meta(max_length=512)] | None
    probs: Probs

    def fits(self) -> bool:
        """Whether all of it belongs together."""
        whole = self.image.fits(None, 3) and all(layer.fits(None, None) for layer in self.layers)
        return whole and (self.spoke is None or len(self.spoke) == self.layers[-1].shape[0])


class GruRemembered(msgspec.Struct, frozen=True):
    """The last seconds of the GRU: ECG [mV], states (n, n_units), posteriors (n, 6) of a QRS and of N S V F Q."""

    fs: Rate
    fs_ecg: Rate
    r_peak: Annotated[int, msgspec.Meta(ge=0, le=MAX_SIDE)]
    ecg: Packed
    h: Packed
    posteriors: Packed
    probs: Probs
    before: Probs

    def fits(self) -> bool:
        """Whether all of it belongs together."""
        n = self.h.shape[0]
        whole = self.ecg.fits(None) and self.h.fits(n, None) and self.posteriors.fits(n, 6)
        return whole and self.r_peak < self.ecg.shape[0]


class Adds(msgspec.Struct, frozen=True):
    """What each group of the fusion's inputs adds to the log-odds; see :mod:`edge.explain.weigh`."""

    gru: Number
    cnn: Number
    timing: Number
    shape: Number
    quality: Number
    memory: Number


class WeighedHeard(msgspec.Struct, frozen=True):
    """Log-odds of class `of`: of the usual beat, what the groups add, of the answer."""

    of: Aami
    usual: Number
    adds: Adds
    answer: Number


class BeforeHeard(msgspec.Struct, frozen=True):
    """The final answer about the beat before."""

    id: Count
    aami: Aami
    probs: Probs


class FusionSaid(msgspec.Struct, frozen=True):
    """The fusion's early probabilities of this beat, what weighed in them, its final ones of the beat before."""

    probs: Probs
    weighed: WeighedHeard | None
    before: BeforeHeard | None


class ExplainHeard(msgspec.Struct, frozen=True):
    """What the networks saw of one beat; `t_ms` is the UTC time of its R-peak in milliseconds since 1970."""

    id: Count
    aami: Aami
    warming: bool
    readable: bool
    cnn: CnnSaw
    gru: GruRemembered
    fusion: FusionSaid
    n_dropped: Count
    delay_ms: Number | None
    t_ms: float = 0.0


def read(body: dict[str, Any], t_ms: float) -> ExplainHeard | None:
    """The fact in the message's object, None where any of it does not fit."""
    try:
        said = msgspec.convert({**body, "t_ms": t_ms}, ExplainHeard)
    except msgspec.ValidationError:
        return None
    return said if said.cnn.fits() and said.gru.fits() else None
