// What the server has told so far.

export class Store {
  pools = []; // as the server sends them
  known = false; // whether it has sent any
  #records = new Map(); // by the pool's id: another may have its name after it
  #room = { events: 200, routine: 50 }; // for each pool
  #ahead = 0; // of this clock, the server's; milliseconds

  // snapshot forgets what was told before: it has all that there is.
  snapshot(state) {
    this.#records.clear();
    this.setPools(state);
    for (const record of state.events ?? []) this.#keep(record);
  }

  hello({ reset, history, routine }) {
    this.#room = { events: history, routine };
    if (reset) this.#records.clear();
  }

  setPools({ now, pools }) {
    this.#ahead = Date.parse(now) - Date.now();
    this.pools = pools;
    this.known = true;
    for (const id of this.#records.keys()) {
      if (!pools.some((pool) => pool.id === id)) this.#records.delete(id);
    }
  }

  add(record) {
    if (this.of(record).at(-1)?.seq >= record.seq) return; // a snapshot had it
    this.#keep(record);
    this.#makeRoom(this.of(record), Boolean(record.routine));
  }

  #keep(record) {
    record.at = Date.parse(record.at);
    if (!this.#records.has(record.id)) this.#records.set(record.id, []);
    this.of(record).push(record);
  }

  // makeRoom drops the oldest of a kind, of which one came: routine makes way for routine alone.
  #makeRoom(records, routine) {
    const alike = (r) => Boolean(r.routine) === routine;
    const room = routine ? this.#room.routine : this.#room.events;
    if (records.filter(alike).length > room) records.splice(records.findIndex(alike), 1);
  }

  // of returns a pool's records, oldest first.
  of({ id }) {
    return this.#records.get(id) ?? [];
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
