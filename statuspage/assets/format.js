// Numbers and times as text.

const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// span is a length of time in milliseconds, in its two greatest units: "4 min 12 s".
export function span(ms) {
  if (ms < 1) return "under 1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  let rest = Math.round(ms / 1000);
  const parts = [];
  for (const [name, size] of units) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0) parts.push(`${n} ${name}`);
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

// until is how long it is until a moment, or since when it has passed.
export function until(at, now) {
  const ms = at - now;
  return Math.abs(ms) < 1000 ? "now" : ms > 0 ? `in ${span(ms)}` : `${span(-ms)} ago`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayAndClock = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

// time is a moment's, with the day if that is another than now's.
export function time(at, now = Date.now()) {
  return new Date(at).toDateString() === new Date(now).toDateString() ? clock.format(at) : dayAndClock.format(at);
}

export const dateTime = (at) => full.format(at);
export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

// moment parses a time of the server's, null if it has none.
export const moment = (text) => (text ? Date.parse(text) : null);
