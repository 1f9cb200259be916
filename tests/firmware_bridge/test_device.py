from __future__ import annotations

import math

import pytest

from firmware_bridge.device import DecoderOptions, EncoderOptions, lead_names
from firmware_bridge.types import BadInput


@pytest.mark.parametrize("fs", [0.0, -1.0, 0.5, 20_001.0, math.nan, math.inf])
def test_rate_that_no_ecg_has_is_refused_in_one_line(fs: float) -> None:
    for options in (DecoderOptions, EncoderOptions):
        with pytest.raises(BadInput, match=r"got fs .*, expected 1 to 20000 Hz") as caught:
            options(fs=fs)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_scale_that_is_no_factor_is_refused(scale: float) -> None:
    with pytest.raises(BadInput, match="expected a positive factor"):
        DecoderOptions(scale=scale)


def test_leads_are_one_to_eight() -> None:
    with pytest.raises(BadInput, match="got 0 lead names"):
        DecoderOptions(leads=())
    with pytest.raises(BadInput, match="got 9 leads"):
        EncoderOptions(leads=("ECG",) * 9)


def test_factor_has_the_sign_of_invert() -> None:
    assert (DecoderOptions(scale=2.0).factor, DecoderOptions(scale=2.0, invert=True).factor) == (2.0, -2.0)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [(None, ("a", "b")), (("x",), ("x", "b")), (("x", "y"), ("x", "y")), (("x", "y", "z"), ("x", "y"))],
)
def test_lead_names_keep_their_number(wanted: tuple[str, ...] | None, names: tuple[str, ...]) -> None:
    assert lead_names(("a", "b"), wanted) == names
