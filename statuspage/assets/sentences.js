// Events as sentences.

import { count, moment, span, time } from "./format.js";

const sentences = {
  "credential fetched": (a) => `${a.changed ? "A new credential" : "The same credential"} from the source, ${a.forced ? "asked for" : "due"}, in ${span(a.duration)}`,
  "credential refresh failed": (a) => `Could not ${a.op} a credential: ${a.error}`,
  "credential lease renewed": (a) => `Lease of generation ${a.generation} renewed${until(a)}${a.fallback ? ", because fetching had failed" : ""}`,
  "credential not adopted": (a) => `Credential ${a.version} was not adopted (${a.class}): ${a.error}`,
  "credential adopted": (a) => `Generation ${a.generation} adopted${a.alternate ? ", an alternate" : ""}: ${a.username}, verified in ${span(a.verify)}${until(a)}`,
  "alternate confirmed": (a) => `Generation ${a.generation} is now what the source gives`,
  "login refused": (a) => a.revoked
    ? `The role of generation ${a.generation} has lost its rights`
    : `The server refused the login of generation ${a.generation}${a.sqlstate ? ` (${a.sqlstate})` : ""}`,
  "login restored": (a) => `The server accepts the login of generation ${a.generation} again`,
  "credential expired": (a) => `The credential of generation ${a.generation} has expired${a.cause ? `: ${a.cause}` : ""}`,
  "generation drained": (a) => `Generation ${a.generation} drained in ${span(a.duration)}${a.cancelled ? `, ${count(a.cancelled, "connection")} cancelled` : ""}`,
  "credential retired": (a) => (a.error ? `Credential ${a.version} could not be given back: ${a.error}` : `Credential ${a.version} given back`),
  "configuration warning": (a) => `${a.field}: ${a.message}`,
  "pool closed": (a) => `Pool closed${a.abandoned ? `, ${count(a.abandoned, "connection")} abandoned` : ""}`,
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
