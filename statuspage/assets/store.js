// What the server has told so far.

export class Store {
  pools = []; // as the server sends them, each with its records
  link = "connecting";
  #records = new Map(); // by pool
  #room = { events: 200, routine: 50 }; // for each pool
  #ahead = 0; // of this clock, the server's; milliseconds

  hello({ reset, history, routine }) {
    this.#room = { events: history, routine };
    if (reset) this.#records.clear();
  }

  setPools({ now, pools }) {
    this.#ahead = Date.parse(now) - Date.now();
    this.pools = pools;
    for (const name of this.#records.keys()) {
      if (!pools.some((pool) => pool.name === name)) this.#records.delete(name);
    }
  }

  add(record) {
    record.at = Date.parse(record.at);
    const records = this.of(record.pool);
    records.push(record);
    this.#makeRoom(records, Boolean(record.routine));
    this.#records.set(record.pool, records);
  }

  // makeRoom drops the oldest of a kind, of which one came: routine makes way for routine alone.
  #makeRoom(records, routine) {
    const alike = (r) => Boolean(r.routine) === routine;
    const room = routine ? this.#room.routine : this.#room.events;
    if (records.filter(alike).length > room) records.splice(records.findIndex(alike), 1);
  }

  // of returns a pool's records, oldest first.
  of(pool) {
    return this.#records.get(pool) ?? [];
  }

  // all returns the records of all pools, newest first.
  all() {
    return [...this.#records.values()].flat().sort((a, b) => b.seq - a.seq);
  }

  // now is the server's time.
  now() {
    return Date.now() + this.#ahead;
  }
}
