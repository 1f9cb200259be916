"""The page in a real browser: what a person sees, what a stranger cannot do."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.alarms.guide import MEANING
from edge.bench.beds import Beds
from edge.bench.broker import find_mosquitto, mosquitto
from edge.bench.browser import Browser, chromium, find_chromium

SIZES = {
    "old phone": (320, 568, 2.0, True),
    "phone": (390, 844, 2.0, True),
    "laptop": (1366, 768, 1.0, False),
    "wide": (1920, 1080, 1.0, False),
}
HOSTILE = '<img src=x onerror="window.owned=1">'
INK = """(() => {
  const c = document.querySelector('.bed .trace');
  const top = Math.round(24 * devicePixelRatio); // below the marks of the beats
  const d = c.getContext('2d').getImageData(0, top, c.width, c.height - top).data;
  let n = 0, sum = 0;
  for (let i = 3; i < d.length; i += 4) if (d[i]) { n += 1; sum = (sum * 31 + i) % 1e9; }
  return [n, sum];
})()"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    program = find_mosquitto()
    if program is None:
        pytest.skip("no mosquitto on this machine (apt-get install mosquitto)")
    with mosquitto(program) as made:
        yield made.port


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    pytest.importorskip("websockets")
    program = find_chromium()
    if program is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with chromium(program) as made:
        yield made


@pytest.fixture
def beds(port: int) -> Iterator[Beds]:
    made = Beds(port, {"bed1": "sinus:600s rate=72", "bed2": "bigeminy:600s", "bed3": "sinus:600s"})
    yield made
    made.close()


def test_page_when_opened_then_on_every_screen_a_moving_trace_with_marks_and_numbers(
    port: int, beds: Beds, browser: Browser, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    browser.open(open_page(port).address)
    browser.until("document.querySelectorAll('.bed').length >= 3")
    browser.until("[...document.querySelectorAll('.hr dd')].every((dd) => dd.textContent > '0')")
    for name, (width, height, ratio, mobile) in SIZES.items():
        browser.size(width, height, ratio, mobile)
        browser.until(f"{INK}[0] > 300")
        before = browser.evaluate(INK)
        browser.until(f"{INK}[1] !== {before[1]}", 3.0)
        shot = browser.screenshot()
        assert len(shot) > 20_000
        Path(os.environ.get("HEARTWIRE_SHOTS", tmp_path), f"{name}.png").write_bytes(shot)
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for inner in (".top button", ".numbers", ".bed > header"):
            fits = "(node) => node.scrollWidth <= node.clientWidth"
            assert browser.evaluate(f"[...document.querySelectorAll('{inner}')].every({fits})"), (name, inner)
    words = browser.evaluate("document.querySelector('.bed canvas[role=img]').getAttribute('aria-label')")
    assert "heart rate" in words
    assert browser.errors == []


def test_page_when_a_name_is_hostile_then_it_is_text_and_nothing_runs(
    port: int, beds: Beds, browser: Browser, open_page: Callable[..., Any]
) -> None:
    browser.open(open_page(port).address)
    browser.until("document.querySelectorAll('.bed').length >= 3")
    alarm = {"state": "active", "priority": "low", "value": HOSTILE}
    for topic, body in (
        (f"{HOSTILE}/state", {"rhythm": HOSTILE, "hr_bpm": 50}),
        (f"{HOSTILE}/alarm/{HOSTILE}", alarm),
        (f"{HOSTILE}/waveform/{HOSTILE}/meta", {"fs": 250, "scale_mv": 0.001}),
        ("__proto__/state", {"rhythm": "__proto__", "hr_bpm": 50}),
        ("constructor/alarm/toString", alarm),
    ):
        beds.client.publish(f"heartwire/{topic}", json.dumps(body), 1, False)
    for place in (".open bdi", ".rhythm", ".what", ".value", ".where", "figcaption"):
        there = f"(node) => node.textContent === {json.dumps(HOSTILE)}"
        browser.until(f"[...document.querySelectorAll({json.dumps(place)})].some({there})")
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("window.owned === undefined")
    # Even if a name did become HTML, the policy would not let it run.
    browser.evaluate(
        "(document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.owned=1\">'), 0)"
    )
    time.sleep(0.3)
    assert browser.evaluate("window.owned === undefined")
    browser.errors.clear()


def test_page_when_an_alarm_is_acknowledged_then_on_the_topic_and_shown(
    port: int,
    beds: Beds,
    browser: Browser,
    open_page: Callable[..., Any],
    make_subscriber: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    watcher = make_subscriber(port, "heartwire/+/command/ack")
    browser.size(390, 844, 2.0, True)
    browser.open(open_page(port).address)
    browser.until("document.querySelectorAll('.bed').length >= 3")
    beds.alarm("bed2", "vt")
    row = "document.querySelector('.alarm[data-priority=high]')"
    browser.until(row)
    browser.until("document.getElementById('shout').textContent.endsWith('bed bed2')")
    assert browser.evaluate(f"{row}.querySelector('.what').textContent") == "Ventricular tachycardia"
    browser.click("#by")
    browser.call("Input.insertText", text="Ana")
    browser.click(".alarm[data-priority=high] button")
    until(lambda: watcher.got, "the command")
    assert watcher.got[0][0] == "heartwire/bed2/command/ack"
    assert json.loads(watcher.got[0][1])["by"] == "Ana"
    assert browser.evaluate("localStorage.getItem('by')") == "Ana"
    browser.evaluate("localStorage.removeItem('by')")
    browser.until(f"{row}.classList.contains('acked')")
    beds.alarm("bed2", "vt", "cleared")
    browser.until(f"{row} === null")


def test_page_when_alarms_come_on_a_wall_then_all_beds_are_large_in_sight_and_where_they_were(
    port: int, beds: Beds, browser: Browser, open_page: Callable[..., Any]
) -> None:
    browser.size(1920, 1080)
    browser.open(open_page(port).address)
    browser.until("document.querySelectorAll('.bed:not(.stale)').length >= 3")
    look = """[getComputedStyle(document.getElementById('ward')).gridTemplateColumns,
      document.querySelector('.bed').style.getPropertyValue('--s')]"""
    before = browser.evaluate(look)
    beds.alarm("bed1", "asystole")
    beds.alarm("bed2", "vt")
    browser.until("document.querySelectorAll('.alarm').length === 2")
    assert browser.evaluate(look) == before
    assert browser.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert float(before[1]) > 1.0
    assert browser.evaluate("parseFloat(getComputedStyle(document.querySelector('.hr dd')).fontSize)") > 64.0
    beds.alarm("bed1", "asystole", "cleared")
    beds.alarm("bed2", "vt", "cleared")


DOUBLE = """new Promise((done) => {
  const list = document.querySelector('#alarms ul');
  const first = () => list.querySelector('.alarm:not(.acked)');
  const onMoved = (_, observer) => {
    observer.disconnect();
    first().querySelector('button').click();
    done([first().querySelector('.answer').textContent, first().querySelector('.where').textContent]);
  };
  new MutationObserver(onMoved).observe(list, { childList: true });
  first().querySelector('button').click();
})"""


def test_page_when_acknowledge_is_pressed_twice_then_the_next_alarm_is_not_acknowledged_unseen(
    port: int,
    beds: Beds,
    browser: Browser,
    open_page: Callable[..., Any],
    make_subscriber: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    watcher = make_subscriber(port, "heartwire/+/command/ack")
    browser.size(390, 844, 2.0, True)
    browser.open(open_page(port).address)
    browser.until("document.querySelectorAll('.bed:not(.stale)').length >= 3")
    for device in ("bed1", "bed2"):
        beds.alarm(device, "vt")
        browser.until(
            f"[...document.querySelectorAll('.alarm .where')].some((w) => w.textContent === '{device}')"
        )
    time.sleep(0.7)
    answer, device = browser.evaluate(DOUBLE)
    assert answer == "the list has just moved: press again"
    browser.until("document.querySelector('.alarm:not(.acked) .answer').textContent === ''", 30.0)
    assert len(watcher.got) == 1
    assert watcher.got[0][0] != f"heartwire/{device}/command/ack"
    browser.click(".alarm:not(.acked) button")
    until(lambda: len(watcher.got) == 2, "the second acknowledgement")
    browser.until("document.querySelectorAll('.alarm.acked').length === 2")
    for device in ("bed1", "bed2"):
        beds.alarm(device, "vt", "cleared")


def test_page_when_an_alarm_is_asked_about_then_what_it_means_and_how_it_can_be_wrong(
    port: int, beds: Beds, browser: Browser, open_page: Callable[..., Any]
) -> None:
    browser.size(390, 844, 2.0, True)
    browser.open(open_page(port).address)
    browser.until("document.querySelectorAll('.bed').length >= 3")
    beds.alarm("bed1", "asystole")
    browser.until("document.querySelector('.alarm .more')")
    browser.click(".alarm .more summary")
    browser.until("document.querySelector('.alarm .more').open")
    words = browser.evaluate("document.querySelector('.alarm .more').innerText")
    meaning, wrong = (text.replace("`", "") for text in MEANING["asystole"])
    assert meaning in words
    assert f"It can be wrong: {wrong}" in words
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    beds.alarm("bed1", "asystole", "cleared")


def test_page_when_the_sound_is_paused_then_on_the_topic_and_shown_until_it_is_over(
    port: int,
    beds: Beds,
    browser: Browser,
    open_page: Callable[..., Any],
    make_subscriber: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    watcher = make_subscriber(port, "heartwire/+/command/pause")
    browser.size(1366, 768)
    browser.open(open_page(port).address)
    browser.until("document.querySelectorAll('.bed:not(.stale)').length >= 3")
    bed = "[...document.querySelectorAll('.bed')].find((b) => b.getAttribute('aria-label') === 'Bed bed1')"
    browser.evaluate(f"({bed}.querySelector('.hush').click(), 0)")
    topic, payload, retain = until(lambda: watcher.got, "the command")[0]
    assert (topic, retain) == ("heartwire/bed1/command/pause", False)
    assert json.loads(payload) == {"id": "page", "by": "page", "seconds": 120.0}
    browser.until(f"{bed}.querySelector('.hushed').textContent.includes('Sound paused until')")
    beds.alarm("bed1", "couplet", priority="low")
    row = "document.querySelector('.alarm.hushed[data-priority=low]')"
    browser.until(row)
    assert "bed1" not in browser.evaluate("document.getElementById('shout').textContent")
    browser.evaluate(f"({bed}.querySelector('.hush').click(), 0)")
    browser.until(f"{bed}.querySelector('.hushed').hidden && {row} === null")
    browser.until("document.getElementById('shout').textContent.endsWith('bed bed1')")
    assert json.loads(watcher.got[1][1])["seconds"] == 0
    beds.alarm("bed1", "couplet", "cleared", "low")


def test_page_when_its_sound_is_on_then_the_worst_that_is_open_is_heard_but_not_while_paused(
    port: int, beds: Beds, browser: Browser, open_page: Callable[..., Any]
) -> None:
    heard = "(document.getElementById('sound').dataset.heard || '')"
    browser.size(1366, 768)
    browser.open(open_page(port).address)
    browser.until("document.querySelectorAll('.bed:not(.stale)').length >= 3")
    beds.alarm("bed1", "couplet", priority="low")
    browser.until("document.querySelector('.alarm[data-priority=low]')")
    assert browser.evaluate(heard) == ""  # nobody has asked for sound
    browser.click("#sound")
    browser.until(f"{heard} === 'low 1'")
    browser.until("document.getElementById('sound').dataset.awake === 'true'")  # the screen stays on
    beds.alarm("bed2", "vt")
    browser.until(f"{heard} === 'high 2'")
    browser.until(f"{heard} === 'high 3'", 30.0)
    browser.click(".alarm[data-priority=high] button")
    browser.until("document.querySelector('.alarm.acked[data-priority=high]')")
    bed = "[...document.querySelectorAll('.bed')].find((b) => b.getAttribute('aria-label') === 'Bed bed3')"
    browser.evaluate(f"({bed}.querySelector('.hush').click(), 0)")
    browser.until(f"!{bed}.querySelector('.hushed').hidden")
    beds.alarm("bed3", "run", priority="medium")
    browser.until("document.querySelector('.alarm.hushed[data-priority=medium]')")
    time.sleep(1.0)
    assert "medium" not in browser.evaluate(heard)
    browser.evaluate(f"({bed}.querySelector('.hush').click(), 0)")
    browser.until(f"{heard}.startsWith('medium')", 30.0)
    browser.evaluate("(document.getElementById('sound').click(), 0)")
    browser.until("document.getElementById('sound').dataset.awake === 'false'")
    for device, name, priority in (
        ("bed1", "couplet", "low"),
        ("bed2", "vt", "high"),
        ("bed3", "run", "medium"),
    ):
        beds.alarm(device, name, "cleared", priority)


def test_page_when_opened_without_the_key_then_it_says_where_to_get_it(
    port: int, beds: Beds, browser: Browser, open_page: Callable[..., Any]
) -> None:
    browser.open(open_page(port).origin + "/")
    browser.until("document.querySelectorAll('.bed').length >= 3")
    beds.alarm("bed1", "vf")
    browser.until("document.querySelector('.alarm[data-priority=high] button')")
    browser.click(".alarm[data-priority=high] button")
    browser.until("document.querySelector('.alarm .answer').textContent.includes('holds the key')")
    beds.alarm("bed1", "vf", "cleared")


def test_page_when_the_monitors_stop_then_stale_within_three_seconds(
    port: int, beds: Beds, browser: Browser, open_page: Callable[..., Any]
) -> None:
    browser.open(open_page(port).address)
    live = "[...document.querySelectorAll('.bed:not(.stale)')].length"
    browser.until(f"{live} >= 3")
    words = "document.querySelector('#link .words').textContent"
    browser.until(f"{words} === 'live'")
    beds.alarm("bed1", "run", priority="medium")
    browser.until("document.querySelector('.alarm[data-priority=medium]')")
    beds.stop()
    stopped = time.monotonic()
    browser.until(f"{live} === 0", 5.0)
    assert time.monotonic() - stopped < 3.0
    assert browser.evaluate("[...document.querySelectorAll('.hr dd')].every((dd) => dd.textContent === '--')")
    assert "Stale" in browser.evaluate("document.querySelector('.bed .state').textContent")
    browser.until(f"{words} === 'no bed live' && document.querySelector('#link').dataset.up === 'false'", 5.0)
    browser.until("document.getElementById('summary').textContent.endsWith('0 alarms, 1 from before')", 5.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP])
def test_page_when_its_server_goes_dies_or_freezes_then_nothing_is_shown_as_current(
    port: int, beds: Beds, browser: Browser, open_page: Callable[..., Any], number: signal.Signals
) -> None:
    page = open_page(port)
    browser.open(page.address)
    browser.until("[...document.querySelectorAll('.bed:not(.stale)')].length >= 3")
    page.process.send_signal(number)
    try:
        browser.until("!document.getElementById('trouble').hidden", 60.0)
        assert "connection" in browser.evaluate("document.getElementById('trouble').textContent")
        assert browser.evaluate("document.querySelectorAll('.bed:not(.stale)').length") == 0
        assert set(
            browser.evaluate("[...document.querySelectorAll('.hr dd')].map((dd) => dd.textContent)")
        ) == {"--"}
        assert browser.evaluate("document.querySelector('#link .words').textContent") == "no connection"
    finally:
        page.process.send_signal(signal.SIGCONT)
        page.process.terminate()
        page.process.wait(60)
    browser.errors.clear()


def test_page_when_motion_is_unwanted_then_the_pen_goes_in_steps(
    port: int, beds: Beds, browser: Browser, open_page: Callable[..., Any]
) -> None:
    browser.prefer(reduced_motion="reduce", color_scheme="light")
    browser.size(800, 600)
    browser.open(open_page(port).address)
    browser.until(f"document.querySelector('.bed .trace') && {INK}[0] > 100")
    n = browser.evaluate(
        "new Promise((done) => { let last = -1, n = 0; const end = performance.now() + 2500;"
        f" const look = () => {{ const ink = {INK}[1]; n += ink !== last; last = ink;"
        " performance.now() < end ? setTimeout(look, 60) : done(n); }; look(); })"
    )
    assert 2 <= n <= 5
    assert browser.evaluate("getComputedStyle(document.querySelector('.pulse')).animationName") == "none"
    browser.prefer()


LEAD = """(async () => {
  const { Lead } = await import("/lead.js");
  const lead = new Lead(250, 0.001);
  const zeros = new Array(25).fill(0);
  lead.push(1e12, [2000, 2000, 3000, null, ...zeros.slice(4)]);
  const first = [0, 1, 2, 3, 4].map((i) => lead.at(i));
  lead.push(1e12 + 100, zeros);
  const whole = [lead.count, lead.index(1e12 + 100), lead.index(1e12)];
  lead.push(1e12 + 700, zeros);
  const gap = [lead.count, Number.isNaN(lead.at(60)), lead.index(1e12 + 700)];
  lead.push(5e12, zeros);
  const step = [lead.count, lead.index(5e12)];
  lead.push(1e12, zeros);
  for (let k = 1; k < 2000; k++) lead.push(1e12 + 100 * k, zeros);
  return { first, whole, gap, step, old: Number.isNaN(lead.at(5)), kept: lead.at(lead.count - 1) };
})()"""


def test_lead_when_chunks_come_with_holes_gaps_and_set_clocks_then_each_sample_in_its_place(
    port: int, browser: Browser, open_page: Callable[..., Any]
) -> None:
    browser.open(open_page(port).address)
    browser.until("document.getElementById('ward')")
    found = browser.evaluate(LEAD)
    assert found["first"][:2] == [0, 0]  # an electrode's offset is not shown
    assert found["first"][2] == pytest.approx(0.99, abs=0.01)
    assert found["first"][3:] == [None, 0]  # NaN, and begun anew after it
    assert found["whole"] == [50, 25, 0]
    assert found["gap"] == [50 + 125 + 25, True, 175]
    assert found["step"] == [200 + 60 + 25, 260]  # a clock that was set is a short hole
    assert found["old"]
    assert found["kept"] == 0
