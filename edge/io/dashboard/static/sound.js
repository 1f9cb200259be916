// What should be heard, heard. A browser plays nothing before a person has asked for it: hence a button, off at first.

import { write } from "./words.js";

// Pulses and pauses [s], when they come again [s], pitch [Hz]: more, faster and higher the more urgent it is, in the
// ranges of IEC 60601-1-8 (bursts of 10, 3 and 2 pulses; what is technical has one).
const LONG = 0.34;
const SHORT = 0.1;
const FIVE = [SHORT, SHORT, LONG, SHORT];
const BURSTS = {
  high: { gaps: [...FIVE, 0.5, ...FIVE], width: 0.12, again: 5, pitch: 880 },
  medium: { gaps: [0.2, 0.2], width: 0.2, again: 12, pitch: 660 },
  low: { gaps: [0.25], width: 0.2, again: 25, pitch: 520 },
  technical: { gaps: [], width: 0.25, again: 25, pitch: 392 },
};
const ORDER = ["high", "medium", "low", "technical"];
const LOOK_MS = 200;

export class Sound {
  // wanted() gives the priority that should be heard now, "" for none.
  constructor(button, wanted) {
    this.button = button;
    this.wanted = wanted;
    this.context = null;
    this.on = false;
    this.last = "";
    this.due = 0;
    this.count = 0;
    this.lock = null;
    button.addEventListener("click", () => this.toggle());
    document.addEventListener("visibilitychange", () => this.stayAwake());
    setInterval(() => this.look(), LOOK_MS);
    this.show();
  }

  toggle() {
    this.on = !this.on;
    if (this.on) {
      this.context ??= new AudioContext();
      this.context.resume();
      this.due = 0;
    }
    this.stayAwake();
    this.show();
  }

  // A screen that goes dark takes the sound with it: it stays on while the sound does, where the browser lets it (over
  // TLS or on this machine; the lock is lost whenever the page is out of sight).
  async stayAwake() {
    if (!this.on) {
      this.lock?.release();
      this.lock = null;
    } else if (document.visibilityState === "visible" && (this.lock === null || this.lock.released)) {
      try {
        this.lock = await navigator.wakeLock.request("screen");
      } catch {
        this.lock = null;
      }
    }
    this.button.dataset.awake = String(this.lock !== null);
  }

  show() {
    write(this.button, this.on ? "\u266a on" : "\u266a off");
    this.button.setAttribute("aria-pressed", String(this.on));
    this.button.setAttribute("aria-label", "Sound of alarms on this page");
  }

  look() {
    const now = this.wanted();
    if (!this.on) return;
    const worse = now !== "" && (this.last === "" || ORDER.indexOf(now) < ORDER.indexOf(this.last));
    this.last = now;
    if (now === "" || (!worse && performance.now() < this.due)) return;
    this.due = performance.now() + 1000 * BURSTS[now].again;
    this.play(BURSTS[now]);
    this.count += 1;
    this.button.dataset.heard = `${now} ${this.count}`;
  }

  play({ gaps, width, pitch }) {
    let t = this.context.currentTime + 0.05;
    for (const gap of [...gaps, 0]) {
      this.pulse(t, width, pitch);
      t += width + gap;
    }
  }

  // One pulse, its edges soft, with overtones, so that an old loudspeaker and an old ear have something of it.
  pulse(t, width, pitch) {
    for (const [harmonic, loudness] of [[1, 0.3], [2, 0.15], [3, 0.1], [4, 0.06]]) {
      const tone = this.context.createOscillator();
      const gain = this.context.createGain();
      tone.frequency.value = pitch * harmonic;
      gain.gain.setValueAtTime(0, t);
      gain.gain.linearRampToValueAtTime(loudness, t + 0.02);
      gain.gain.setValueAtTime(loudness, t + width - 0.03);
      gain.gain.linearRampToValueAtTime(0, t + width);
      tone.connect(gain).connect(this.context.destination);
      tone.start(t);
      tone.stop(t + width + 0.01);
    }
  }
}
