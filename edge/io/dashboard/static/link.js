// The connection to the server: made again for ever, and dead when nothing has come for a while.

const SILENCE_MS = 2500; // the server speaks four times a second
const FIRST_MS = 250;
const LAST_MS = 4000;

export class Link {
  // onItems(array) takes what came, onState(up) whether the server is there.
  constructor(onItems, onState) {
    this.onItems = onItems;
    this.onState = onState;
    this.wait = FIRST_MS;
    this.up = false;
    this.heard = performance.now();
    setInterval(() => this.watch(), 250);
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/live`);
    this.socket = socket;
    this.heard = performance.now();
    socket.onmessage = (event) => this.take(socket, event.data);
    socket.onclose = () => this.lose(socket);
  }

  take(socket, text) {
    if (socket !== this.socket) return;
    this.heard = performance.now();
    if (!this.up) {
      this.up = true;
      this.wait = FIRST_MS;
      this.onState(true);
    }
    this.onItems(JSON.parse(text));
  }

  lose(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    if (this.up) {
      this.up = false;
      this.onState(false);
    }
    setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(2 * this.wait, LAST_MS);
  }

  watch() {
    if (this.socket === null || performance.now() - this.heard < SILENCE_MS) return;
    const socket = this.socket;
    socket.close(); // a close that nobody answers takes long: do not wait for it
    this.lose(socket);
  }

  send(body) {
    if (!this.up) return false;
    this.socket.send(JSON.stringify(body));
    return true;
  }
}
