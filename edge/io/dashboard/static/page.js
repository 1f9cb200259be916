// The page: what the server tells goes to the beds and alarms, and once a frame every pen goes forward.

import { Alarms } from "./alarms.js";
import { Link } from "./link.js";
import { Sound } from "./sound.js";
import { Tile } from "./tile.js";
import { alarmName, write } from "./words.js";

const $ = (id) => document.getElementById(id);
const tiles = new Map();
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");
const address = new URLSearchParams(location.hash.slice(1));
let opened = null;
let wanted = null; // name of a bed that was open before the connection was lost
let looked = null; // the bed whose networks are looked into
let wantedInside = address.get("explain"); // name of a bed that is to be looked into once it is there
let broker = null;

// -- those who listen --------------------------------------------------------------------------------

const spoken = [];
const say = (text) => spoken.length < 5 && spoken.push(text);
const shouted = [];
const shout = (text) => {
  if (shouted.push(text) === 1) setTimeout(() => ($("shout").textContent = shouted.splice(0).slice(0, 5).join(". ")), 100);
};

// -- colours -----------------------------------------------------------------------------------------

const INK = ["trace", "minor", "major", "onMark", "text", "N", "S", "V", "F", "Q"];
let ink = null;

function readInk() {
  const style = getComputedStyle(document.documentElement);
  ink = Object.fromEntries(INK.map((name) => [name, style.getPropertyValue(`--ink-${name.toLowerCase()}`).trim()]));
}

const THEMES = { auto: "as the system", light: "light", dark: "dark" };
const SIGNS = { auto: "\u25d0", light: "\u2600", dark: "\u263e" };

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").textContent = SIGNS[name];
  $("theme").setAttribute("aria-label", `Colours: ${THEMES[name]}`);
  $("theme").title = `Colours: ${THEMES[name]}`;
  keep("theme", name);
  readInk();
  for (const tile of tiles.values()) tile.repaint();
}

function keep(name, text) {
  try {
    localStorage.setItem(name, text);
  } catch {
    // a browser that keeps nothing
  }
}

function kept(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

$("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  setTheme(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length]);
});
dark.addEventListener("change", () => setTheme(document.documentElement.dataset.theme));

// -- how large beds are ------------------------------------------------------------------------------

const BED_WIDTH = 560; // a bed of the smallest size; all in CSS pixels
const BED_HEIGHT = 230;
const AROUND = 210; // above and below them: title, two alarms, legend
const LOG = 110; // below a bed that is alone
const LARGEST = 2.6;
const NARROW = 620; // a phone's, as in style.css

// -- one bed large -----------------------------------------------------------------------------------

function open(tile) {
  opened = tile === opened ? null : tile;
  if (looked !== null && looked !== opened) explain(looked);
  for (const other of tiles.values()) {
    const large = other === opened;
    other.root.classList.toggle("large", large);
    other.root.querySelector(".open").setAttribute("aria-expanded", String(large));
  }
  arrange();
  if (opened !== null) opened.root.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
}

// Shows or hides what the networks of a bed saw; only then does the server send it.
function explain(tile) {
  const before = looked;
  looked = tile === looked ? null : tile;
  if (before !== null) before.explain(false);
  if (looked !== null) {
    if (opened !== looked) open(looked);
    looked.explain(true);
  }
  link.send({ explain: looked === null ? null : looked.number });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened !== null) {
    const button = opened.root.querySelector(".open");
    open(opened);
    button.focus();
  }
});

// As few columns as show all beds at once, and each bed as large as there is room for. The room that alarms take is
// left out from the start: their coming must not move the beds.
function arrange() {
  const ward = $("ward");
  const n = tiles.size;
  ward.dataset.beds = n === 1 ? "one" : "many";
  ward.classList.toggle("opened", opened !== null);
  $("nobody").hidden = n > 0;
  const width = window.innerWidth - 24;
  const height = window.innerHeight - AROUND - (n === 1 || opened !== null ? LOG : 0);
  const most = Math.max(1, Math.floor(width / BED_WIDTH));
  let columns = 1;
  while (columns < most && Math.ceil(n / columns) * BED_HEIGHT > height) columns += 1;
  ward.style.setProperty("--columns", String(columns));
  const size = (across, down) => {
    const scale = width < NARROW ? 1 : Math.max(1, Math.min(LARGEST, across / BED_WIDTH, down / BED_HEIGHT));
    return [scale, across, down];
  };
  const all = size(width / columns, height / Math.ceil(n / columns));
  const small = size(BED_WIDTH, BED_HEIGHT);
  const large = size(width, 0.55 * height);
  for (const tile of tiles.values()) tile.resize(...(opened === null ? all : tile === opened ? large : small));
}

window.addEventListener("resize", arrange);

// -- what comes --------------------------------------------------------------------------------------

// Sends with the key; gives what is wrong, "" for nothing.
function ask(body) {
  const token = address.get("key");
  if (token === null) return "open the address that heartwire printed: it holds the key";
  return link.send({ ...body, token, by: $("by").value.trim() }) ? "" : "no connection";
}

const alarms = new Alarms($("alarms"), (number, name) => ask({ ack: number, alarm: name }), shout);
const hush = (tile, seconds) => ask({ pause: tile.number, seconds });

const takers = {
  bed(number, it) {
    if (tiles.has(number)) return;
    const tile = new Tile(number, it, () => ink, say, open, hush, explain);
    tile.onStrips = arrange;
    tiles.set(number, tile);
    const after = [...tiles.values()].filter((other) => compare(tile, other) < 0).sort(compare)[0];
    $("ward").insertBefore(tile.root, after === undefined ? null : after.root);
    arrange();
    if (it.name === wanted && tile !== opened) open(tile);
    if (it.name === wantedInside && looked === null) explain(tile);
  },
  gone(number) {
    const tile = tiles.get(number);
    if (tile === undefined) return;
    if (tile === opened) open(tile);
    if (tile === looked) looked = null;
    alarms.forget(tile);
    tile.root.remove();
    tiles.delete(number);
    arrange();
  },
  lead: (number, it) => tiles.get(number)?.onLead(it),
  beat: (number, it) => tiles.get(number)?.onBeat(it),
  vitals: (number, it) => tiles.get(number)?.onVitals(it),
  explain: (number, it) => tiles.get(number)?.onExplain(it),
  note: (number, it) => tiles.get(number)?.onNote(it),
  rhythm: (number, it) => tiles.get(number)?.onRhythm(it),
  signal: (number, it) => tiles.get(number)?.onSignal(it),
  wave: (number, it, item) => tiles.get(number)?.onWave(item.lead, item.t_ms, item.x),
  fresh(number, it) {
    const tile = tiles.get(number);
    if (tile === undefined) return;
    tile.onFresh(it);
    alarms.refresh(tile);
  },
  alarm(number, it) {
    const tile = tiles.get(number);
    if (tile === undefined) return;
    if (it.state !== "cleared" || alarms.has(tile, it)) tile.note(`${alarmName(it.name)}: ${it.acked ? "acknowledged" : it.state}${it.value === "" ? "" : `, ${it.value}`}`, Date.now());
    alarms.onAlarm(tile, it);
    tile.onAlarms(alarms.worst(tile));
  },
  audio(number, it) {
    const tile = tiles.get(number);
    if (tile === undefined) return;
    tile.onAudio(it);
    alarms.refresh(tile);
  },
  answer(number, it) {
    const tile = tiles.get(number);
    if (tile === undefined) return;
    alarms.onAnswer(tile, it);
    tile.onAnswer(it);
  },
  tick(number, it, item) {
    broker = item;
    showLink();
  },
};

const compare = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });

function onItems(items) {
  for (const item of items) {
    if (Object.hasOwn(takers, item.is)) takers[item.is](item.bed, item.it, item);
  }
}

// A new connection begins with all that is true: what was true before is not.
function onState(up) {
  if (up) {
    wanted = opened === null ? null : opened.name;
    wantedInside = looked === null ? wantedInside : looked.name;
    for (const number of [...tiles.keys()]) takers.gone(number);
  } else for (const tile of tiles.values()) if (!tile.stale) takers.fresh(tile.number, { stale: true, after_s: 2.5 });
  showLink();
}

const nLive = () => [...tiles.values()].filter((tile) => !tile.stale).length;

function showLink() {
  const trouble = $("trouble");
  const up = link.up && broker !== null && broker.up;
  const live = up && (tiles.size === 0 || nLive() > 0);
  $("link").dataset.up = String(live);
  write($("link").querySelector(".words"), live ? "live" : up ? "no bed live" : link.up ? "no broker" : "no connection");
  let text = "";
  if (!link.up) text = "The connection to heartwire is lost: nothing here is current. Trying again.";
  else if (broker !== null && !broker.up) text = `The broker is away (${broker.why}): nothing here is current. Trying again.`;
  else if (broker !== null && broker.n_refused > 0) text = "There are more devices than this page shows.";
  if (trouble.hidden !== (text === "")) trouble.hidden = text === "";
  write(trouble, text);
  if (broker !== null) write($("nobody").querySelector("small"), `Listening on ${broker.base}/+/state`);
}

// -- time --------------------------------------------------------------------------------------------

function everySecond() {
  alarms.poll();
  for (const tile of tiles.values()) tile.age();
  if (spoken.length > 0) $("say").textContent = spoken.splice(0).join(". ");
  const n = alarms.nOpen;
  const old = alarms.nStale === 0 ? "" : `, ${alarms.nStale} from before`;
  write($("summary"), `${nLive()} of ${tiles.size} ${tiles.size === 1 ? "bed" : "beds"} live, ${n} ${n === 1 ? "alarm" : "alarms"}${old}`);
  const title = n > 0 ? `(${n}) heartwire` : "heartwire";
  if (document.title !== title) document.title = title;
}

let before = performance.now();

function frame(now) {
  const dt = Math.min(1, Math.max(0, (now - before) / 1000));
  before = now;
  for (const tile of tiles.values()) tile.advance(dt, calm.matches);
  requestAnimationFrame(frame);
}

// A page that hears nothing any more is heard too: silence must not look like peace.
const deaf = () => !link.up || broker === null || !broker.up || [...tiles.values()].some((tile) => tile.stale && tile.heard);
const loudest = () => alarms.heard || (deaf() ? "technical" : "");

setTheme(kept("theme") in THEMES ? kept("theme") : "auto");
$("by").value = kept("by").slice(0, $("by").maxLength);
$("by").addEventListener("input", () => keep("by", $("by").value));
arrange();
const link = new Link(onItems, onState);
new Sound($("sound"), loudest);
showLink();
setInterval(everySecond, 1000);
requestAnimationFrame(frame);
