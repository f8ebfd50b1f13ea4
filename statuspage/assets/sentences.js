// Events as sentences.

import { count, moment, span, time } from "./format.js";
import { attempts, triggers } from "./words.js";

const sentences = {
  "credential fetched": (a) => `The source gave ${a.changed ? "a new" : "the same"} credential in ${span(a.duration)}`,
  "credential refresh failed": (a) => `Could not ${attempts[a.op] ?? a.op}: ${a.error}`,
  "credential lease renewed": (a) => `Lease of generation ${a.generation} renewed${until(a)}${a.fallback ? ", because fetching had failed" : ""}`,
  "credential not adopted": (a) => `Credential ${a.version} was not adopted (${a.class}): ${a.error}`,
  "credential adopted": (a) => `Generation ${a.generation} adopted${a.alternate ? ", an alternate" : ""}: ${a.username}, verified in ${span(a.verify)}${until(a)}`,
  "alternate confirmed": (a) => `Generation ${a.generation} is now what the source gives`,
  "alternates fetched": (a) => `The source named ${count(a.candidates, "alternate")} in ${span(a.duration)}`,
  "refresh ended": (a) => `Refresh, ${triggers[a.trigger] ?? a.trigger}, ended in ${span(a.duration)}: ${outcomes[a.outcome]?.(a) ?? a.outcome}${a.recovered ? `, after ${count(a.recovered, "failure")}` : ""}`,
  "hand-over begun": (a) => `Hand-over to generation ${a.generation} begun: ${count(a.connections, "connection")} to replace`,
  "hand-over ended": (a) => `Hand-over to generation ${a.generation} ${a.overtaken ? "overtaken by the next" : "ended"} after ${span(a.duration)}`,
  "login refused": (a) => a.revoked
    ? `The role of generation ${a.generation} has lost its rights`
    : `The server refused the login of generation ${a.generation}${a.sqlstate ? ` (${a.sqlstate})` : ""}`,
  "login restored": (a) => `The server accepts the login of generation ${a.generation} again`,
  "credential expired": (a) => `The credential of generation ${a.generation} has expired${a.cause ? `: ${a.cause}` : ""}`,
  "generation drained": (a) => `Generation ${a.generation} drained in ${span(a.duration)}${a.cancelled ? `, ${count(a.cancelled, "connection")} cancelled` : ""}`,
  "credential retired": (a) => (a.error ? `Credential ${a.version} could not be given back: ${a.error}` : `Credential ${a.version} given back`),
  "breaker changed": (a) => breakers[a.to] ?? `The breaker is ${a.to}`,
  "configuration warning": (a) => `${a.field}: ${a.message}`,
  "pool closed": (a) => `Pool closed${a.abandoned ? `, ${count(a.abandoned, "connection")} abandoned` : ""}`,
};

const outcomes = {
  adopted: (a) => `generation ${a.generation} is in use`,
  renewed: () => "the lease was renewed",
  restored: () => "the login in use works again",
  unchanged: () => "nothing new",
  failed: (a) => `nothing came of it${a.error ? `: ${a.error}` : ""}`,
};

const breakers = {
  open: "The source is left alone for a while: the breaker is open",
  "half-open": "The source may be asked once more: the breaker is half-open",
  closed: "The source is asked as usual: the breaker is closed",
};

function until(attrs) {
  const at = moment(attrs.expires_at);
  return at ? `, until ${time(at)}` : "";
}

// sentence tells an event, also one that is newer than this page.
export function sentence({ name, attrs }) {
  const tell = sentences[name];
  return tell ? tell(attrs) : `${name} ${Object.entries(attrs).map(([key, value]) => `${key}=${value}`).join(" ")}`;
}
