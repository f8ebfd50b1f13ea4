// What a screen reader is told without being asked: changes of a pool's state and of the connection, and at most one
// message in a while. Countdowns and numbers stay silent.

import { setText } from "./dom.js";
import { count } from "./format.js";

const quiet = 5000; // milliseconds between messages
const lingers = 2000; // a connection that is back by then was hardly lost

export class Announcer {
  #node;
  #states = new Map();
  #waiting = new Map(); // by subject, so that of several messages on one only the last is told
  #timer;
  #lost;
  #told = "live";

  constructor(node) {
    this.#node = node;
  }

  states(pools, stateOf) {
    for (const pool of pools) {
      const state = stateOf(pool);
      const before = this.#states.get(pool.name);
      this.#states.set(pool.name, state);
      if (before && before !== state) this.#say(pool.name, `${pool.name} is ${state}`);
    }
  }

  link(state) {
    if (state === "lost") {
      this.#lost ??= setTimeout(() => this.#tellLink("lost", "Connection lost, trying again"), lingers);
      return;
    }
    clearTimeout(this.#lost);
    this.#lost = undefined;
    this.#tellLink(state, state === "live" ? "Connection is back" : "Events do not come as they happen");
  }

  #tellLink(state, text) {
    if (this.#told === state) return;
    this.#told = state;
    this.#say("", text);
  }

  #say(subject, text) {
    this.#waiting.set(subject, text);
    this.#timer ??= setTimeout(() => this.#flush(), 300);
  }

  #flush() {
    const texts = [...this.#waiting.values()];
    this.#waiting.clear();
    setText(this.#node, texts.length > 3 ? `${count(texts.length, "change")} of state` : texts.join(". "));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting.size) this.#flush();
    }, quiet);
  }
}
