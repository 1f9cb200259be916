// One lead on grid paper: the trace sweeps from left to right over the last one, at 25 mm/s and 10 mm/mV.

import { Lead } from "./lead.js";

const MM_PER_S = 25;
const MM_PER_MV = 10;
const BAND = 20; // height of the row of beat marks [CSS px]
const GAP_MM = 4; // erased before the pen
const DELAY_S = 0.3; // the pen runs this far behind, so that it never has to wait for a chunk
const STEP_S = 1; // with reduced motion the pen goes forward in steps
const MARKS = 200;
const LEFT = 11; // a mark's room on both sides of its beat [CSS px]
const RIGHT = 14;
const SHAPES = { N: "dot", S: "up", V: "down", F: "diamond", Q: "square" };

const LEAST_S = 6; // so much is to be seen, or the paper is not enlarged
const LEAST_MV = 6;
const MOST = 3; // times that the paper is enlarged on a large screen

// A millimetre of paper in CSS pixels, such that it is a whole number of the screen's own.
export function millimetre(times = 1) {
  const ratio = window.devicePixelRatio || 1;
  return Math.max(1, Math.round((96 / 25.4) * times * ratio)) / ratio;
}

export class Strip {
  constructor(figure, style) {
    this.figure = figure;
    this.paper = figure.querySelector(".paper");
    this.canvas = figure.querySelector(".trace");
    this.pen = this.canvas.getContext("2d");
    this.style = style;
    this.lead = null;
    this.beats = new Map();
    this.play = null; // where the pen is, in samples
    this.drawn = 0; // samples on the paper
    this.calm = 0;
    this.times = 1; // the paper is enlarged by
    this.band = BAND;
    new ResizeObserver(() => this.fit()).observe(figure);
  }

  // The paper grows with its place, by halves, as a printed one under a magnifier: 5 mm stay 0.2 s and 0.5 mV.
  enlarge(width, height) {
    const mm = 96 / 25.4;
    const fits = Math.min(width / (mm * MM_PER_S * LEAST_S), height / (mm * MM_PER_MV * LEAST_MV));
    const times = Math.max(1, Math.min(MOST, Math.floor(2 * fits) / 2));
    if (times === this.times) return;
    this.times = times;
    this.ratio = undefined;
    this.fit();
  }

  // What the lead's chunks mean; a new rate begins a new trace.
  describe(fs, scale) {
    if (this.lead !== null && this.lead.fs === fs && this.lead.scale === scale) return;
    this.lead = new Lead(fs, scale);
    this.beats.clear();
    this.play = null;
    this.drawn = 0;
    this.repaint();
  }

  push(t, counts) {
    if (this.lead !== null) this.lead.push(t, counts);
  }

  // An answer about a beat: the first is drawn in outline, the final one filled, in the same place. Gives the one before.
  mark(beat) {
    if (this.lead === null || this.lead.end === null) return undefined;
    const known = this.beats.get(beat.id);
    const index = known === undefined ? this.lead.index(beat.t_ms) : known.index;
    if (index < 0) return known; // before this page was opened
    const mark = { ...beat, index };
    this.beats.set(beat.id, mark);
    if (this.beats.size > MARKS) this.beats.delete(this.beats.keys().next().value);
    const written = this.drawn - Math.ceil((RIGHT * this.zoom) / this.step);
    if (index < written && index > this.drawn - this.span()) this.drawMark(mark);
    return known;
  }

  // Once a frame: `dt` seconds have passed.
  advance(dt, calm) {
    const lead = this.lead;
    if (lead === null || lead.count === 0 || this.width === undefined) return;
    const wanted = DELAY_S * lead.fs;
    if (this.play === null) {
      if (lead.count < wanted) return;
      this.play = 0;
    }
    const behind = lead.count - this.play;
    const haste = Math.min(0.5, Math.max(-0.2, (behind - wanted) / lead.fs));
    this.play = behind > 3 * wanted ? lead.count - wanted : Math.min(lead.count, this.play + dt * lead.fs * (1 + haste));
    this.calm += dt;
    if (calm && this.calm < STEP_S) return;
    this.calm = 0;
    this.draw(Math.floor(this.play));
  }

  // -- drawing -------------------------------------------------------------------------------------

  x(index) {
    return (index * this.step) % this.width;
  }

  y(mv) {
    const y = this.zero - mv * MM_PER_MV * this.mm;
    return Math.min(this.height - 1, Math.max(this.band + 1, y));
  }

  // Samples that the paper holds.
  span() {
    return Math.floor((this.width - GAP_MM * this.mm) / this.step);
  }

  draw(to) {
    const from = Math.max(this.drawn, to - this.span(), this.lead.oldest);
    if (to <= from) return;
    this.erase(from, to);
    const pen = this.pen;
    pen.strokeStyle = this.ink.trace;
    pen.lineWidth = 1.6 * Math.sqrt(this.times);
    pen.lineJoin = "round";
    pen.beginPath();
    let last = from > 0 ? this.lead.at(from - 1) : NaN;
    let lastX = from > 0 ? this.x(from - 1) : 0;
    if (last === last) pen.moveTo(lastX, this.y(last));
    for (let i = from; i < to; i++) {
      const mv = this.lead.at(i);
      const x = this.x(i);
      if (mv === mv) {
        if (last === last && x >= lastX) pen.lineTo(x, this.y(mv));
        else pen.moveTo(x, this.y(mv));
      }
      last = mv;
      lastX = x;
    }
    pen.stroke();
    this.drawn = to;
    const room = Math.ceil((RIGHT * this.zoom) / this.step); // only once the pen has left its place
    for (const mark of this.beats.values()) {
      if (mark.index + room >= from && mark.index + room < to) this.drawMark(mark);
    }
  }

  // Clears what the pen is about to write on and a little more.
  erase(from, to) {
    const gap = GAP_MM * this.mm;
    const begin = this.x(from) + (from === 0 ? 0 : 1);
    const length = (to - from) * this.step + gap;
    this.pen.clearRect(begin, 0, length, this.height);
    if (begin + length > this.width) this.pen.clearRect(0, 0, begin + length - this.width, this.height);
  }

  // A shape and a letter: neither colour nor shape is needed to tell classes apart.
  drawMark(mark) {
    const { pen, zoom } = this;
    pen.save();
    pen.translate(Math.min(this.width - RIGHT * zoom, Math.max(LEFT * zoom, this.x(mark.index))), this.band / 2);
    pen.scale(zoom, zoom);
    const sure = mark.final && mark.readable && !mark.warming;
    pen.clearRect(-LEFT, -BAND / 2, LEFT + RIGHT, BAND);
    pen.globalAlpha = mark.readable && !mark.warming ? 1 : 0.6;
    pen.strokeStyle = pen.fillStyle = this.ink[mark.aami];
    pen.lineWidth = 1.5;
    outline(pen, SHAPES[mark.aami], -4, 0);
    if (sure) pen.fill();
    pen.stroke();
    pen.font = `${mark.aami === "N" ? 500 : 750} 12px system-ui, "DejaVu Sans", sans-serif`;
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillText(mark.readable ? mark.aami : "~", 3, 1);
    pen.restore();
  }

  // -- paper ---------------------------------------------------------------------------------------

  fit() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.figure;
    if (width < 10 || height < 10) return;
    if (width === this.width && height === this.height && ratio === this.ratio) return;
    Object.assign(this, { width, height, ratio, mm: millimetre(this.times) });
    this.zoom = Math.min(2, Math.sqrt(this.times));
    this.band = Math.round(BAND * this.zoom);
    this.zero = this.band + (height - this.band) * 0.55;
    for (const canvas of [this.paper, this.canvas]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.repaint();
  }

  // Everything anew: another size, other colours, another rate.
  repaint() {
    if (this.width === undefined) return;
    this.ink = this.style();
    this.rule();
    this.pen.clearRect(0, 0, this.width, this.height);
    if (this.lead === null) return;
    this.step = (MM_PER_S * this.mm) / this.lead.fs;
    const to = this.drawn;
    this.drawn = Math.max(0, to - this.span());
    this.draw(to);
  }

  rule() {
    const pen = this.paper.getContext("2d");
    pen.clearRect(0, 0, this.width, this.height);
    for (const [every, colour] of [[1, this.ink.minor], [5, this.ink.major]]) {
      pen.fillStyle = colour;
      const size = every * this.mm;
      const line = 1 / this.ratio;
      for (let x = 0; x < this.width; x += size) pen.fillRect(x, this.band, line, this.height - this.band);
      const first = this.zero - Math.floor((this.zero - this.band) / size) * size;
      for (let y = first; y < this.height; y += size) {
        pen.fillRect(0, Math.round(y * this.ratio) / this.ratio, this.width, line);
      }
    }
  }
}

function outline(pen, kind, x, y) {
  const r = kind === "dot" ? 2 : 5;
  pen.beginPath();
  if (kind === "dot") {
    pen.arc(x + 2, y, r, 0, 2 * Math.PI);
  } else if (kind === "up") {
    pen.moveTo(x, y - r);
    pen.lineTo(x + r, y + r - 1);
    pen.lineTo(x - r, y + r - 1);
  } else if (kind === "down") {
    pen.moveTo(x - r, y - r + 1);
    pen.lineTo(x + r, y - r + 1);
    pen.lineTo(x, y + r);
  } else if (kind === "diamond") {
    pen.moveTo(x, y - r - 1);
    pen.lineTo(x + r, y);
    pen.lineTo(x, y + r + 1);
    pen.lineTo(x - r, y);
  } else {
    pen.rect(x - r + 1, y - r + 1, 2 * r - 2, 2 * r - 2);
  }
  pen.closePath();
}
