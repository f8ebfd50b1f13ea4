// The page: what the feed tells goes into the store, and the views show the store.

import { Announcer } from "./announcer.js";
import { el, keyed, setData, setHidden, setText } from "./dom.js";
import { Feed, pause } from "./feed.js";
import { count, span, time } from "./format.js";
import { Log } from "./log.js";
import { PoolView, idOf, stateOf } from "./pool.js";
import { Store } from "./store.js";

const tick = 250; // milliseconds; what has not changed costs nothing
const worst = ["expired", "refused", "degraded", "starting", "waiting"]; // first what needs an eye most

const $ = (id) => document.getElementById(id);
const title = document.title;
const store = new Store();
const announcer = new Announcer($("announcer"));
const log = new Log($("events"), () => draw());
let paused = false;
let link = "connecting";
let drawn = true; // since the last change

function draw() {
  drawn = true;
  if (!store.known) return;
  drawOverview();
  drawPools();
  log.update(store);
  setHidden($("foot"), false);
}

function drawPools() {
  keyed($("main"), store.pools, (pool) => pool.name, (pool) => new PoolView(pool), store);
}

function drawOverview() {
  const states = store.pools.map(stateOf);
  const trouble = worst.find((state) => states.includes(state));
  setText($("overview"), overview(states, trouble));
  const heading = trouble ? `${trouble} · ${title}` : title;
  if (document.title !== heading) document.title = heading;
  setHidden($("pools-nav"), store.pools.length < 2);
  keyed($("pools-nav").firstElementChild, store.pools, (pool) => pool.name, makeLink);
}

function overview(states, trouble) {
  if (!states.length) return "No pools yet.";
  if (!trouble) {
    const closed = states.filter((s) => s === "closed").length;
    const serving = states.length - closed;
    return [serving && `${count(serving, "pool")} serving`, closed && `${closed} closed`].filter(Boolean).join(", ");
  }
  const kinds = [...new Set(states)].map((s) => `${states.filter((other) => other === s).length} ${s}`);
  return states.length === 1 ? `1 pool, ${trouble}` : `${count(states.length, "pool")}: ${kinds.join(", ")}`;
}

function makeLink({ name }) {
  const dot = el("span", { class: "dot", "aria-hidden": "true" });
  const state = el("span", { class: "state" });
  const link = el("a", { href: `#${idOf(name)}` }, dot, name, " ", state);
  return { node: el("li", {}, link), update: (pool) => {
    setData(dot, "state", stateOf(pool));
    setText(state, stateOf(pool));
  } };
}

// changed draws soon: many changes at once are drawn once. Of a hidden page only the title is seen.
function changed() {
  if (document.hidden && !paused) drawOverview();
  if (!drawn) return;
  drawn = false;
  requestAnimationFrame(() => !paused && draw());
}

const links = { lost: "reconnecting", polling: `every ${span(pause)}` };

function showLink() {
  setData($("link"), "link", paused ? "paused" : link);
  setText($("link"), paused ? "paused" : links[link] ?? link);
}

function showNotice(why, since) {
  const looks = `Events do not come as they happen: ${why}. This page looks every ${span(pause)} instead.`;
  setHidden($("notice"), !why);
  setText($("notice"), !why ? "" : link === "polling" ? looks : `No news${since ? ` since ${time(since)}` : ""}: ${why}.`);
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  showLink();
  if (!paused) draw();
});

setInterval(() => !paused && !document.hidden && drawPools(), tick);
document.addEventListener("visibilitychange", changed);
new Feed({
  snapshot: (data) => {
    store.snapshot(data);
    announcer.states(store.pools, stateOf);
    changed();
  },
  hello: (data) => store.hello(data),
  pools: (data) => {
    store.setPools(data);
    announcer.states(store.pools, stateOf);
    changed();
  },
  record: (record) => {
    store.add(record);
    changed();
  },
  link: (state, why, since) => {
    link = state;
    showLink();
    if (why || state === "live") showNotice(why, since);
    announcer.link(state);
  },
});
