// The alarms of all beds, the most urgent first; a row stays the same node, so that a finger on it stays right.

import { alarmName, clock, write } from "./words.js";

const RANK = { high: 0, medium: 1, low: 2, technical: 3 };
const SIGNS = { high: "!!!", medium: "!!", low: "!", technical: "i" };
const ANSWER_MS = 4000;
const MOVED = "the list has just moved: press again";
const SETTLE_MS = 600; // longer than the second press of a double one takes

export class Alarms {
  // acknowledge(number, name) sends; shout(text) interrupts those who listen.
  constructor(section, acknowledge, shout) {
    this.section = section;
    this.list = section.querySelector("ul");
    this.acknowledge = acknowledge;
    this.shout = shout;
    this.rows = new Map();
  }

  onAlarm(tile, it) {
    const key = `${tile.number} ${it.name}`;
    let row = this.rows.get(key);
    if (it.state === "cleared") {
      if (row !== undefined) this.drop(key, row);
      return;
    }
    if (row === undefined) {
      row = this.make(tile, it);
      this.rows.set(key, row);
    }
    if (row.it.acked && !it.acked) Object.assign(row, { told: false, answer: "" });
    row.it = it;
    this.render(row);
    this.tell(row);
    this.sort();
    this.settle();
  }

  // Once for each alarm that is current, that nobody has acknowledged, and whose bed's sound is not paused.
  tell(row) {
    if (row.told || row.it.acked || row.tile.stale || row.tile.hushed) return;
    row.told = true;
    this.shout(`Alarm, ${row.it.priority}: ${alarmName(row.it.name)}, bed ${row.tile.name}`);
  }

  onAnswer(tile, it) {
    if (it.verb !== "ack" || it.ok) return;
    for (const row of this.rows.values()) {
      if (row.tile !== tile || row.asked === 0) continue;
      row.asked = 0;
      row.answer = it.error || "refused";
      this.render(row);
    }
  }

  has(tile, it) {
    return this.rows.has(`${tile.number} ${it.name}`);
  }

  forget(tile) {
    for (const [key, row] of this.rows) if (row.tile === tile) this.drop(key, row);
  }

  // Once a second: nobody has answered.
  poll() {
    for (const row of this.rows.values()) {
      if (row.answer === MOVED && performance.now() - row.moved > ANSWER_MS) {
        row.answer = "";
        this.render(row);
      }
      if (row.asked === 0 || performance.now() - row.asked < ANSWER_MS) continue;
      row.asked = 0;
      row.answer = "no answer from the monitor";
      this.render(row);
    }
  }

  // The worst of a bed that nobody has acknowledged.
  worst(tile) {
    const open = [...this.rows.values()].filter((row) => row.tile === tile && !row.it.acked);
    return open.sort((a, b) => RANK[a.it.priority] - RANK[b.it.priority])[0]?.it.priority ?? "";
  }

  // The worst of all that should be heard: current, not acknowledged, its bed's sound not paused.
  get heard() {
    const open = [...this.rows.values()].filter((row) => !row.it.acked && !row.tile.stale && !row.tile.hushed);
    return open.sort((a, b) => RANK[a.it.priority] - RANK[b.it.priority])[0]?.it.priority ?? "";
  }

  get nOpen() {
    return [...this.rows.values()].filter((row) => !row.it.acked && !row.tile.stale).length;
  }

  // Open when their bed fell silent: nobody knows whether they still stand.
  get nStale() {
    return [...this.rows.values()].filter((row) => !row.it.acked && row.tile.stale).length;
  }

  make(tile, it) {
    const root = document.getElementById("alarm").content.cloneNode(true).firstElementChild;
    const row = { root, tile, it, asked: 0, answer: "", told: false, top: undefined, moved: -SETTLE_MS };
    root.querySelector(".more").addEventListener("toggle", () => this.settle());
    root.querySelector("button").addEventListener("click", () => this.ask(row));
    this.list.append(root);
    return row;
  }

  // Which rows have changed places: the button under a finger may be another alarm's.
  settle() {
    for (const row of this.rows.values()) {
      const top = row.root.offsetTop;
      if (row.top !== undefined && row.top !== top) row.moved = performance.now();
      row.top = top;
    }
  }

  ask(row) {
    if (performance.now() - row.moved < SETTLE_MS) {
      row.answer = MOVED;
      this.render(row);
      return;
    }
    const wrong = this.acknowledge(row.tile.number, row.it.name);
    row.asked = wrong === "" ? performance.now() : 0;
    row.answer = wrong === "" ? "sent\u2026" : wrong;
    this.render(row);
    this.settle();
  }

  drop(key, row) {
    row.root.remove();
    this.rows.delete(key);
    this.section.hidden = this.rows.size === 0;
    this.settle();
  }

  render(row) {
    const { root, it, tile } = row;
    const find = (name) => root.querySelector(name);
    if (it.acked) Object.assign(row, { asked: 0, answer: `\u2713 acknowledged${it.by ? ` by ${it.by}` : ""}` });
    root.dataset.priority = it.priority;
    root.classList.toggle("acked", it.acked);
    root.classList.toggle("stale", tile.stale);
    root.classList.toggle("hushed", tile.hushed);
    write(find(".sign"), it.acked ? "\u2713" : SIGNS[it.priority]);
    write(find(".what"), alarmName(it.name));
    write(find(".where"), tile.name);
    write(find(".value"), it.value);
    find(".more").hidden = !it.limit && !it.meaning;
    write(find(".limit"), it.limit ? `Told when: ${it.limit}.` : "");
    write(find(".meaning"), it.meaning ?? "");
    write(find(".wrong"), it.wrong ? `It can be wrong: ${it.wrong}` : "");
    const since = clock(it.since_ms);
    const words = it.state === "latched" ? "over, began " : "since ";
    write(find(".since"), (since === "" ? "" : words + since) + (tile.stale ? " (stale)" : ""));
    write(find(".answer"), row.answer);
    const button = find("button");
    button.hidden = it.acked;
    button.disabled = row.asked !== 0;
    button.setAttribute("aria-label", `Acknowledge ${alarmName(it.name)}, bed ${tile.name}`);
    this.section.hidden = false;
  }

  refresh(tile) {
    for (const row of this.rows.values()) {
      if (row.tile !== tile) continue;
      this.render(row);
      this.tell(row);
    }
  }

  sort() {
    const weight = (row) => RANK[row.it.priority] + (row.it.acked ? 10 : 0);
    const sorted = [...this.rows.values()].sort((a, b) => weight(a) - weight(b) || (b.it.since_ms ?? 0) - (a.it.since_ms ?? 0));
    sorted.forEach((row, k) => {
      if (this.list.children[k] !== row.root) this.list.insertBefore(row.root, this.list.children[k] ?? null);
    });
  }
}
