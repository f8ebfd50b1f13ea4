// Where a moment is on a timeline, whose right part lies ahead.

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
const shortest = 10_000; // milliseconds
const leastAhead = 0.12; // of the past
const leastAheadOfDrain = 0.4; // its story stands there
const mostAhead = 0.6;
const mostAheadOfFirst = 3; // there is little to see of the past

// scale fits the generations: from the beginning of the oldest to the end of the newest, if that is near.
export function scale(all, refresh, now) {
  const oldest = all.length ? Math.min(...all.map((g) => g.from)) : now;
  const past = Math.max((now - oldest) * 1.02, shortest);
  const end = Math.max(all[0]?.expires ?? 0, refresh ?? 0) - now;
  const most = past * (all.length > 1 ? mostAhead : mostAheadOfFirst);
  const least = all.some((g) => !g.current && g.connections) ? leastAheadOfDrain : leastAhead;
  const ahead = Math.min(Math.max(end * 1.04, past * least), most);
  return new Scale(now - past, now, now + ahead);
}

class Scale {
  constructor(from, now, to) {
    Object.assign(this, { from, now, to });
  }

  // share is where a moment is, from 0 to 1.
  share(at) {
    return Math.min(1, Math.max(0, (at - this.from) / (this.to - this.from)));
  }

  // ticks returns about `most` marks, in milliseconds from now; "now" is one of them. None is close to another.
  ticks(most) {
    const total = (this.to - this.from) / 1000;
    const step = (steps.find((s) => total / s <= most) ?? Math.ceil(total / most / 604800) * 604800) * 1000;
    const ticks = [];
    for (let t = Math.ceil((this.from - this.now) / step) * step; t <= this.to - this.now; t += step) ticks.push(t);
    return ticks;
  }
}
