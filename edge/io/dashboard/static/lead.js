// One lead's samples: a ring in millivolts, and the time they belong to.

const RING = 16384;
const BREAK_MS = 60; // chunks further apart than this have something missing between them
const LONGEST_MS = 5000; // what is longer is no gap but a clock that was set
const HIGH_PASS_HZ = 0.5; // an electrode's offset and slow wander would leave the paper

export class Lead {
  constructor(fs, scale) {
    this.fs = fs;
    this.scale = scale;
    this.mv = new Float32Array(RING).fill(NaN);
    this.count = 0; // samples since the beginning, those that are missing too
    this.end = null; // UTC of the sample after the newest [ms]
    this.keep = 1 / (1 + (2 * Math.PI * HIGH_PASS_HZ) / fs);
    this.last = NaN;
    this.slow = 0;
  }

  // A chunk: UTC of its first sample [ms] and counts, null where there is no value.
  push(t, counts) {
    const gap = this.end === null ? 0 : t - this.end;
    if (Math.abs(gap) > BREAK_MS) {
      const real = gap > 0 && gap < LONGEST_MS;
      const n = Math.min(RING, Math.round(((real ? gap : 4 * BREAK_MS) * this.fs) / 1000));
      for (let i = 0; i < n; i++) this.put(NaN);
    }
    for (const x of counts) this.put(x === null ? NaN : this.filter(x * this.scale));
    this.end = t + (counts.length * 1000) / this.fs;
  }

  put(mv) {
    this.mv[this.count % RING] = mv;
    this.count += 1;
    if (mv !== mv) this.last = NaN;
  }

  filter(mv) {
    if (this.last !== this.last) this.slow = 0;
    else this.slow = this.keep * (this.slow + mv - this.last);
    this.last = mv;
    return this.slow;
  }

  at(i) {
    return i < this.count - RING || i < 0 || i >= this.count ? NaN : this.mv[i % RING];
  }

  get oldest() {
    return Math.max(0, this.count - RING);
  }

  // The sample at UTC `t` [ms], as a number since the beginning.
  index(t) {
    return this.count - Math.round(((this.end - t) * this.fs) / 1000);
  }
}
