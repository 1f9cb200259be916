"""The report: its measures against recordings with known answers, its page in hostile hands and in Chromium."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from edge.bench.browser import chromium, find_chromium
from edge.cli import main
from edge.io.recordings import Recording
from edge.recording.annotations import Mark, encode
from edge.report.beats import Span, beats_of, rhythms, unreadable
from edge.report.charts import poincare
from edge.report.hrv import STRETCH_S, powers, strays, usable, variability
from edge.report.measures import measure, trend
from edge.report.page import clock_of, duration, page
from edge.report.strips import choose, windows
from edge.report.svg import Frame, dots, line, steps, time_steps

FS = 250.0


def made(beats: list[tuple[float, str]], seconds: float, more: list[Mark] = [], **given: object) -> Recording:  # noqa: B006
    """A recording of small noise with these beats, R-peaks in it."""
    n = round(seconds * FS)
    mv = (np.random.default_rng(0).normal(0, 0.01, (n, 1))).astype(np.float32)
    marks = [Mark(round(t * FS), name, num=90) for t, name in beats] + more
    for mark in marks:
        if mark.symbol in "NVS":
            mv[mark.sample] += 1.0
    marks = sorted(marks, key=lambda mark: mark.sample)
    known = {"name": "r", "device": "bed4", "leads": ("II",), "utc_s": 1_790_000_000.0} | given
    return Recording(fs=FS, mv=mv, marks=tuple(marks), annotated=True, **known)  # type: ignore[arg-type]


def swinging(seconds: float, hz: float, depth_s: float) -> list[tuple[float, str]]:
    """Normal beats whose intervals swing about 0.8 s."""
    beats, t = [], 0.5
    while t < seconds - 1:
        beats.append((t, "N"))
        t += 0.8 + depth_s * np.sin(2 * np.pi * hz * t)
    return beats


def test_variability_when_intervals_swing_at_a_known_rate_then_the_power_is_in_its_band() -> None:
    for hz, name in ((0.1, "LF"), (0.25, "HF"), (0.02, "VLF")):
        found = variability(beats_of(made(swinging(930, hz, 0.04), 930)))
        assert found.n_stretches == 3
        assert found.powers_ms2[name] == pytest.approx(40.0**2 / 2, rel=0.15)
        assert sum(found.powers_ms2.values()) - found.powers_ms2[name] < 0.1 * found.powers_ms2[name]
        assert found.sdnn_ms == pytest.approx(40 / np.sqrt(2), rel=0.05)
        assert found.mean_ms == pytest.approx(800, rel=0.01)


def test_variability_when_beats_are_ectopic_or_missed_then_only_nn_intervals_count() -> None:
    beats = [(0.8 * k + 0.5 + 0.004 * (k % 2), "N") for k in range(100)]
    beats[20] = (beats[20][0] - 0.3, "V")
    del beats[60]
    found = variability(beats_of(made(beats, 85)))
    assert (found.n_nn, found.n_excluded) == (95, 1)
    assert found.mean_ms == pytest.approx(800.0, abs=0.1)
    assert found.rmssd_ms == pytest.approx(8.0, abs=0.5)
    assert (found.pnn50, found.powers_ms2, found.lf_hf, found.sdann_ms) == (0.0, {}, None, None)
    assert usable(beats_of(made(beats, 85))).sum() == 95


def test_variability_when_there_is_little_then_nothing_is_claimed() -> None:
    for n in (0, 1, 20):
        found = variability(beats_of(made([(k + 0.5, "N") for k in range(n)], 30)))
        assert found.mean_ms is None
    assert not strays(np.array([1.0, 5.0])).any()
    assert STRETCH_S == 300.0
    assert set(powers(np.arange(0.0, 300.0), np.full(300, 1000.0))) == {"VLF", "LF", "HF"}


def test_beats_of_when_signal_is_missing_or_unreadable_then_no_interval_over_it() -> None:
    more = [Mark(2500, "~", -1), Mark(2700, "~", 0)]
    recording = made([(k + 0.5, "N") for k in range(30)], 30, more)
    recording.mv[round(20.6 * FS) : round(21.2 * FS)] = np.nan
    beats = beats_of(recording)
    gone = np.flatnonzero(np.isnan(beats.rr_s)).tolist()
    assert gone == [0, 10, 11, 21]
    assert np.isnan(beats.pause_s).all()
    assert unreadable(recording) == [Span("unreadable", 10.0, 10.8)]
    assert beats.quality[0] == 0.9


def test_page_when_the_heart_paused_then_it_is_told_and_no_heart_rate_is_made_of_it() -> None:
    recording = made([(k + 0.5, "N") for k in range(40) if not 20 <= k < 25], 40)
    beats = beats_of(recording)
    assert np.flatnonzero(np.isfinite(beats.pause_s)).tolist() == [20]
    assert beats.pause_s[20] == 6.0
    assert np.isnan(beats.rr_s[20])
    assert "1; the longest 6.00 s, ended 14:13:45" in page(recording, measure(recording))


def test_rhythms_when_told_then_stretches_to_the_end() -> None:
    more = [Mark(250, "+", aux="(N"), Mark(1000, "+", aux="(AFIB\0"), Mark(1500, "+", aux="(AFIB")]
    assert rhythms(made([], 10, more)) == [Span("sinus", 1.0, 4.0), Span("af", 4.0, 10.0)]
    assert rhythms(made([], 10)) == []


def test_measure_when_the_heart_runs_then_rates_runs_alarms_and_strips_say_so() -> None:
    beats = [(0.8 * k + 0.5, "N") for k in range(50)] + [(40.5 + 0.4 * k, "V") for k in range(20)]
    beats += [(49.0 + 0.8 * k, "N") for k in range(20)]
    more = [
        Mark(10500, '"', aux="alarm vt active high: 5 beats"),
        Mark(12000, '"', aux="alarm vt cleared high: x"),
    ]
    recording = made(beats, 70, more)
    found = measure(recording)
    assert (found.ventricular.runs, found.ventricular.longest, found.ventricular.single) == (1, 20, 0)
    assert np.nanmax(found.rates_bpm) == pytest.approx(150.0, abs=1)
    assert found.beats.counts() == {"N": 70, "S": 0, "V": 20, "F": 0, "Q": 0}
    (alarm,) = found.alarms
    chosen = choose(found.windows, found.alarms, recording)
    assert [one.why for one in chosen] == ["best signal", "worst signal", f"alarm vt: {alarm.value}"]
    assert chosen[2].start_s + (chosen[2].event_s or 0) == pytest.approx(42.0)
    assert np.isnan(trend(np.zeros(0), np.zeros(0), 60.0).mean).all()
    noisy = windows(recording, found.beats, [Span("unreadable", 12.0, 13.0)])
    assert noisy.unreadable.tolist() == [False, True, False, False, False, False, False]


class Tags(HTMLParser):
    """Counts elements, and keeps attributes that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.acts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.acts += [name for name, _ in attrs if name.startswith("on") or name in ("href", "src")]


EVIL = "<img src=x onerror=alert(1)>\"'</title></style><script>alert(1)</script>\x1b]0;\u202e"


def hostile() -> Recording:
    more = [
        Mark(500, '"', aux=f"alarm {EVIL.replace(' ', '_')} active high: {EVIL}"),
        Mark(600, "+", aux="(" + EVIL),
        Mark(900, "~", -1),
    ]
    return made([(k + 0.5, "V") for k in range(40)], 40, more, device=EVIL, leads=(EVIL,), name=EVIL)


def test_page_when_names_are_hostile_then_they_stay_text() -> None:
    text = page(hostile(), measure(hostile()))
    tags = Tags()
    tags.feed(text)
    assert tags.acts == []
    assert not {"script", "img"} & tags.names
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "Content-Security-Policy" in text
    assert text.count("<svg") == text.count("</svg>")


@pytest.mark.parametrize("seconds", [0.004, 3.0, 12.0, 200_000.0])
def test_page_when_there_is_next_to_nothing_then_a_page_still(seconds: float) -> None:
    n = max(1, round(min(seconds, 60.0) * FS))
    fs = n / seconds  # a day and more, in few samples
    for utc_s in (None, 0.0):
        empty = Recording("r", "", fs, ("",), np.full((n, 1), np.nan, np.float32), utc_s, (), True)
        text = page(empty, measure(empty))
        assert "nan" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL).lower().replace(
            "financ", ""
        )
    assert duration(3661.0) == "1 h 1 min 1 s"
    assert clock_of(empty)(5.0)


def test_svg_when_numbers_are_odd_then_round_steps_and_broken_lines() -> None:
    assert steps(43.0, 118.0, 5) == [60.0, 80.0, 100.0]
    assert time_steps(0.0, 7200.0)[1] == 900.0
    assert len(time_steps(0.0, 5e6)) <= 10
    frame = Frame(0, 10, 0, 1, 100)
    y = np.array([0.1, 0.2, np.nan, 0.4])
    assert line(frame, np.arange(4.0), y, "x").count("<polyline") == 1
    assert line(frame, np.arange(4.0), y, "x").count("<circle") == 1
    assert dots(frame, np.ones(9), np.ones(9), "x").count("M") == 1
    assert "no two NN intervals" in poincare(measure(made([], 5)))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A record of others with heartwire's annotations, as `heartwire evaluate --annotations` leaves them."""
    given = made(swinging(400, 0.1, 0.03), 400)
    (given.mv[:, 0] * 200).astype("<i2").tofile(tmp_path / "x.dat")
    (tmp_path / "x.hea").write_text(f"x 1 250 {given.mv.shape[0]}\nx.dat 16 200 16 0 0 0 0 MLII\n")
    (tmp_path / "x.hw").write_bytes(encode([Mark(mark.sample, mark.symbol) for mark in given.marks]))
    return tmp_path / "x"


def test_report_when_asked_then_a_page_that_chromium_shows_and_prints(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program, out = find_chromium(), record.with_suffix(".html")
    if program is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    assert main(["report", str(record), "--out", str(out), "--pdf"]) == 0
    assert capsys.readouterr().out.split() == [str(out), str(record.with_suffix(".pdf"))]
    assert record.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    evil = record.with_name("evil.html")
    evil.write_text(page(hostile(), measure(hostile())), encoding="utf-8")
    with chromium(program) as browser:
        for path in (out, evil):
            browser.size(390, 844, mobile=True)
            browser.open(path.as_uri())
            browser.until(
                "document.readyState === 'complete' && document.querySelectorAll('section').length === 9", 60
            )
            assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert browser.evaluate("document.scripts.length + document.images.length") == 0
        assert browser.errors == []


def test_report_when_there_is_nothing_to_tell_then_one_line(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["report", str(record), "--annotations", "atr", "--out", str(record.with_suffix(".html"))]) == 2
    )
    assert "has no annotations .atr" in capsys.readouterr().err
    assert main(["report", str(record), "--out", str(record / "no" / "such.html")]) == 2
    assert "cannot write" in capsys.readouterr().err
