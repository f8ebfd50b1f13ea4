// The connection to the server: an EventSource that is opened anew when it fails or falls silent.

const firstPause = 500; // milliseconds
const longestPause = 10_000;
const silence = 2.5; // heartbeats

export class Stream {
  #url;
  #on;
  #source;
  #last = ""; // the position of the last event
  #pause = firstPause;
  #heartbeat = 10_000;
  #watchdog;

  // on has the methods hello, pools, record and link, which is told "live" and "lost".
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    this.#open();
  }

  #open() {
    const source = new EventSource(this.#last ? `${this.#url}?after=${this.#last}` : this.#url);
    this.#source = source;
    const listen = (type, take) => source.addEventListener(type, (e) => {
      this.#alive();
      take(JSON.parse(e.data), e);
    });
    listen("hello", (data) => this.#hello(data));
    listen("pools", (data) => this.#on.pools(data));
    listen("record", (data, e) => {
      this.#last = e.lastEventId;
      this.#on.record(data);
    });
    listen("beat", () => {});
    source.addEventListener("error", () => this.#again(source));
    this.#alive();
  }

  #hello(data) {
    this.#heartbeat = data.heartbeat_ms;
    this.#pause = firstPause;
    this.#on.hello(data);
    this.#on.link("live");
  }

  #alive() {
    clearTimeout(this.#watchdog);
    const source = this.#source;
    this.#watchdog = setTimeout(() => this.#again(source), this.#heartbeat * silence);
  }

  // Browsers would reconnect by themselves after some failures, and not after others: here all are the same.
  #again(source) {
    if (source !== this.#source) return;
    source.close();
    this.#source = null;
    clearTimeout(this.#watchdog);
    this.#on.link("lost");
    setTimeout(() => this.#open(), this.#pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, longestPause);
  }
}
