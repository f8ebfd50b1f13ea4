// A pool's generations, told from its events and its status.

import { moment } from "./format.js";

// generations returns them newest first:
// {id, version, username, from, superseded, ended, drained, closed, closedAt, expires, alternate, connections, cancelled, current,
// refused}.
export function generations(records, status) {
  const found = new Map();
  const get = (id) => {
    if (!found.has(id)) found.set(id, { id, version: "", username: "", connections: 0 });
    return found.get(id);
  };
  for (const record of records) tell(record, get);
  if (status?.generation) describeCurrent(get(status.generation), status);
  for (const old of status?.draining ?? []) {
    Object.assign(get(old.generation), { version: old.version, connections: old.connections, draining: true });
  }
  const all = [...found.values()].sort((a, b) => b.id - a.id);
  if (status?.state === "closed") close(all[0], records.findLast((r) => r.name === "pool closed")?.at);
  return supersede(all).filter((g) => g.from);
}

const tellers = {
  "credential adopted": (g, a, at) => Object.assign(g, {
    from: at, version: a.version, username: a.username, alternate: a.alternate, expires: moment(a.expires_at),
  }),
  "alternate confirmed": (g) => { g.alternate = false; },
  "credential lease renewed": (g, a) => { g.expires = moment(a.expires_at); },
  "credential expired": (g, a, at) => { g.ended = at; },
  "generation drained": (g, a, at) => Object.assign(g, { drained: at, cancelled: a.cancelled, took: a.duration }),
};

function tell(record, get) {
  const teller = tellers[record.name];
  if (teller) teller(get(record.attrs.generation), record.attrs, record.at);
}

function describeCurrent(g, status) {
  Object.assign(g, {
    version: status.version, username: status.username, expires: endOf(status), alternate: status.alternate,
    connections: status.connections, current: status.state !== "closed", refused: status.state === "refused",
  });
  g.from ??= moment(status.adopted_at);
  if (status.state === "serving" || status.state === "degraded") g.ended = undefined; // its lease was renewed after its end
}

// close ends the last generation with its pool. When that was is not known to a page without the event.
function close(g, at) {
  if (g) Object.assign(g, { closed: true, closedAt: at, current: false, refused: false, expires: null });
}

// endOf is when the pool is done with the credential in use: its connections are closed a margin before it expires.
export const endOf = (status) => moment(status?.not_after) ?? moment(status?.expires_at);

// supersede lets each generation end its reign where the next begins. The events know the one in use sooner than the
// status does.
function supersede(all) {
  all.forEach((g, i) => {
    const next = all[i - 1];
    if (!next) return;
    g.current = g.refused = false;
    g.superseded = next.from;
    g.from ??= g.draining ? next.from : undefined;
  });
  return all;
}
