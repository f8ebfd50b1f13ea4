// The timeline of a pool: a row for each generation, which reads as a table, too. A generation reigns (dark), drains once
// the next has come (amber), and is gone; what lies ahead of the one in use is an outline up to its expiry.

import { el, keyed, setData, setHidden, setText, setVars } from "./dom.js";
import { count, moment, span, time, until } from "./format.js";
import { scale } from "./scale.js";

const rows = 4; // as many are there from the beginning, so that nothing moves when they fill; more only if more drain
const roomAfter = 0.72; // a bar that ends further right has no room for words after it
const roomBefore = 0.45; // and one that begins further left, for words before it
const squares = 24; // at most; above, a square stands for several connections

export class Timeline {
  #axis = el("div", { class: "axis", "aria-hidden": "true" });
  #body = el("tbody", { role: "rowgroup" });
  #marks = el("div", { class: "marks", "aria-hidden": "true" });
  #checks = el("span");

  constructor(label) {
    const row = (...cells) => el("tr", { role: "row" }, ...cells);
    const head = (...children) => el("th", { scope: "col", role: "columnheader" }, ...children);
    this.node = el("table", { class: "timeline", role: "table", "aria-label": label },
      el("thead", { role: "rowgroup" }, row(head(el("span", { class: "unseen" }, "Generation")), head(el("span", { class: "unseen" }, "Time"), this.#axis), head("Connections"))),
      this.#body,
      el("tfoot", { role: "rowgroup" }, el("tr", { role: "row", class: "source" },
        el("th", { scope: "row", role: "rowheader" }, "Refreshes"),
        el("td", { role: "cell", class: "track" }, this.#marks),
        el("td", { role: "cell" }, this.#checks))));
  }

  update(generations, refreshes, status, now) {
    const shown = choose(generations);
    const next = status?.state !== "closed" ? moment(status?.next_refresh) : null;
    const where = scale(shown, next, now);
    setVars(this.node, { now: where.share(now) });
    this.#drawAxis(where);
    const empty = Array.from({ length: Math.max(0, rows - shown.length) }, (_, i) => ({ id: `empty ${i}`, empty: true }));
    keyed(this.#body, [...shown, ...empty], (g) => g.id, (g) => (g.empty ? makeEmptyRow() : makeRow()), where);
    this.#drawRefreshes(refreshes, next, where);
  }

  #drawAxis(where) {
    const ticks = where.ticks(this.#axis.clientWidth < 420 ? 5 : 8);
    keyed(this.#axis, ticks, (t) => t, (t) => {
      const node = el("span", { class: "tick" }, t === 0 ? "now" : `${t < 0 ? "−" : "+"}${span(Math.abs(t))}`);
      return { node, update: (t, where) => {
        const at = where.share(where.now + t);
        setVars(node, { at });
        setData(node, "edge", at < 0.06 ? "start" : at > 0.94 ? "end" : "");
      } };
    }, where);
  }

  #drawRefreshes(refreshes, next, where) {
    const past = refreshes.filter((r) => r.at >= where.from);
    const marks = past.map((r) => ({ ...r, key: r.seq }));
    if (next && next > where.now && next <= where.to) marks.push({ key: "next", kind: "next", at: next });
    keyed(this.#marks, marks, (m) => m.key, () => {
      const node = el("span", { class: "mark" });
      return { node, update: (m, where) => {
        setData(node, "kind", m.kind);
        setVars(node, { at: where.share(m.at) });
      } };
    }, where);
    const failed = past.filter((r) => r.kind === "failed").length;
    setText(this.#checks, failed ? `${failed} failed` : next ? `next ${until(next, where.now)}` : "");
  }
}

// choose takes what is in use and all that is not gone, however old: that is what an eye is needed on. The newest of
// the others fill the rows that are left.
function choose(generations) {
  const matters = (g) => g.current || phase(g) !== "gone";
  let left = rows - generations.filter(matters).length;
  return generations.filter((g) => matters(g) || left-- > 0);
}

function makeEmptyRow() {
  const cells = ["", "track", ""].map((name) => el("td", { class: name }));
  return { node: el("tr", { class: "empty", "aria-hidden": "true" }, ...cells) };
}

function makeRow() {
  const who = el("span", { class: "who" });
  const name = el("th", { scope: "row", role: "rowheader" });
  const id = el("span", { class: "id" });
  name.append(id, " ", who);
  const reign = el("span", { class: "bar reign" });
  const drain = el("span", { class: "bar drain" });
  const ahead = el("span", { class: "bar ahead" });
  const story = el("span", { class: "story" });
  const track = el("td", { role: "cell", class: "track" }, reign, drain, ahead, story);
  const dots = el("span", { class: "squares", "aria-hidden": "true" });
  const number = el("span", { class: "number" });
  const node = el("tr", { role: "row" }, name, track, el("td", { role: "cell", class: "connections" }, dots, number));
  return { node, update: (g, where) => {
    setData(node, "phase", phase(g));
    setData(node, "refused", String(Boolean(g.refused)));
    setText(id, `${g.id}`);
    setText(who, g.username || g.version);
    who.title = g.version;
    drawBars(g, where, { reign, drain, ahead, story });
    setText(story, tell(g, where.now));
    setHidden(dots, g.connections === 0);
    dots.style.setProperty("--n", Math.min(g.connections, squares));
    setText(number, g.connections ? count(g.connections, "connection") : g.drained ? "drained" : "none");
  } };
}

function phase(g) {
  if (expired(g) && !g.superseded) return "expired";
  if (g.current) return "current";
  return g.drained || !g.connections ? "gone" : "draining";
}

// expired reports whether it came to its own end before the next one, or the pool's end, came.
const expired = (g) => Boolean(g.ended) && g.ended <= Math.min(g.superseded ?? Infinity, g.closedAt ?? Infinity);

// reignEnd is when it was no longer what callers got.
const reignEnd = (g, now) => Math.min(g.ended ?? now, g.superseded ?? now, g.closedAt ?? now);

function drawBars(g, where, { reign, drain, ahead, story }) {
  const reigned = reignEnd(g, where.now);
  const superseded = g.superseded ?? reigned;
  const drains = g.superseded && (!expired(g) || g.connections); // what has expired was closed then
  const gone = !drains ? reigned : g.drained ?? (g.connections || g.draining ? where.now : superseded);
  setVars(reign, { from: where.share(g.from), to: where.share(reigned) });
  setHidden(reign, Boolean(g.closed) && !g.closedAt && !g.ended);
  setVars(drain, { from: where.share(superseded), to: where.share(Math.max(gone, superseded)) });
  setHidden(drain, !drains);
  const end = g.current ? g.expires ?? where.to : 0;
  setVars(ahead, { from: where.share(where.now), to: where.share(end) });
  setHidden(ahead, !g.current || g.refused || expired(g) || end <= where.now);
  setData(ahead, "open", String(!g.expires || g.expires > where.to));
  const last = where.share(g.current && !expired(g) ? end : Math.max(gone, reigned));
  setVars(story, { at: last < roomAfter ? last : where.share(g.from) });
  setData(story, "side", last < roomAfter ? "after" : where.share(g.from) > roomBefore ? "before" : "inside");
}

// tell says in words what the bars show.
function tell(g, now) {
  const since = time(g.from, now);
  if (expired(g) && !g.connections) return `expired${g.cancelled ? `, ${g.cancelled} cancelled` : ""}`;
  if (g.closed) return "closed";
  if (g.current) return `${g.refused ? "refused; " : ""}in use since ${since}${g.alternate ? ", an alternate" : ""}`;
  if (g.drained) return `${g.took === undefined ? "drained" : `drained in ${span(g.took)}`}${g.cancelled ? `, ${g.cancelled} cancelled` : ""}`;
  if (g.connections || g.draining) return `draining for ${span(now - g.superseded)}`;
  return "superseded";
}
