// What names of the monitor mean to people; a name that is not known is shown as it is.

const RHYTHMS = {
  sinus: "Sinus rhythm",
  other: "Other rhythm",
  af: "Atrial fibrillation",
  vt: "Ventricular tachycardia",
  vf: "Ventricular fibrillation",
  noise: "Noise",
  unknown: "Rhythm unknown",
};

const ALARMS = {
  asystole: "Asystole",
  vf: "Ventricular fibrillation",
  vt: "Ventricular tachycardia",
  extreme_brady: "Extreme bradycardia",
  extreme_tachy: "Extreme tachycardia",
  pause: "Pause",
  run: "Run of ventricular beats",
  brady: "Bradycardia",
  tachy: "Tachycardia",
  af: "Atrial fibrillation",
  couplet: "Ventricular couplet",
  bigeminy: "Bigeminy",
  trigeminy: "Trigeminy",
  pvc_rate: "Many ventricular beats",
  device_id_clash: "Two monitors for one bed",
  overload: "Monitor overloaded",
  broker_lost: "Broker lost",
  recording_stopped: "Recording stopped",
  lead_off: "Electrode off",
  unreadable: "Signal unreadable",
  no_signal: "No signal",
  rate_mismatch: "Wrong sampling rate",
};

const REASONS = {
  no_signal: "no signal",
  lead_off: "electrode off",
  unreadable: "unreadable",
  no_analysis: "no analysis",
  warming: "warming up",
  no_beats: "no beats",
  rate_mismatch: "wrong rate",
};

const own = (table, name) => (Object.hasOwn(table, name) ? table[name] : name);

export const rhythmName = (label) => own(RHYTHMS, label);
export const alarmName = (name) => own(ALARMS, name);
export const reasonName = (reason) => own(REASONS, reason).replaceAll("_", " ");

// Time of day of `ms` since 1970, here.
export function clock(ms) {
  if (ms === null || ms === undefined) return "";
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleTimeString([], { hour12: false });
}

// Sets text only if it is another one: the page is laid out anew for every change.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
