// The stream of events: an EventSource that is opened anew when it fails or falls silent.

const firstPause = 500; // milliseconds
const longestPause = 10_000;
const silence = 2.5; // heartbeats

export class Stream {
  last = ""; // the position of the last event, from where it goes on
  #url;
  #on;
  #source = null;
  #pause = firstPause;
  #heartbeat = 10_000;
  #timer; // for what is next: to open it, or to find it silent

  // on has the methods hello, pools, record and lost.
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  open() {
    this.close();
    const source = new EventSource(this.last ? `${this.#url}?after=${this.last}` : this.#url);
    this.#source = source;
    const listen = (type, take) => source.addEventListener(type, (e) => {
      this.#alive();
      take(JSON.parse(e.data), e);
    });
    listen("hello", (data) => this.#hello(data));
    listen("pools", (data) => this.#on.pools(data));
    listen("record", (data, e) => {
      this.last = e.lastEventId;
      this.#on.record(data);
    });
    listen("beat", () => {});
    source.addEventListener("error", () => source === this.#source && this.#again());
    this.#alive();
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #hello(data) {
    this.#heartbeat = data.heartbeat_ms;
    this.#pause = firstPause;
    this.#on.hello(data);
  }

  #alive() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#again(), this.#heartbeat * silence);
  }

  // Browsers would reconnect by themselves after some failures, and not after others: here all are the same.
  #again() {
    this.close();
    this.#timer = setTimeout(() => this.open(), this.#pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, longestPause);
    this.#on.lost();
  }
}
