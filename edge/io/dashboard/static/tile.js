// One bed: its strips and numbers.

import { Inside } from "./inside.js";
import { Strip } from "./strip.js";
import { clock, reasonName, rhythmName, write } from "./words.js";

const SQI_WORDS = [
  [0.8, "good", 4],
  [0.6, "fair", 3],
  [0.4, "poor", 2],
  [0, "bad", 1],
];
const SHOWN_SMALL = 1; // strips of a bed that is not open
const MOST_STRIPS = 12;
const MOST_LINES = 30;
const SIDE = 148; // width of the numbers and height of the header at the smallest size [CSS px]
const HEAD = 42;
const HUSH_S = 120; // how long the sound of a bed's alarms is paused by its button

export class Tile {
  // number is the server's, say(text) tells those who listen, onOpen(tile) a wish to see it large;
  // hush(tile, seconds) asks for a pause of the sound and gives what is wrong; onWhy(tile) a wish to look inside.
  constructor(number, it, style, say, onOpen, hush, onWhy) {
    const root = document.getElementById("bed").content.cloneNode(true).firstElementChild;
    this.root = root;
    this.number = number;
    this.name = it.name;
    this.canAck = it.can_ack;
    this.style = style;
    this.say = say;
    this.strips = [];
    this.vitals = null;
    this.since = null;
    this.stale = true;
    this.heard = false;
    this.online = null;
    this.audio = null;
    this.refusal = "";
    this.onStrips = () => {}; // another strip is there
    const find = (path) => root.querySelector(path);
    this.dom = {
      open: find(".open"),
      rhythm: find(".rhythm"),
      state: find(".state"),
      hushed: find(".hushed"),
      hush: find(".hush"),
      why: find(".why"),
      strips: find(".strips"),
      hr: find(".hr dd"),
      pulse: find(".pulse"),
      sqi: find(".sqi .word"),
      bars: find(".sqi .bars"),
      rmssd: find(".rmssd dd"),
      pvc: find(".pvc dd"),
      veil: find(".veil"),
      veilText: find(".veil span"),
      log: find(".log"),
    };
    write(find(".open bdi"), it.name);
    this.dom.open.title = it.name;
    root.setAttribute("aria-label", `Bed ${it.name}`);
    this.dom.open.addEventListener("click", () => onOpen(this));
    this.inside = new Inside(find(".inside"), style, it.name);
    this.dom.why.addEventListener("click", () => onWhy(this));
    this.dom.why.setAttribute("aria-label", `Explain: what the networks see, bed ${it.name}`);
    this.dom.hush.addEventListener("click", () => {
      this.refusal = hush(this, this.hushed ? 0 : HUSH_S);
      this.render();
    });
    this.render();
  }

  // How large everything of it is, in times the smallest; `width`, `height`: about its own, in CSS pixels.
  resize(scale, width, height) {
    this.root.style.setProperty("--s", scale.toFixed(2));
    const n = this.strips.filter((strip) => strip.figure.offsetParent !== null).length || 1;
    for (const strip of this.strips) strip.enlarge(width - SIDE * scale, (height - HEAD * Math.min(0.5 + 0.5 * scale, 1.7)) / n);
  }

  // -- what came -----------------------------------------------------------------------------------

  onLead(it) {
    if (it.number >= MOST_STRIPS) return;
    while (this.strips.length <= it.number) {
      const figure = document.getElementById("strip").content.cloneNode(true).firstElementChild;
      this.dom.strips.append(figure);
      this.strips.push(new Strip(figure, this.style));
    }
    const strip = this.strips[it.number];
    write(strip.figure.querySelector("figcaption"), it.name);
    strip.name = it.name;
    strip.describe(it.fs, it.scale_mv);
    strip.figure.classList.toggle("more", it.number >= SHOWN_SMALL);
    this.describe();
    this.onStrips();
  }

  onWave(lead, t, x) {
    this.strips[lead]?.push(t, x);
  }

  onBeat(it) {
    const was = this.strips[0]?.mark(it);
    if (it.final && was !== undefined && was.aami !== it.aami) this.note(`beat first taken for ${was.aami} is ${it.aami}`, it.t_ms);
    if (it.final || this.stale) return;
    this.dom.pulse.classList.remove("beats");
    requestAnimationFrame(() => this.dom.pulse.classList.add("beats"));
  }

  onVitals(it) {
    const before = this.vitals;
    this.vitals = it;
    if (before !== null && !this.stale) {
      if (before.rhythm !== it.rhythm) this.say(`${this.name}: ${rhythmName(it.rhythm)}`);
      if (before.lead_off !== it.lead_off) this.say(`${this.name}: electrode ${it.lead_off ? "off" : "on"}`);
    }
    this.render();
  }

  onRhythm(it) {
    if (this.since === null || this.since.label !== it.label) this.note(rhythmName(it.label), it.since_ms);
    this.since = it;
    this.render();
  }

  onSignal(it) {
    this.online = it.online;
    this.render();
  }

  onAudio(it) {
    const was = this.hushed;
    this.audio = it;
    this.refusal = "";
    if (was !== this.hushed) this.say(`${this.name}: ${this.hushed ? "sound of alarms paused" : "sound of alarms on"}`);
    this.render();
  }

  onAnswer(it) {
    if (it.verb !== "pause") return;
    this.refusal = it.ok ? "" : it.error || "refused";
    this.render();
  }

  // Whether the sound of this bed's alarms is paused, as far as its monitor speaks.
  get hushed() {
    return !this.stale && this.audio !== null && this.audio.until_ms !== null;
  }

  onFresh(it) {
    if (!it.stale) this.heard = true;
    if (it.stale && !this.stale) {
      this.say(`${this.name}: no data, stale`);
      this.note("no data any more: stale", Date.now());
    }
    this.stale = it.stale;
    this.lost = it.stale ? Date.now() - 1000 * (it.after_s ?? 0) : null;
    this.render();
  }

  onExplain(it) {
    this.inside.onExplain(it);
  }

  explain(on) {
    this.inside.show(on);
    this.dom.why.setAttribute("aria-expanded", String(on));
  }

  onNote(it) {
    this.note(it.detail === "" ? it.kind : `${it.kind.replaceAll("_", " ")}: ${it.detail}`, Date.now());
  }

  // A line for those who look at this bed alone.
  note(text, ms) {
    const line = document.createElement("li");
    const time = document.createElement("time");
    write(time, clock(ms));
    line.append(time, text);
    this.dom.log.prepend(line);
    while (this.dom.log.children.length > MOST_LINES) this.dom.log.lastElementChild.remove();
  }

  // The worst alarm that nobody has acknowledged, "" for none.
  onAlarms(priority) {
    this.root.dataset.alarm = priority;
  }

  // -- what is shown -------------------------------------------------------------------------------

  render() {
    const { dom, stale } = this;
    const v = stale ? null : this.vitals;
    const whole = (x) => (x === null || x === undefined ? "--" : x.toFixed(0));
    write(dom.hr, whole(v?.hr_bpm));
    dom.hr.classList.toggle("none", (v?.hr_bpm ?? null) === null);
    write(dom.rmssd, whole(v?.rmssd_ms));
    write(dom.pvc, v?.pvc_per_min === null || v === null ? "--" : v.pvc_per_min.toFixed(v.pvc_per_min < 10 ? 1 : 0));
    const sqi = v?.sqi ?? null;
    const [, word, bars] = sqi === null ? [0, "--", 0] : SQI_WORDS.find(([least]) => sqi >= least) ?? SQI_WORDS[3];
    const known = sqi !== null && !v.warming;
    write(dom.sqi, known ? `${word} ${Math.round(100 * sqi)}%` : "--");
    dom.bars.dataset.n = known ? bars : 0;
    write(dom.rhythm, v === null ? "" : this.rhythmText(v));
    const [state, kind] = this.stateText(v);
    write(dom.state, state);
    dom.state.dataset.kind = kind;
    const until = this.hushed ? `\u266a\u0338 Sound paused until ${clock(this.audio.until_ms)}${this.audio.by ? ` by ${this.audio.by}` : ""}` : "";
    write(dom.hushed, this.refusal || until);
    dom.hushed.hidden = dom.hushed.textContent === "";
    write(dom.hush, this.hushed ? "Sound on" : "Pause sound");
    dom.hush.setAttribute("aria-label", `${this.hushed ? "Sound of alarms on" : "Pause the sound of alarms for 2 minutes"}, bed ${this.name}`);
    dom.hush.disabled = stale || !this.canAck;
    this.root.classList.toggle("stale", stale);
    this.root.classList.toggle("silent", !stale && this.online === false);
    dom.veil.hidden = !stale && this.online !== false;
    this.age();
    this.describe();
  }

  rhythmText(v) {
    const since = this.since !== null && this.since.label === v.rhythm ? clock(this.since.since_ms) : "";
    return rhythmName(v.rhythm) + (since === "" || v.rhythm === "unknown" ? "" : ` since ${since}`);
  }

  stateText(v) {
    if (v === null) return ["\u25cc Stale", "stale"];
    if (this.online === false) return ["\u2715 No signal", "bad"];
    if (v.lead_off) return ["\u2715 Electrode off", "bad"];
    if (v.hr_bpm === null && v.reason !== "") return [`\u25cb ${reasonName(v.reason)}`, "doubt"];
    if (v.warming) return ["\u25cb warming up", "doubt"];
    return ["\u25cf Electrodes on", "good"];
  }

  // The veil's words; once a second while there is one.
  age() {
    const { veil, veilText } = this.dom;
    if (this.inside.shown) this.inside.age(this.stale);
    if (veil.hidden) return;
    if (!this.stale) {
      const ms = this.vitals?.age_ms;
      write(veilText, `No signal from the device${ms ? ` for ${duration(ms)}` : ""}`);
    } else if (!this.heard) {
      write(veilText, "Stale: its monitor has not spoken since this page was opened");
    } else {
      write(veilText, `Stale: no data for ${duration(Date.now() - this.lost)}`);
    }
  }

  describe() {
    const v = this.stale ? null : this.vitals;
    const now = v === null ? "stale" : `heart rate ${v.hr_bpm === null ? "unknown" : Math.round(v.hr_bpm)}, ${rhythmName(v.rhythm)}`;
    for (const strip of this.strips) {
      const label = `ECG of ${this.name}, lead ${strip.name}: ${now}`;
      if (strip.canvas.getAttribute("aria-label") !== label) strip.canvas.setAttribute("aria-label", label);
    }
  }

  advance(dt, calm) {
    for (const strip of this.strips) strip.advance(dt, calm);
  }

  repaint() {
    for (const strip of this.strips) strip.repaint();
    this.inside.repaint();
  }
}

function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  return s < 7200 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
}
