// A pool's refreshes, told from its events: what came of each, why it was made, and why it failed.

import { count, span, time } from "./format.js";

// refreshes returns them newest first: {seq, at, kind, outcome, detail}. A credential that was fetched and what the pool made
// of it are one.
export function refreshes(records) {
  const all = [];
  for (const record of records) tellers[record.name]?.(record, record.attrs, all);
  return all.reverse();
}

const tellers = {
  "credential fetched": (r, a, all) => {
    const why = a.forced ? "asked for" : "due";
    const kind = a.changed ? "new" : "same";
    const outcome = a.changed ? "New credential" : "No change";
    all.push({ seq: r.seq, at: r.at, kind, outcome, version: a.version, detail: `${why}, ${span(a.duration)}` });
  },
  "credential refresh failed": (r, a, all) => {
    const next = a.retry_at ? `; again at ${time(Date.parse(a.retry_at))}` : "";
    const row = a.failures > 1 ? ` (${count(a.failures, "failure")} in a row)` : "";
    all.push({ seq: r.seq, at: r.at, kind: "failed", outcome: `Failed to ${a.op}`, detail: `${a.error}${row}${next}` });
  },
  "credential lease renewed": (r, a, all) => {
    const why = a.fallback ? "because fetching had failed" : "due";
    all.push({ seq: r.seq, at: r.at, kind: "renewed", outcome: "Lease renewed", detail: `${why}, ${span(a.duration)}` });
  },
  "credential adopted": (r, a, all) => {
    const from = fetched(all, a.version) ?? push(all, r, "from an alternate");
    Object.assign(from, {
      kind: "adopted", outcome: `Adopted as generation ${a.generation}`, detail: `${from.detail}, verified in ${span(a.verify)}`,
    });
  },
  "credential not adopted": (r, a, all) => {
    const from = fetched(all, a.version) ?? push(all, r, "tried again");
    Object.assign(from, { kind: "failed", outcome: "Not adopted", detail: `${a.class}: ${a.error}` });
  },
};

// folded puts those that are alike into one, {…, times}, with the latest detail: an outage is one line.
export function folded(refreshes) {
  const all = [];
  for (const refresh of refreshes) {
    const last = all.at(-1);
    const alike = (refresh.kind === "same" || refresh.kind === "failed") && last?.outcome === refresh.outcome;
    if (alike) Object.assign(last, { seq: refresh.seq, times: last.times + 1 });
    else all.push({ ...refresh, times: 1 });
  }
  return all;
}

function fetched(all, version) {
  const last = all.at(-1);
  return last?.kind === "new" && last.version === version ? last : undefined;
}

function push(all, record, detail) {
  const refresh = { seq: record.seq, at: record.at, detail };
  all.push(refresh);
  return refresh;
}
