"""What each alarm means and how it can be wrong: the text of ``edge/ALARMS.md``, made from the rules' own types.

``python -m edge.alarms.guide > edge/ALARMS.md``
"""

from __future__ import annotations

from edge.alarms.audio_pause import MAX_PAUSE_S
from edge.alarms.limits import MAY_BE_OFF, PRESETS, SETTABLE, in_words
from edge.alarms.state import MONITOR_SPECS, SPECS, AlarmSpec

MEANING = {
    "asystole": (
        "The heart does not beat, or not so that the electrodes see it.",
        "Beats too small for the detector; electrodes on a table that hum a little. A detached electrode, a gap and "
        "a silent link are never asystole. In noise it is told as `unreadable` instead. Where more than half of the "
        "samples are lost a QRS may be among them: it comes after 7 s there, and `unreadable` beside it. Missing where "
        "P-waves are nearly half as large as the patient's QRS, or where a device of less than 200 samples a second "
        "does not mark a pacemaker's pulses: both may be counted as beats. A small VT may be told as this, and atria "
        "that flutter on, or a baseline that wanders, make it `vf`.",
    ),
    "vf": (
        "The ventricles quiver: no blood is moved.",
        "Shaking, tooth brushing and chest compressions look like it; a fast VT may be told as this. Fine fibrillation "
        "may be too small to be seen. Where more than half of the samples are lost no wave can be judged, and it is "
        "not looked for: `unreadable` says so.",
    ),
    "vt": (
        "A fast rhythm from the ventricles; it may turn into fibrillation.",
        "Wide beats that are not ventricular (bundle branch block, aberrant conduction in atrial fibrillation, pacing) "
        "and electrode motion. A VT of few or narrow beats may be missed.",
    ),
    "extreme_brady": (
        "So slow that the body may not be supplied.",
        "Beats too small for the detector: the rate is that of the beats found. An athlete asleep.",
    ),
    "extreme_tachy": (
        "So fast that the heart may not fill.",
        "Exercise; tall T-waves or spikes counted as beats; a child with an adult's limits.",
    ),
    "pause": (
        "One long interval, told when the beat after it has come; if none comes it is asystole.",
        "One beat not found. Intervals with noise, a loss or a settling electrode in them are left out.",
    ),
    "run": (
        "Several ventricular beats in a row: too few for VT, or slower. Told when it has ended, or is as long as VT.",
        "As for `vt`.",
    ),
    "brady": ("A slow heart.", "Sleep, training, drugs; beats not found."),
    "tachy": ("A fast heart.", "Exercise, fever, fear; spikes counted as beats."),
    "af": (
        "The atria fibrillate: intervals without any order. New, it is for a doctor; known, it can be put into `off`.",
        "Many premature beats, or noise, make intervals as irregular. It needs dozens of beats: a minute late.",
    ),
    "couplet": ("Two ventricular beats in a row.", "As for `vt`, and movement for two beats."),
    "bigeminy": (
        "Every second beat comes from the ventricles.",
        "Alternating conduction; T-waves taken for beats.",
    ),
    "trigeminy": ("Every third beat comes from the ventricles.", "As for `bigeminy`."),
    "pvc_rate": ("Many ventricular beats in a minute.", "Wide beats that are not ventricular; movement."),
    "no_signal": (
        "No samples arrive: nothing is watched.",
        "A device that sends in bursts further apart than that. At the very start up to 6 s later, where frames come "
        "whose rate must first be measured.",
    ),
    "lead_off": (
        "An electrode is off: nothing is watched.",
        "Very dry electrodes; a device without detection is judged by a line that is flat, at its rail, or hums.",
    ),
    "unreadable": (
        "The signal is noise, or most of it is lost, or the analysis is dead: nothing can be relied on.",
        "An odd but true rhythm taken for noise. Look at the trace.",
    ),
    "rate_mismatch": (
        "Samples come faster or slower than the device says, so rates and intervals would be wrong.",
        "A link that stalls for seconds.",
    ),
    "device_id_clash": (
        "Two monitors have one device id: what is shown may be of another patient. The one that is wrong must be given "
        "an id of its own.",
        "A monitor that is started beside one that still runs, on purpose.",
    ),
    "overload": (
        "The monitor is too slow or was held up: alarms may come late.",
        "A recording played faster than time keeps it busy without harm.",
    ),
    "broker_lost": (
        "Nobody who listens to the broker hears anything. On the terminal and in the log at once, to readers when the "
        "broker is back.",
        "A broker that restarts slowly.",
    ),
    "recording_stopped": ("What happens now is not recorded.", "It is what the recorder says."),
}
"""Of every alarm: what it means, how it can be wrong."""

CHAINS = """\
## One event, one alarm

- **Nothing lethal is ever withheld**, whatever else is active, acknowledged or paused. VT that becomes fibrillation
  is told twice: what to do is another thing, and neither judgement is sure enough to keep the other quiet. So is a
  VT above the limit of `extreme_tachy`, and bradycardia that ends in asystole.
- A medium or low alarm is not raised while one that says more about the same event is active: the column *not
  while*. A run is told when it has ended or is too slow for VT, a pause when the next beat has come, so that a VT on
  its way to five beats, or an asystole on its way to four seconds, is not told two or three times.
- If it gets worse, the higher alarm is raised at once, acknowledged lesser ones or not.
- Each is raised again at most every 10 s (lethal, technical), 60 s (medium) or 5 min (low); the first is never
  delayed but by the column *delay*. What comes back within the column *over after* is the same alarm.

## What a person can do

- **Acknowledge** (`command/ack`, the page's button): seen. A lethal alarm stays until then, though its cause is gone;
  also over a failure of the analysis. A cause that comes back is a new alarm.
- **Pause the sound** (`command/pause`, the page's button): for at most {most:.0f} s, all alarms of one bed. It ends by
  itself, by the host's clock, though no samples arrive; a new lethal alarm ends it at once. Everything is shown and
  logged as before. The monitor makes no sound itself: the page does where a person has switched it on there (a help,
  not a siren: a browser in the background may be late), and a siren follows the retained topic `audio`.
- **Switch off** (`alarms.off`): {off}. No other may be off.
"""


def text() -> str:
    """The whole page, Markdown."""
    parts = [
        "# What each alarm means and how it can be wrong",
        "<!-- Written by `python -m edge.alarms.guide`; a test holds it against the rules. -->",
        "heartwire is not certified for anything, and every alarm below can be wrong or missing. Limits are those of "
        "the preset `adult`.",
        *_tables(),
        CHAINS.format(most=MAX_PAUSE_S, off=", ".join(f"`{name}`" for name in MAY_BE_OFF)).rstrip("\n"),
        "## Limits",
        "The presets are for people at rest: `child` is 1 to 10 years old. Who knows the patient sets better ones.",
        _presets(),
        "How to set one, and every other key of `[alarms]`: [CONFIG.md](CONFIG.md#alarms).",
    ]
    return "\n\n".join(parts) + "\n"


def _tables() -> list[str]:
    out = []
    for title, priorities in (
        ("Lethal: high priority, latched until acknowledged", ("high",)),
        ("Medium and low", ("medium", "low")),
        ("Technical: nobody watches, or nobody hears", ("technical",)),
    ):
        specs = [spec for spec in SPECS + MONITOR_SPECS if spec.priority in priorities]
        head = "| alarm | when | meaning | how it can be wrong | delay | over after | not while |"
        out += [f"## {title}", "\n".join([head, "|---|---|---|---|---|---|---|", *map(_row, specs)])]
    return out


def _row(spec: AlarmSpec) -> str:
    meaning, wrong = MEANING[spec.name]
    limits = PRESETS["adult"]
    on_s = limits.af_s if spec.name == "af" else spec.on_s
    name = f"`{spec.name}` ({spec.priority})" if spec.priority in ("medium", "low") else f"`{spec.name}`"
    above = ", ".join(f"`{other}`" for other in spec.above)
    cells = [
        name,
        in_words(limits)[spec.name],
        meaning,
        wrong,
        f"{on_s:g} s",
        f"{max(spec.off_s, spec.hold_s):g} s",
        above,
    ]
    return "| " + " | ".join(cells) + " |"


def _presets() -> str:
    head = ["limit", *PRESETS, "may be"]
    rows = [
        [f"`{name}`", *(f"{getattr(limits, name):g}" for limits in PRESETS.values()), f"{low:g} to {high:g}"]
        for name, (low, high) in SETTABLE.items()
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


if __name__ == "__main__":
    print(text(), end="")
