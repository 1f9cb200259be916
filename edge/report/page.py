"""The report as one HTML page that needs nothing else. Pure; whatever a name or a remark holds stays text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from edge.io.recordings import Recording
from edge.recording.ecg_paper import safe
from edge.recording.wfdb_header import moment
from edge.report import charts
from edge.report.measures import Measures
from edge.report.strips import choose, drawn

MOST_ALARMS = 500
_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#16202b;background:#fff;margin:0 auto;max-width:980px;padding:16px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:28px 0 6px;border-bottom:1px solid #c8d0d8;padding-bottom:3px}
p{margin:4px 0}.small{color:#4b5764;font-size:13px}table{border-collapse:collapse;margin:6px 0}
td,th{padding:2px 14px 2px 0;text-align:left;vertical-align:top;border-bottom:1px solid #e6eaee;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.pair{display:flex;flex-wrap:wrap;gap:8px 40px;align-items:flex-start}
svg{max-width:100%;height:auto;display:block}svg.chart{width:100%}
.chart text{font:12px system-ui,sans-serif;fill:#3a4653}
.grid{stroke:#dfe5ea;stroke-width:1;fill:none}.rate{stroke:#0b4f9e;stroke-width:1.6;fill:none}circle.rate{fill:#0b4f9e}
.span{fill:#9fc3ea;opacity:.6}.v{fill:#b3261e}.s{fill:#c77700}.none{fill:#8a949e;opacity:.55}
.poincare{stroke:#0b4f9e;stroke-width:4;stroke-linecap:round;opacity:.35;fill:none}
.same{stroke:#8a949e;stroke-dasharray:4 4;fill:none}.quality{stroke:#1d6f42;stroke-width:1.6;fill:none}
circle.quality{fill:#1d6f42}.r0{fill:#7fb6d9}.r1{fill:#e8a33d}.r2{fill:#c0392b}.r3{fill:#8e44ad}.r4{fill:#9aa5b1}
.r5{fill:#d9dee3}.r6{fill:#5d8a3a}.high{font-weight:700;color:#8c1d18}.strip{margin:8px 0 14px}.square{max-width:460px}
@media print{body{max-width:none;padding:0}h2{break-after:avoid}.strip,table,svg{break-inside:avoid}}
@page{size:A4;margin:12mm}
"""


def page(recording: Recording, found: Measures) -> str:
    """The page.

    Parameters
    ----------
    recording : Recording
        What is reported.
    found : Measures
        Its measures.
    """
    clock = clock_of(recording)
    name = recording.device or recording.name
    parts: list[str] = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>ECG report: {safe(name)}</title><style>{_STYLE}</style></head><body>",
        *_head(recording, name),
        *_section("Summary", _summary(recording, found, clock)),
        *_section("Heart rate", [charts.rate(recording, found, clock)]),
        *_section("Rhythm", [charts.rhythm(recording, found, clock), _rhythms(found)]),
        *_section("Beats", [_counts(found), charts.ectopy(recording, found, clock)]),
        *_section("Heart rate variability", _hrv(found)),
        *_section("RR intervals against the one before (Poincaré)", [charts.poincare(found)]),
        *_section("Alarms", _alarms(recording, found, clock)),
        *_section("Signal quality", _quality(recording, found, clock)),
        *_section("Strips", _strips(recording, found, clock)),
        "</body></html>\n",
    ]
    return "".join(parts)


def clock_of(recording: Recording) -> Callable[[float], str]:
    """Gives the time of day (UTC) of seconds from the start, or the time since the start where no day is known."""
    base = recording.utc_s

    def since(t_s: float) -> str:
        minutes, seconds = divmod(int(t_s), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"

    if base is None:
        return since
    days = recording.seconds > 86400.0
    return lambda t_s: moment(base + t_s).strftime("%d %H:%M" if days else "%H:%M:%S")


def _section(title: str, body: Iterable[str]) -> Iterator[str]:
    yield f"<section><h2>{title}</h2>"
    yield from body
    yield "</section>"


def _head(recording: Recording, name: str) -> Iterator[str]:
    yield f"<h1>ECG report: {safe(name)}</h1><p>"
    if recording.utc_s is not None:
        begin, end = moment(recording.utc_s), moment(recording.utc_s + recording.seconds)
        yield f"{begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC, "
    leads = ", ".join(safe(lead) for lead in recording.leads)
    yield f"{duration(recording.seconds)}; {recording.fs:g} Hz, lead {leads}</p>"
    yield (
        '<p class="small">Made by heartwire from its own labels, which nobody has reviewed. heartwire is not a medical '
        "device: do not decide anything about a patient by this page.</p>"
    )


def duration(seconds: float) -> str:
    """A length of time in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if hours or minutes else []
    return " ".join([*parts, f"{rest} s"])


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = (), numbers: Sequence[int] = (1,)) -> str:
    """An HTML table; cells are HTML already. `numbers`: columns set to the right."""
    css = [' class="n"' if k in numbers else "" for k in range(16)]
    out = ["<table>"]
    if head:
        out.append("<tr>" + "".join(f"<th{css[k]}>{cell}</th>" for k, cell in enumerate(head)) + "</tr>")
    for row in rows:
        out.append("<tr>" + "".join(f"<td{css[k]}>{cell}</td>" for k, cell in enumerate(row)) + "</tr>")
    return "".join([*out, "</table>"])


def _summary(recording: Recording, found: Measures, clock: Callable[[float], str]) -> Iterator[str]:
    rates, beats = found.rates_bpm, found.beats
    rows: list[tuple[str, str]] = [("Beats", f"{len(beats.t_s)}")]
    if np.isfinite(rates).any():
        low, high = int(np.nanargmin(rates)), int(np.nanargmax(rates))
        mean = 60.0 / float(np.nanmean(beats.rr_s))
        rows.append(("Heart rate, mean", f"{mean:.0f} bpm"))
        for what, k in (("lowest", low), ("highest", high)):
            rows.append((f"Heart rate, {what} of 8 beats", f"{rates[k]:.0f} bpm at {clock(beats.t_s[k])}"))
    if np.isfinite(beats.rr_s).any():
        k = int(np.nanargmax(beats.rr_s))
        rows.append(("Longest RR interval up to 3 s", f"{beats.rr_s[k]:.2f} s at {clock(beats.t_s[k])}"))
    pauses = int(np.isfinite(beats.pause_s).sum())
    rows.append(("Longer ones, over signal that could be read", f"{pauses}"))
    if pauses:
        k = int(np.nanargmax(beats.pause_s))
        ended = f"{beats.pause_s[k]:.2f} s, ended {clock(beats.t_s[k])}"
        rows[-1] = (rows[-1][0], f"{pauses}; the longest {ended}")
    read_s = max(0.0, recording.seconds - found.missing_s - found.unreadable_s)
    rows.append(("Signal read", f"{duration(read_s)} of {duration(recording.seconds)}"))
    patient = [alarm for alarm in found.alarms if alarm.patient]
    rows.append(("Alarms of the patient; technical", f"{len(patient)}; {len(found.alarms) - len(patient)}"))
    yield table(rows, numbers=())


def _rhythms(found: Measures) -> str:
    total = found.rhythm_seconds()
    if not total:
        return "<p>The annotations tell no rhythm.</p>"
    whole = sum(total.values())
    rows = [(safe(name, 24), duration(s), f"{100 * s / whole:.1f} %") for name, s in list(total.items())[:20]]
    return table(rows, ("rhythm", "time", "share"), (1, 2))


def _counts(found: Measures) -> str:
    counts, n = found.beats.counts(), max(1, len(found.beats.t_s))
    words = {
        "N": "normal",
        "S": "supraventricular",
        "V": "ventricular",
        "F": "fusion",
        "Q": "paced or unknown",
    }
    rows = [(f"{k}, {words[k]}", f"{counts[k]}", f"{100 * counts[k] / n:.2f} %") for k in words]
    runs = found.ventricular
    more = [
        ("ventricular, single", f"{runs.single}"),
        ("couplets", f"{runs.couplets}"),
        ("runs of 3 and more", f"{runs.runs}"),
        ("longest run", f"{runs.longest} beats"),
    ]
    return f'<div class="pair">{table(rows, ("class", "beats", "share"), (1, 2))}{table(more)}</div>'


def _hrv(found: Measures) -> Iterator[str]:
    hrv = found.hrv
    if hrv.mean_ms is None:
        yield f"<p>{hrv.n_nn} NN intervals are too few.</p>"
        return
    ms = [("mean NN", hrv.mean_ms), ("SDNN", hrv.sdnn_ms), ("SDANN (5 min)", hrv.sdann_ms)]
    ms += [("SDNN index (5 min)", hrv.sdnn_index_ms), ("RMSSD", hrv.rmssd_ms)]
    rows = [(name, "–" if value is None else f"{value:.1f} ms") for name, value in ms]
    rows.append(("pNN50", "–" if hrv.pnn50 is None else f"{hrv.pnn50:.1f} %"))
    power = [(f"{name} power", f"{value:.0f} ms²") for name, value in hrv.powers_ms2.items()]
    if hrv.lf_hf is not None:
        power.append(("LF/HF", f"{hrv.lf_hf:.2f}"))
    yield f'<div class="pair">{table(rows)}{table(power) if power else ""}</div>'
    yield (
        f'<p class="small">{hrv.n_nn} intervals between two normal beats; {hrv.n_excluded} that differ by more than '
        "20 % from their neighbours are left out. "
    )
    if hrv.powers_ms2:
        yield f"Frequency bands: mean over {hrv.n_stretches} stretches of 5 min (Welch). "
    yield "Definitions: Task Force of the ESC and NASPE, Circulation 93:1043, 1996.</p>"


def _alarms(recording: Recording, found: Measures, clock: Callable[[float], str]) -> Iterator[str]:
    if not found.alarms:
        yield "<p>The annotations tell no alarm.</p>"
        return
    rows = []
    for alarm in found.alarms[:MOST_ALARMS]:
        css = ' class="high"' if alarm.priority == "high" else ""
        word = f"<span{css}>{safe(alarm.name, 40)}</span>"
        rows.append((clock(alarm.at / recording.fs), word, safe(alarm.priority, 12), safe(alarm.value)))
    yield table(rows, ("time", "alarm", "priority", "what was seen"), ())
    if len(found.alarms) > MOST_ALARMS:
        yield f"<p>The first {MOST_ALARMS} of {len(found.alarms)}.</p>"


def _quality(recording: Recording, found: Measures, clock: Callable[[float], str]) -> Iterator[str]:
    yield charts.quality(recording, found, clock)
    yield (
        f'<p class="small">No samples: {duration(found.missing_s)}; marked as not readable: '
        f"{duration(found.unreadable_s)} (both grey).</p>"
    )


def _strips(recording: Recording, found: Measures, clock: Callable[[float], str]) -> Iterator[str]:
    chosen = choose(found.windows, found.alarms, recording)
    if not chosen:
        yield "<p>There are no ten seconds without holes.</p>"
    for svg in drawn(recording, found.beats, chosen, [clock(one.start_s) for one in chosen]):
        yield f'<div class="strip">{svg}</div>'
