// One pool: its state, the facts about its credential, its timeline and its refreshes.

import { el, keyed, setData, setHidden, setText, setVars } from "./dom.js";
import { count, dateTime, moment, span, time, until } from "./format.js";
import { endOf, generations } from "./generations.js";
import { folded, refreshes } from "./refreshes.js";
import { Timeline } from "./timeline.js";

const shownRefreshes = 5;

const states = {
  waiting: "Not there yet.",
  starting: "No credential has been verified yet.",
  serving: "The credential in use is good, and the last refresh went well.",
  degraded: "The credential in use is good; the last fetch failed, or what it gave was not adopted.",
  refused: "The server refuses new logins with the credential in use.",
  expired: "The credential in use has ended, and nothing newer was had.",
  closed: "The pool was closed.",
};

export const stateOf = (pool) => pool.status?.state ?? "waiting";

// idOf numbers the pools: a name may hold what no id can.
const numbers = new Map();
export function idOf(name) {
  if (!numbers.has(name)) numbers.set(name, `pool-${numbers.size + 1}`);
  return numbers.get(name);
}

export class PoolView {
  #badge = el("span", { class: "badge" });
  #sentence = el("p", { class: "sentence" });
  #facts = new Facts();
  #timeline;
  #refreshes = el("ol", { class: "refreshes" });
  #none = el("p", { class: "none" }, "Nothing yet.");

  constructor({ name }) {
    const id = idOf(name);
    this.#timeline = new Timeline(`Generations of ${name}`);
    this.node = el("section", { class: "pool", id, "aria-labelledby": `${id}-title`, tabindex: "-1" },
      el("div", { class: "section-head" }, el("h2", { id: `${id}-title` }, name), this.#badge),
      this.#sentence,
      this.#facts.node,
      el("div", { class: "section-head" }, el("h3", {}, "Generations"), legend()),
      this.#timeline.node,
      el("h3", {}, "Refresh history"),
      el("div", { class: "refreshes-room" }, this.#refreshes, this.#none));
  }

  update(pool, store) {
    const now = store.now();
    const state = stateOf(pool);
    setData(this.#badge, "state", state);
    setText(this.#badge, state);
    setText(this.#sentence, sentence(state, pool.status));
    const records = store.of(pool);
    const gens = generations(records, pool.status);
    const all = refreshes(records);
    this.#facts.update(pool, gens, now);
    this.#timeline.update(gens, all, pool.status, now);
    keyed(this.#refreshes, folded(all).slice(0, shownRefreshes), (r) => `${pool.id}/${r.seq}`, makeRefresh, now);
    setHidden(this.#none, all.length > 0);
  }
}

function sentence(state, status) {
  const failed = status?.failures ? ` ${count(status.failures, "failure")} in a row: ${status.last_error}` : "";
  return (states[state] ?? "") + left(state, status) + failed;
}

// left says what callers of a pool can do whose login is refused.
function left(state, status) {
  if (state !== "refused") return "";
  const n = status.usable;
  return n ? ` ${count(n, "open connection still serves", "open connections still serve")}.` : " No open connection is left: callers get none.";
}

// legend says what the colours mean. The rows say the same in words.
function legend() {
  const kinds = [["current", "in use"], ["ahead", "still valid"], ["before", "before"], ["drain", "draining"]];
  return el("p", { class: "legend", "aria-hidden": "true" },
    ...kinds.map(([kind, text]) => el("span", {}, el("i", { class: kind }), text)));
}

function makeRefresh() {
  const when = el("time");
  const outcome = el("span", { class: "outcome" });
  const detail = el("span", { class: "detail" });
  const node = el("li", {}, when, " ", outcome, " ", detail);
  return { node, update: (r, now) => {
    setData(node, "kind", r.kind);
    setText(when, time(r.at, now));
    when.dateTime = new Date(r.at).toISOString();
    setText(outcome, r.times > 1 ? `${r.outcome}, ${r.times} times` : r.outcome);
    setText(detail, r.detail);
  } };
}

// Facts are what there is to know of the credential in use.
class Facts {
  #counts = el("span", { class: "counts" });
  #margin = el("span", { class: "margin" });
  #overdue = el("span", { class: "overdue" });
  #life = el("span", { class: "life", "aria-hidden": "true" });
  #values = {};

  constructor() {
    const fact = (name, title, ...more) => {
      const value = el("dd", { class: name });
      this.#values[name] = el("span");
      value.append(this.#values[name], ...more);
      return el("div", { class: `fact-${name}` }, el("dt", {}, title), value);
    };
    this.node = el("dl", { class: "facts" },
      fact("ends", "Credential ends", this.#margin, this.#life), fact("refresh", "Next refresh", this.#overdue), fact("connections", "Connections", this.#counts),
      fact("breaker", "Breaker"), fact("user", "User"), fact("version", "Version"), fact("age", "Age"));
  }

  update({ status: last, counts }, generations, now) {
    const status = last?.state === "closed" ? undefined : last; // what was is of no use any more
    const v = this.#values;
    const ends = endOf(status);
    setText(v.ends, !status?.generation ? "–" : ends ? until(ends, now) : "never");
    v.ends.title = ends ? dateTime(ends) : "";
    this.#drawMargin(ends, moment(status?.expires_at), now);
    this.#drawLife(status, ends, now);
    const next = moment(status?.next_refresh);
    setText(v.refresh, next ? (next > now ? until(next, now) : "now") : status ? "now" : "–");
    this.#drawOverdue(moment(status?.refresh_due), now);
    const all = connections(generations);
    setText(v.connections, status || all !== "0" ? all : "–");
    setText(this.#counts, status && counts ? `${counts.used} in use, ${counts.idle} idle, ${counts.max} at most` : "");
    setText(v.breaker, status?.breaker || "–");
    setData(v.breaker, "state", status?.breaker ?? "");
    setText(v.user, status?.username ? `${status.username}${status.alternate ? " (alternate)" : ""}` : "–");
    setText(v.version, status?.version || "–");
    v.version.title = status?.version ?? "";
    const issued = moment(status?.first_issued_at);
    setText(v.age, !issued ? "–" : now - issued < 1000 ? "new" : span(now - issued));
    v.age.title = issued ? `first issued at ${dateTime(issued)}` : "";
  }

  // drawMargin says what the issuer says, where the pool is done with a credential earlier.
  #drawMargin(ends, expires, now) {
    const earlier = Boolean(ends && expires && expires - ends >= 1000);
    setHidden(this.#margin, !earlier);
    if (earlier) setText(this.#margin, `for this pool; it expires at ${time(expires, now)}`);
  }

  // drawOverdue says for how long the credential should have been replaced; attempts that fail do not change that.
  #drawOverdue(due, now) {
    const late = Boolean(due && now - due >= 1000);
    setHidden(this.#overdue, !late);
    if (late) setText(this.#overdue, `overdue for ${span(now - due)}`);
  }

  // drawLife shows how much of the credential's life is left.
  #drawLife(status, ends, now) {
    const from = moment(status?.issued_at) ?? moment(status?.adopted_at);
    setHidden(this.#life, !ends || !from);
    if (ends && from) setVars(this.#life, { left: Math.min(1, Math.max(0, (ends - now) / (ends - from))) });
    setData(this.#life, "low", String(Boolean(ends && from && ends - now < (ends - from) / 6)));
  }
}

function connections(generations) {
  const newest = (g) => g.current || g.closed;
  const draining = generations.filter((g) => !newest(g)).reduce((n, g) => n + g.connections, 0);
  const current = generations.find(newest)?.connections ?? 0;
  return draining ? `${current} + ${draining} draining` : `${current}`;
}
