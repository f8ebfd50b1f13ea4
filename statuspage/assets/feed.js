// Where news comes from: first a look at how things are, then the stream of events, and as long as that does not come, a
// look every few seconds. Nobody reads a hidden page: it holds no connection, of which browsers have six for a host.

import { Stream } from "./stream.js";

export const pause = 5_000; // milliseconds between looks
const hiddenPause = 30_000; // and while it is hidden
const restsAfter = 30_000; // hidden for so long
const patience = 4_000; // with an answer

export class Feed {
  #on;
  #stream;
  #live = false;
  #looks = false; // in place of the stream
  #resting = false;
  #timer; // for the next look
  #rest;
  #since; // when there was news for the last time

  // on has the methods snapshot, hello, pools, record, and link, which is told "live", "polling", or "lost", with the reason
  // and, if anything came before, since when.
  constructor(on) {
    this.#on = on;
    this.#stream = new Stream("events", { ...on, hello: (data) => this.#hello(data), lost: () => this.#lost() });
    document.addEventListener("visibilitychange", () => this.#seen());
    this.#begin();
  }

  async #begin() {
    await this.#look();
    this.#lookLater();
    if (!this.#resting) this.#stream.open();
    if (document.hidden) this.#seen();
  }

  #hello(data) {
    this.#live = true;
    this.#looks = false;
    clearTimeout(this.#timer);
    this.#on.hello(data);
    this.#on.link("live");
  }

  #lost() {
    if (this.#live) {
      this.#since = Date.now();
      this.#lookLater();
    }
    this.#live = false;
    if (!this.#looks) this.#on.link("lost");
  }

  #lookLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lookInstead(), this.#resting ? hiddenPause : pause);
  }

  async #lookInstead() {
    const trouble = await this.#look();
    const why = trouble || this.#resting ? trouble : await this.#why();
    if (this.#live) return;
    this.#looks = !trouble;
    if (!this.#resting) this.#on.link(trouble ? "lost" : "polling", why, this.#since);
    this.#lookLater();
  }

  // look shows how things are, unless the stream has come meanwhile. It returns why it could not.
  async #look() {
    try {
      const answer = await fetch("state.json", { cache: "no-store", signal: AbortSignal.timeout(patience) });
      if (!answer.ok) return `the server answers ${answer.status}`;
      const data = await answer.json();
      if (this.#live) return "";
      this.#stream.last = data.position;
      this.#since = Date.now();
      this.#on.snapshot(data);
      return "";
    } catch {
      return silent;
    }
  }

  // why asks for what an EventSource keeps to itself.
  async #why() {
    try {
      const { status } = await fetch("events", { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(patience) });
      return reasons[status] ?? `the server answers ${status}`;
    } catch {
      return silent;
    }
  }

  #seen() {
    clearTimeout(this.#rest);
    if (document.hidden) this.#rest = setTimeout(() => this.#sleep(), restsAfter);
    else if (this.#resting) this.#wake();
  }

  #sleep() {
    this.#resting = true;
    this.#live = this.#looks = false;
    this.#stream.close();
    this.#lookLater();
  }

  #wake() {
    this.#resting = false;
    this.#stream.open();
    this.#lookLater();
  }
}

const silent = "the server does not answer";
const reasons = {
  200: "something on the way to the server collects them",
  501: "something in the server, in front of this page, cannot stream",
  503: "the server has no room for another reader",
};
