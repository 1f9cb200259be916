"""The page is measured, briefly and for real. Never how fast."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.bench.broker import find_mosquitto
from edge.bench.browser import chromium, find_chromium
from edge.bench.page import Frames, frames
from edge.cli import main
from firmware_bridge.types import BadInput


def chromium_or_skip() -> str:
    pytest.importorskip("websockets")
    program = find_chromium()
    if program is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    return program


def test_bench_when_asked_for_the_page_then_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    chromium_or_skip()
    if find_mosquitto() is None:
        pytest.skip("no mosquitto on this machine (apt-get install mosquitto)")
    assert main(["bench", "--page", "--json", "--seconds", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"page_frame_p50_ms", "page_frame_p99_ms", "machine"}
    assert 0.0 < found["page_frame_p50_ms"] <= found["page_frame_p99_ms"] < 1000.0
    assert frames.__annotations__["return"] == Frames.__name__


def test_browser_when_a_page_misbehaves_then_it_is_known(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<p id=p style='width: 50px; height: 50px'>hello</p><script>setTimeout(() => oops())</script>"
    )
    with chromium(chromium_or_skip()) as browser:
        browser.size(300, 200)
        browser.open(page.as_uri())
        browser.until("document.getElementById('p')")
        browser.evaluate("(document.getElementById('p').onclick = () => (window.hit = 1), 0)")
        browser.click("#p")
        browser.until("window.hit")
        assert browser.evaluate("Promise.resolve(innerWidth)") == 300
        assert browser.screenshot().startswith(b"\x89PNG")
        assert any("oops" in error for error in browser.errors)
        with pytest.raises(BadInput, match="did not come true"):
            browser.until("false", 0.1)
        with pytest.raises(BadInput, match="nothing_there"):
            browser.evaluate("nothing_there.at_all")
