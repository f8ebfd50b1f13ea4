// The events of all pools, newest first.

import { el, keyed, setHidden, setText } from "./dom.js";
import { dateTime, time } from "./format.js";
import { sentence } from "./sentences.js";

const most = 200;
const levels = ["DEBUG", "INFO", "WARN", "ERROR"];

export class Log {
  #section;
  #list;
  #none;

  constructor(section, onFilter) {
    this.#section = section;
    this.#list = section.querySelector("ol");
    this.#none = section.querySelector(".none");
    section.querySelector("fieldset").addEventListener("change", onFilter);
  }

  update(store) {
    setHidden(this.#section, false);
    const least = levels.indexOf(this.#section.querySelector("input:checked").value);
    const records = store.all().filter((r) => levels.indexOf(r.level) >= least).slice(0, most);
    setHidden(this.#none, records.length > 0);
    const goBack = stay(this.#list);
    keyed(this.#list, records, (r) => `${r.id}/${r.seq}`, makeEntry, store.now());
    this.#list.classList.toggle("several", store.pools.length > 1);
    goBack();
  }
}

// stay remembers what a reader sees who has scrolled down, and returns what puts it there again: new entries come above.
// Not every browser has overflow-anchor.
function stay(list) {
  const box = list.parentElement;
  const seen = box.scrollTop > 0 && [...list.children].find((entry) => entry.offsetTop + entry.offsetHeight > box.offsetTop + box.scrollTop);
  if (!seen) return () => {};
  const from = seen.offsetTop;
  return () => seen.isConnected && (box.scrollTop += seen.offsetTop - from);
}

function makeEntry(record) {
  const at = el("time", { datetime: new Date(record.at).toISOString(), title: dateTime(record.at) });
  const pool = el("span", { class: "from" }, record.pool);
  const level = el("span", { class: "level" });
  setText(level, { WARN: "Warning", ERROR: "Error" }[record.level] ?? "");
  const node = el("li", { "data-level": record.level }, at, " ", pool, " ", el("span", { class: "what" }, level, " ", sentence(record)));
  return { node, update: (record, now) => setText(at, time(record.at, now)) };
}
