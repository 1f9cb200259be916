// In which order rows are shown. Units of the GRU: by how long they hold what they have, the lag at which their
// autocorrelation has fallen to a half. Channels of the CNN: by when they are active. Both settle, so that a row stays.

const KEEP = 0.8; // of what was measured before
const SETTLED = 25; // beats after which the order stays as it is
const BRIGHT = 0.985; // share of a map's values that are not the brightest

export class Memory {
  constructor() {
    this.curves = null; // one autocorrelation a unit, a running mean over beats
    this.n = 0;
    this.lags = 0;
    this.order = null; // units, the quickest first
    this.half = null; // seconds for each unit; without end where it has not moved yet
  }

  // h: states (n, units); fs: of the states.
  push(h, fs) {
    const lags = Math.min(Math.round(fs), h.rows - 2);
    if (lags < 8) return;
    const begin = this.curves === null || this.curves.length !== h.columns || this.lags < lags;
    if (begin) Object.assign(this, { curves: new Array(h.columns).fill(null), lags, n: 0, order: null });
    if (lags < this.lags || (this.n >= SETTLED && this.order !== null)) return;
    for (let u = 0; u < h.columns; u++) {
      const now = autocorrelation(h.column(u), this.lags);
      if (now === null) continue;
      if (this.curves[u] === null) this.curves[u] = now;
      else blend(this.curves[u], now, KEEP);
    }
    this.n += 1;
    this.half = this.curves.map((curve) => (curve === null ? Infinity : fallen(curve) / fs));
    this.order = [...this.half.keys()].sort((a, b) => this.half[a] - this.half[b] || a - b);
  }

  // The shortest and the longest, of those that move; null before any was measured.
  get range() {
    const moving = this.half === null ? [] : this.half.filter((s) => s < Infinity);
    return moving.length === 0 ? null : [Math.min(...moving), Math.max(...moving)];
  }
}

export class Places {
  constructor() {
    this.mean = null; // a map, a running mean over beats
    this.n = 0;
    this.order = null; // channels, the earliest first; those that are never active last
    this.top = 0; // what all but the largest values stay below: shown as the brightest
  }

  // map: what a layer made, (steps, channels), nothing below 0.
  push(map) {
    const sorted = map.x.slice().sort();
    this.top = Math.max(0.98 * this.top, sorted[Math.floor(BRIGHT * (sorted.length - 1))], 1e-3);
    const begin = this.mean === null || this.mean.length !== map.x.length;
    if (begin) Object.assign(this, { mean: new Float32Array(map.x.length), n: 0 });
    if (this.n >= SETTLED) return;
    blend(this.mean, map.x, begin ? 0 : KEEP);
    this.n += 1;
    const centre = Array.from({ length: map.columns }, (_, c) => this.centre(map, c));
    this.order = [...centre.keys()].sort((a, b) => centre[a] - centre[b] || a - b);
  }

  centre(map, c) {
    let weight = 0;
    let sum = 0;
    for (let r = 0; r < map.rows; r++) {
      const v = this.mean[r * map.columns + c];
      weight += v;
      sum += r * v;
    }
    return weight < 1e-3 * this.top * map.rows ? map.rows : sum / weight;
  }
}

function blend(curve, now, keep) {
  for (let k = 0; k < curve.length; k++) curve[k] = keep * curve[k] + (1 - keep) * now[k];
}

// One that stands still has none: it is saturated, and holds what it has for ever.
function autocorrelation(x, lags) {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const out = new Float32Array(lags);
  for (let k = 0; k < lags; k++) {
    let sum = 0;
    for (let i = k; i < x.length; i++) sum += (x[i] - mean) * (x[i - k] - mean);
    out[k] = sum / (x.length - k);
  }
  const power = out[0];
  return power < 1e-6 ? null : out.map((v) => v / power);
}

// The lag, with a fraction, at which a curve that begins at 1 is at a half for the first time.
export function fallen(curve) {
  const half = curve[0] / 2;
  for (let k = 1; k < curve.length; k++) {
    if (curve[k] <= half) return k - 1 + (curve[k - 1] - half) / (curve[k - 1] - curve[k] || 1);
  }
  return curve.length;
}
