/**
 * The named moments of one protocol: "the head must be complete by then".
 *
 * Not a timer: somebody asks. A protocol holds one of these, sets and clears its moments as it
 * goes, and asks `expired` at each tick of the connection manager, four times a second. Times are
 * those of Clock.now(), in ms. A protocol has a handful of names, so two short arrays beat any map.
 */
export class Deadlines<Name extends string> {
  readonly #names: Name[] = [];
  readonly #times: number[] = [];
  #earliest = Infinity;

  /** Sets or moves a moment. */
  set(name: Name, at: number): void {
    const index = this.#names.indexOf(name);
    if (index < 0) {
      this.#names.push(name);
      this.#times.push(at);
      if (at < this.#earliest) this.#earliest = at;
    } else {
      this.#times[index] = at;
      this.#findEarliest();
    }
  }

  /** Sets a moment and forgets all others: what a connection does after each exchange. */
  setOnly(name: Name, at: number): void {
    if (this.#names.length !== 1 || this.#names[0] !== name) {
      this.clearAll();
      this.#names.push(name);
    }
    this.#times[0] = at;
    this.#earliest = at;
  }

  /** Forgets a moment; one that was never set is no error. */
  clear(name: Name): void {
    const index = this.#names.indexOf(name);
    if (index < 0) return;
    this.#names.splice(index, 1);
    this.#times.splice(index, 1);
    this.#findEarliest();
  }

  /** Forgets all. */
  clearAll(): void {
    if (this.#names.length === 0) return;
    this.#names.length = 0;
    this.#times.length = 0;
    this.#earliest = Infinity;
  }

  /** When a moment is due, or undefined where it is not set. */
  at(name: Name): number | undefined {
    const index = this.#names.indexOf(name);
    return index < 0 ? undefined : this.#times[index];
  }

  /**
   * The earliest moment that has come by `now`, which is then forgotten; undefined when none has.
   */
  expired(now: number): Name | undefined {
    if (now < this.#earliest) return undefined;
    const name = this.#names[this.#times.indexOf(this.#earliest)];
    if (name !== undefined) this.clear(name);
    return name;
  }

  #findEarliest(): void {
    let earliest = Infinity;
    for (const time of this.#times) if (time < earliest) earliest = time;
    this.#earliest = earliest;
  }
}
