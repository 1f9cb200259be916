// The Explain view of one bed: what the CNN saw of the last beat, what the GRU remembers, who said what, and what weighed.

import { both, fitted, heat, sequential } from "./colours.js";
import { Memory, Places } from "./memory.js";
import { most, unpack } from "./packed.js";
import { clock, write } from "./words.js";

const OLD_MS = 5000; // an explained beat is stale from then on
const CLASSES = ["N", "S", "V", "F", "Q"];
const SAYS = ["QRS", ...CLASSES];
const LEFT = 36; // room for the names of rows [CSS px]
const GROUPS = {
  gru: "GRU's opinion",
  cnn: "CNN's opinion",
  timing: "intervals to the beats before",
  shape: "likeness to the usual beat",
  quality: "signal quality",
  memory: "memory of this patient",
};
const FONT = '11px system-ui, "DejaVu Sans", sans-serif';
const ms = (s) => `${s < 0 ? "\u2212" : "+"}${Math.abs(Math.round(1000 * s))} ms`;
const held = (s) => (s > 0.95 ? "1 s and more" : `${(1000 * s).toFixed(0)} ms`);
const signed = (v) => `${v < 0 ? "\u2212" : "+"}${Math.abs(v).toFixed(1)}`;
const percent = (p) => (p < 0.01 ? "<1" : p > 0.99 ? ">99" : Math.round(100 * p).toString());

export class Inside {
  // style() gives the inks; dark() whether the ground is dark.
  constructor(root, style, name) {
    this.root = root;
    this.style = style;
    this.name = name;
    this.it = null;
    this.heard = 0;
    this.memory = new Memory();
    this.places = [];
    this.find = (path) => root.querySelector(path);
    new ResizeObserver(() => this.repaint()).observe(root);
  }

  get shown() {
    return !this.root.hidden;
  }

  show(on) {
    this.root.hidden = !on;
    if (on) {
      this.opened = performance.now();
      this.age(false);
      this.repaint();
    }
  }

  onExplain(it) {
    const { cnn, gru } = it;
    this.it = it;
    this.heard = performance.now();
    this.image = unpack(cnn.image);
    this.maps = cnn.layers.map((layer) => ({ ...unpack(layer), reach: layer.reach }));
    this.maps.forEach((map, k) => (this.places[k] ??= new Places()).push(map));
    this.ecg = unpack(gru.ecg);
    this.h = unpack(gru.h);
    this.posteriors = unpack(gru.posteriors);
    this.memory.push(this.h, gru.fs);
    this.age(false);
    this.repaint();
  }

  // Once a second, and when something came: how old what is shown is.
  age(stale) {
    const { it, root } = this;
    const waited = performance.now() - (it === null ? this.opened : this.heard);
    const old = stale || waited > OLD_MS;
    root.classList.toggle("old", old || it === null);
    this.find(".panels").hidden = it === null;
    const seconds = Math.round(waited / 1000);
    let text = "Waiting for a beat to explain\u2026";
    if (it !== null) text = `Beat ${it.id}, ${clock(it.t_ms)}: ${it.aami}${it.readable ? "" : ", unreadable"}${it.warming ? ", warming up" : ""}`;
    else if (old) text = "Nothing to explain. The monitor says what its networks saw only when it was started with --explain (heartwire demo --explain, heartwire run --explain).";
    write(this.find(".which"), text);
    const late = it?.delay_ms ? `first answer ${Math.round(it.delay_ms)} ms after its R-peak` : "";
    write(this.find(".age"), it === null ? "" : old ? `\u25cc Stale: seen ${seconds} s ago` : late);
  }

  repaint() {
    if (!this.shown || this.it === null) return;
    this.ink = this.style();
    this.dark = getComputedStyle(document.documentElement).colorScheme !== "light";
    this.drawBeat();
    this.drawLayers();
    this.drawSpoke();
    this.drawSaid();
    this.drawMemory();
    this.fillTable();
    this.fillWeights();
  }

  // -- the CNN -------------------------------------------------------------------------------------

  // When a sample of the window was, in seconds; the R-peak is at 0.
  time(k) {
    return (k - this.it.cnn.before) / this.it.cnn.fs;
  }

  drawBeat() {
    const canvas = this.find(".saw canvas");
    const [beat, usual, difference] = [0, 1, 2].map((c) => this.image.column(c));
    const [tall, height] = most(beat, Math.abs);
    const [far, gap] = most(difference, Math.abs);
    const known = usual.some((v) => Math.abs(v) > 0.02);
    const apart = known ? `largest difference from the usual beat ${gap.toFixed(2)} at ${ms(this.time(far))}` : "no usual beat is known yet";
    describe(canvas, `What the CNN was shown of beat ${this.it.id} of ${this.name}: tallest ${height.toFixed(2)} at ${ms(this.time(tall))}; ${apart}`);
    const place = fitted(canvas);
    if (place === null) return;
    const { pen, width, height: whole } = place;
    const split = known ? whole * 0.66 : whole - 16;
    const x = (k) => LEFT + ((k + 0.5) / beat.length) * (width - LEFT);
    this.ruleTime(pen, x, width, whole);
    const all = known ? [...beat, ...usual] : [...beat];
    const [low, high] = [Math.min(0, ...all), Math.max(0.2, ...all)];
    const y = (v) => 8 + ((high - v) / (high - low)) * (split - 16);
    if (known) line(pen, usual, x, y, this.ink.S, 2, [5, 4]);
    line(pen, beat, x, y, this.ink.trace, 1.8);
    if (known) {
      const size = Math.max(0.25, Math.abs(gap));
      const z = (v) => split + (whole - 14 - split) / 2 - (v / size) * ((whole - 20 - split) / 2);
      line(pen, difference.map(() => 0), x, z, this.ink.major, 1);
      line(pen, difference, x, z, this.ink.V, 1.6);
    }
    label(pen, `${high.toFixed(1)}`, 0, y(high) + 4, this.ink.text);
    label(pen, "0", 0, y(0), this.ink.text);
  }

  // Lines and numbers every 200 ms, a stronger one at the R-peak.
  ruleTime(pen, x, width, height) {
    const { fs, before } = this.it.cnn;
    for (let t = -10; t <= 10; t++) {
      const k = before + 0.2 * t * fs;
      if (k < 0 || k >= this.image.rows) continue;
      pen.fillStyle = t === 0 ? this.ink.text : this.ink.major;
      pen.fillRect(x(k), 0, 1, height - 12);
      label(pen, t === 0 ? "R" : `${200 * t}`, Math.min(width - 26, x(k) + 3), height - 5, this.ink.text);
    }
  }

  drawLayers() {
    const list = this.find(".levels");
    while (list.children.length > this.maps.length) list.lastElementChild.remove();
    while (list.children.length < this.maps.length) list.append(document.getElementById("level").content.cloneNode(true));
    this.maps.forEach((map, k) => {
      const figure = list.children[k];
      const step = Math.round((1000 * this.image.rows) / map.rows / this.it.cnn.fs);
      write(figure.querySelector(".what"), `Level ${k + 1}: ${map.columns} channels; every ${step} ms a step that sees ${Math.round((1000 * map.reach) / this.it.cnn.fs)} ms`);
      const { order, top } = this.places[k];
      write(figure.querySelector(".top"), `\u2265 ${top.toFixed(1)}`);
      const active = map.x.filter((v) => v > 0).length / map.x.length;
      const [at] = most(map.x);
      const when = ms(this.time(((Math.floor(at / map.columns) + 0.5) * this.image.rows) / map.rows));
      const canvas = figure.querySelector("canvas");
      describe(canvas, `Level ${k + 1} of ${this.maps.length} of the CNN: ${map.columns} channels by ${map.rows} steps; ${Math.round(100 * active)} % active, strongest in channel ${(at % map.columns) + 1} at ${when}`);
      const place = fitted(canvas);
      if (place === null) return;
      const { pen, width, height } = place;
      heat(pen, LEFT, 0, width - LEFT, height, map.columns, map.rows, (r, c) => map.at(c, order[r]) / top, sequential);
      label(pen, "early", 0, 7, this.ink.text);
      label(pen, "late", 0, height - 6, this.ink.text);
    });
  }

  // What each moment of the last level spoke for: the class that the CNN calls, rather than its runner-up.
  drawSpoke() {
    const { spoke, probs } = this.it.cnn;
    const figure = this.find(".spoke");
    figure.hidden = spoke === null;
    if (spoke === null) return;
    const [first, second] = [...probs.keys()].sort((a, b) => probs[b] - probs[a]);
    const margin = spoke.map((logits) => logits[first] - logits[second]);
    write(figure.querySelector(".what"), `Added up: for ${CLASSES[first]} (up) rather than ${CLASSES[second]} (down)`);
    const canvas = figure.querySelector("canvas");
    const [at] = most(margin, Math.abs);
    describe(canvas, `What each moment spoke for: ${margin.map(signed).join(", ")}; most at ${ms(this.time(((at + 0.5) * this.image.rows) / margin.length))}`);
    const place = fitted(canvas);
    if (place === null) return;
    const { pen, width, height } = place;
    const column = (width - LEFT) / margin.length;
    const [low, high] = [Math.min(0, ...margin), Math.max(0.5, ...margin)];
    const a = (height - 28) / (high - low);
    const middle = 14 + a * high;
    margin.forEach((v, k) => {
      const tall = a * v;
      pen.fillStyle = v >= 0 ? this.ink.V : this.ink.S;
      pen.fillRect(LEFT + k * column + 1, Math.min(middle, middle - tall), column - 2, Math.max(1, Math.abs(tall)));
      pen.textAlign = "center";
      label(pen, signed(v), LEFT + (k + 0.5) * column, v >= 0 ? middle - tall - 7 : middle - tall + 8, this.ink.text);
      pen.textAlign = "left";
    });
    pen.fillStyle = this.ink.text;
    pen.fillRect(LEFT, middle, width - LEFT, 1);
  }

  // -- the GRU -------------------------------------------------------------------------------------

  // Left end and width of what is drawn of the last seconds; a shorter memory begins later.
  stretch(width) {
    const whole = 4 * this.it.gru.fs;
    const w = (width - LEFT) * Math.min(1, this.h.rows / whole);
    return [width - w, w];
  }

  drawSaid() {
    const { it, ecg, posteriors } = this;
    const canvas = this.find(".said canvas");
    const last = posteriors.rows - 1;
    const now = CLASSES.map((c, k) => `${c} ${percent(posteriors.at(last, k + 1))} %`).join(", ");
    describe(canvas, `The last ${(ecg.rows / it.gru.fs_ecg).toFixed(1)} s as the GRU heard them, and what it said at every sample; at the end: ${now}`);
    const place = fitted(canvas);
    if (place === null) return;
    const { pen, width, height } = place;
    const [left, w] = this.stretch(width);
    const row = 13;
    const top = height - row * SAYS.length;
    const x = (k) => left + ((k + 0.5) / ecg.rows) * w;
    const [low, high] = [Math.min(-0.1, ...ecg.x), Math.max(0.3, ...ecg.x)];
    pen.fillStyle = this.ink.text;
    pen.fillRect(x(it.gru.r_peak), 0, 1, height);
    line(pen, ecg.x, x, (v) => 6 + ((high - v) / (high - low)) * (top - 14), this.ink.trace, 1.5);
    heat(pen, left, top, w, row * SAYS.length, SAYS.length, posteriors.rows, (r, c) => posteriors.at(c, r), sequential);
    SAYS.forEach((name, k) => label(pen, name, 0, top + row * (k + 0.5) + 1, this.ink.text));
  }

  drawMemory() {
    const { h, memory } = this;
    const canvas = this.find(".state canvas");
    const order = memory.order ?? [...Array(h.columns).keys()];
    const { range } = memory;
    const words = range === null ? "" : `; the quickest holds for ${held(range[0])}, the slowest for ${held(range[1])}`;
    describe(canvas, `State of the GRU: ${h.columns} units over ${(h.rows / this.it.gru.fs).toFixed(1)} s, the quickest at the top${words}`);
    const until = range === null ? "" : ` (${held(range[0])} to ${held(range[1])}, until the autocorrelation is a half)`;
    write(this.find(".state .what"), `Its state, a row a unit, from those that hold briefly to those that hold long${until}`);
    const place = fitted(canvas);
    if (place === null) return;
    const { pen, width, height } = place;
    const [left, w] = this.stretch(width);
    heat(pen, left, 0, w, height - 14, h.columns, h.rows, (r, c) => h.at(c, order[r]), both(this.dark));
    pen.fillStyle = this.ink.text;
    pen.fillRect(left + ((this.it.gru.r_peak + 0.5) / this.ecg.rows) * w, 0, 1, height - 14);
    label(pen, "quick", 0, 8, this.ink.text);
    label(pen, "slow", 0, height - 22, this.ink.text);
    for (let s = 0; s <= 4; s++) {
      const x = width - (s / 4) * (width - LEFT);
      pen.textAlign = s === 0 ? "right" : s === 4 ? "left" : "center";
      label(pen, s === 0 ? "answer" : `\u2212${s} s`, x, height - 5, this.ink.text);
    }
    pen.textAlign = "left";
  }

  // -- who said what -------------------------------------------------------------------------------

  fillTable() {
    const { cnn, gru, fusion } = this.it;
    const body = this.find(".opinions tbody");
    CLASSES.forEach((name, k) => {
      const cells = [cnn.probs[k], gru.probs[k], fusion.probs[k]];
      const row = body.children[k] ?? body.appendChild(document.getElementById("opinion").content.cloneNode(true).firstElementChild);
      write(row.querySelector("th"), name);
      row.querySelectorAll("td").forEach((cell, c) => {
        cell.querySelector("i").style.width = `${100 * cells[c]}%`;
        write(cell.querySelector("span"), `${percent(cells[c])} %`);
      });
    });
    const before = fusion.before;
    const [k, p] = before === null ? [0, 0] : most(before.probs);
    const [g, q] = most(gru.before);
    const text = before === null ? "" : `The beat before (${before.id}), now that its following interval is known: GRU ${CLASSES[g]} ${percent(q)} %, final answer ${before.aami}${before.aami === CLASSES[k] ? ` ${percent(p)} %` : ""}.`;
    write(this.find(".before"), text);
  }

  fillWeights() {
    const { weighed } = this.it.fusion;
    this.find(".weights").hidden = weighed === null;
    if (weighed === null) return;
    const adds = Object.entries(weighed.adds).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    const size = Math.max(1, Math.abs(adds[0][1]));
    const list = this.find(".weights ul");
    adds.forEach(([name, v], k) => {
      const row = list.children[k] ?? list.appendChild(document.getElementById("weight").content.cloneNode(true).firstElementChild);
      write(row.querySelector(".name"), GROUPS[name]);
      write(row.querySelector(".value"), signed(v));
      const bar = row.querySelector("i");
      bar.classList.toggle("against", v < 0);
      bar.style.width = `${(50 * Math.abs(v)) / size}%`;
      bar.style.left = v < 0 ? `${50 - (50 * Math.abs(v)) / size}%` : "50%";
    });
    write(this.find(".weights .sum"), `Log-odds of ${weighed.of}: ${signed(weighed.usual)} for the average beat, ${signed(weighed.answer)} with all of these.`);
  }
}

function describe(canvas, text) {
  if (canvas.getAttribute("aria-label") !== text) canvas.setAttribute("aria-label", text);
}

function label(pen, text, x, y, colour) {
  pen.fillStyle = colour;
  pen.font = FONT;
  pen.textBaseline = "middle";
  pen.fillText(text, x, y);
}

function line(pen, values, x, y, colour, width, dash = []) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.setLineDash(dash);
  pen.beginPath();
  values.forEach((v, k) => (k === 0 ? pen.moveTo(x(k), y(v)) : pen.lineTo(x(k), y(v))));
  pen.stroke();
  pen.setLineDash([]);
}
