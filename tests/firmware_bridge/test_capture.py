"""Captures and golden logs: written, read, summarised the same however blocks were cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_bridge import capture
from firmware_bridge.capture import Log
from firmware_bridge.types import BadInput, Gap, SampleBlock

PIECES = [(7.25, b"\x00\xff"), (7.5, b"abc")]


def block(start: int, values: list[float], lead_off: int = 0, pace: tuple[int, ...] = ()) -> SampleBlock:
    mv = np.array(values, np.float32)[:, None]
    return SampleBlock("bed", start, 250.0, mv, ("II",), lead_off, 0, pace)


def test_capture_when_written_and_read_then_the_same_from_its_first_second(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    capture.write(path, PIECES)
    assert path.read_text() == '{"t_s": 0.0, "hex": "00ff"}\n{"t_s": 0.25, "hex": "616263"}\n'
    assert capture.read(path) == Log([(0.0, b"\x00\xff"), (0.25, b"abc")])


def test_golden_when_written_and_read_then_origin_options_and_events(tmp_path: Path) -> None:
    path = tmp_path / "golden"
    log = Log([(0.0, b"12\r\n13\r\n")], "by hand", "text-mv", {"fs": 100.0, "leads": ["V1"]})
    capture.write_golden(path, log)
    again = capture.read(path)
    assert (again.pieces, again.origin, again.options) == (log.pieces, "by hand", log.options)
    assert again.expected is not None
    assert again.expected[0]["leads"] == ["V1"]
    assert again.expected[0]["fs"] == 100.0
    assert again.expected[-1]["counts"]["n_bytes"] == 8
    with pytest.raises(BadInput, match="got no origin"):
        capture.write_golden(path, Log([], format="text"))


@pytest.mark.parametrize(
    "text", ["", "x", "[]\n", '{"t_s": 0, "hex": "0"}\n', '{"t_s": 0}\n', '{"what": 1}\n']
)
def test_file_when_it_is_another_then_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other"
    path.write_text(text)
    if not text:
        assert capture.read(path) == Log([])
        return
    with pytest.raises(BadInput, match="expected one that `doctor --capture` has written"):
        capture.read(path)


def test_capture_when_it_cannot_be_written_then_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot write it: No such file"):
        capture.write(tmp_path / "no" / "where", PIECES)


def test_summary_when_blocks_are_cut_elsewhere_then_the_same() -> None:
    whole = [block(0, [0.1, 0.2, float("nan")], pace=(1,)), Gap(3, 5), block(8, [1.0], 1), block(9, [2.0])]
    cut = [
        block(0, [0.1]),
        block(1, [0.2, float("nan")], pace=(1,)),
        Gap(3, 5),
        block(8, [1.0], 1),
        block(9, [2.0]),
    ]
    rows = capture.summary(whole)
    assert rows == capture.summary(cut)
    assert [row.get("n", row.get("n_lost")) for row in rows] == [3, 5, 1, 1]
    assert rows[0]["pace"] == [1]
    other = capture.summary([block(0, [0.1, 0.2, 0.0], pace=(1,)), *whole[1:]])
    assert other[0]["crc"] != rows[0]["crc"]
    assert other[1:] == rows[1:]
