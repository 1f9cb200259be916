from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.c_text import braced, single


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 0.1, -3.4e38, 1e-45, 16777216.0, 1 / 3])
def test_single_when_read_back_then_it_is_the_same_float(value: float) -> None:
    text = single(np.float32(value))
    assert text.endswith("f")
    assert np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()
    assert "." in text or "e" in text


def test_braced_when_there_are_many_then_lines_are_short_and_nothing_is_lost() -> None:
    for words in ([str(k) for k in range(47)], [single(k / 3) for k in range(19)]):
        text = braced(words)
        assert text.strip("{}").replace("\n", "").replace(" ", "").split(",") == words
        assert max(map(len, text.splitlines())) < 120
