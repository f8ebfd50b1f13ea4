// A pool's refreshes, told from its events: what came of each, why it was made, and its steps.

import { count, span, time } from "./format.js";
import { attempts, triggers } from "./words.js";

const slack = 500; // milliseconds by which the clock may disagree with a duration

// refreshes returns them newest first: {seq, at, kind, outcome, detail}. Each is what happened up to its end. A step
// whose end is not known, because it was long ago or is yet to come, stands for itself if anything came of it.
export function refreshes(records) {
  const all = [];
  let open = [];
  for (const record of records) {
    if (record.name in steps) open.push(record);
    if (record.name !== "refresh ended") continue;
    const began = record.at - record.attrs.duration - slack;
    all.push(...open.filter((s) => s.at < began).flatMap(alone), round(record, open.filter((s) => s.at >= began)));
    open = [];
  }
  return [...all, ...open.flatMap(alone)].reverse();
}

const steps = {
  "credential fetched": (a) => `fetched in ${span(a.duration)}`,
  "alternates fetched": (a) => `${count(a.candidates, "alternate")} named in ${span(a.duration)}`,
  "credential refresh failed": (a) => (a.class === "breaker_open" ? "the source is left alone" : `could not ${attempts[a.op] ?? a.op}: ${a.error}`),
  "credential lease renewed": (a) => `renewed in ${span(a.duration)}`,
  "credential adopted": (a) => `${a.alternate ? "an alternate, " : ""}verified in ${span(a.verify)}`,
  "credential not adopted": (a) => `${a.version} refused (${a.class}): ${a.error}`,
  "login restored": (a) => `verified in ${span(a.verify)}`,
};

// ends are the steps that something came of, and what.
const ends = {
  "credential refresh failed": (a) => ({ kind: "failed", outcome: a.class === "breaker_open" ? "Not asked" : failures[a.op] ?? "Failed" }),
  "credential lease renewed": () => outcomes.renewed(),
  "credential adopted": (a) => outcomes.adopted(a),
  "credential not adopted": () => ({ kind: "failed", outcome: "Not adopted" }),
  "login restored": () => outcomes.restored(),
};

const failures = { fetch: "Failed to fetch", renew: "Failed to renew", alternates: "No alternates" };

const outcomes = {
  adopted: (a) => ({ kind: "adopted", outcome: `Adopted as generation ${a.generation}` }),
  renewed: () => ({ kind: "renewed", outcome: "Lease renewed" }),
  restored: () => ({ kind: "restored", outcome: "Login works again" }),
  unchanged: () => ({ kind: "same", outcome: "No change" }),
};

function round(end, parts) {
  const { trigger, outcome, error } = end.attrs;
  const detail = [triggers[trigger] ?? trigger, ...parts.map(step)];
  if (outcome in outcomes) return { ...outcomes[outcome](end.attrs), ...place(end), detail: detail.join(", ") };
  const last = parts.findLast((part) => part.name in ends);
  if (!last) detail.push(error ?? "failed");
  return { kind: "failed", outcome: "Failed", ...(last && came(last)), ...place(end), detail: detail.join(", ") + again(last) };
}

// alone is a step as a refresh of its own, or nothing.
function alone(part) {
  return part.name in ends ? [{ ...came(part), ...place(part), detail: step(part) + again(part) }] : [];
}

const place = ({ seq, at }) => ({ seq, at });
const step = ({ name, attrs }) => steps[name](attrs);
const came = ({ name, attrs }) => ends[name](attrs);

// again says how often it has failed and when it is tried next.
function again(part) {
  const { failures, retry_at } = part?.attrs ?? {};
  return (failures > 1 ? ` (${count(failures, "failure")} in a row)` : "") + (retry_at ? `; again at ${time(Date.parse(retry_at))}` : "");
}

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
