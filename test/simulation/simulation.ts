/**
 * The deterministic simulation: connections in memory, clocks moved by hand, and a scheduler that
 * chooses by chance what happens next. All chance comes of one seed, so a failure can be had again.
 *
 * After every event the invariants are checked (connection.ts); when the chosen events are over,
 * all gates are opened and all octets let through, and everybody must have got an answer; at last
 * the peers go, and nothing may be left behind.
 */
import { seeded } from '../support/random.ts';
import { SimulatedConnection } from './connection.ts';
import { script } from './requests.ts';
import { World } from './world.ts';

/** Events of a simulation, beyond which what is left is only carried out. */
const EVENTS_MAX = 250;
/** Rounds in which a calm simulation must come to rest. */
const CALM_ROUNDS_MAX = 20_000;

interface Event {
  readonly weight: number;
  happen(): void;
}

/** Runs one simulation. Returns its trace; throws an Error with seed, limits, trace and faults. */
export async function simulate(seed: number): Promise<readonly string[]> {
  return seeded(seed, async (random) => {
    const world = new World(random);
    const simulation = new Simulation(world);
    await simulation.run().catch((error: Error) => world.fault(`it threw ${error.stack}`));
    if (world.faults.length === 0) return world.trace;
    const scenes = simulation.connections.map((connection) => connection.describe());
    throw new Error(['', ...scenes, ...world.trace, ...world.faults].join('\n'));
  });
}

class Simulation {
  readonly world: World;
  readonly connections: readonly SimulatedConnection[];
  /** Whether peers and server break things off, or time runs away; else all goes its way. */
  readonly #rough: boolean;

  constructor(world: World) {
    this.world = world;
    this.#rough = world.random.chance(0.5);
    const count = world.random.chance(0.7) ? 1 : 2;
    this.connections = Array.from({ length: count }, (_, at) => (
      new SimulatedConnection(world, `c${at}`, script(world.random, at * 10))
    ));
  }

  async run(): Promise<void> {
    for (let left = EVENTS_MAX; left > 0 && this.world.faults.length === 0; left--) {
      const events = this.#events();
      if (events.length === 0) break;
      this.#choose(events).happen();
      await this.#rest();
    }
    await this.#calm();
    if (this.world.faults.length > 0) return;
    for (const connection of this.connections) connection.checkProgress();
    await this.#leave();
    for (const connection of this.connections) connection.checkEnd();
    this.#checkSources();
  }

  #events(): Event[] {
    const { world } = this;
    const { random } = world;
    const events: Event[] = [];
    if (world.gates.length > 0) events.push({ weight: 10, happen: () => world.openGate() });
    for (const connection of this.connections) {
      const { transport } = connection;
      if (transport.closed) continue;
      const add = (weight: number, happen: () => void): void => {
        events.push({ weight, happen });
      };
      if (connection.canSend) add(20, () => connection.send());
      if (connection.waits) add(0.5, () => connection.giveUpWaiting());
      if (transport.pending) add(20, () => connection.turn());
      if (transport.queuedBytes > 0) add(10, () => connection.release(random.pick([1, 30, 1000])));
      if (!connection.sentEof && connection.sentAll) add(1, () => connection.sendEof());
      add(1, () => connection.tick(250));
      if (!this.#rough) continue;
      if (!connection.sentEof) add(0.1, () => connection.sendEof());
      if (!connection.shutDown) add(0.15, () => connection.shutdown());
      add(0.15, () => connection.disconnect());
      add(0.2, () => connection.tick(random.pick([6_000, 16_000, 70_000, 310_000])));
    }
    // Time alone is not worth the rest of the events.
    return events.some(({ weight }) => weight >= 10) ? events : [];
  }

  #choose(events: readonly Event[]): Event {
    const weights = events.reduce((sum, { weight }) => sum + weight, 0);
    let at = this.world.random.next() / 2 ** 32 * weights;
    return events.find(({ weight }) => (at -= weight) < 0) ?? events[0] as Event;
  }

  /** Lets promises settle, then looks at everything. */
  async #rest(): Promise<void> {
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    for (const connection of this.connections) connection.check();
  }

  /** Whatever was begun goes on, with nobody in its way, until it comes to rest. */
  async #calm(): Promise<void> {
    this.world.trace.push('calm');
    for (const { transport } of this.connections) transport.release();
    for (let left = CALM_ROUNDS_MAX; this.world.faults.length === 0; left--) {
      const busy = this.#goOn();
      await this.#rest();
      if (!busy && !this.#goOn()) return;
      if (left === 0) this.world.fault('it never comes to rest');
    }
  }

  #goOn(): boolean {
    const { world } = this;
    const gates = world.gates.length > 0;
    while (world.gates.length > 0) world.openGate();
    const busy = this.connections.filter((connection) => {
      const { canSend } = connection;
      const { pending } = connection.transport;
      if (canSend) connection.send();
      if (pending) connection.turn();
      return canSend || pending;
    });
    return gates || busy.length > 0;
  }

  /** The peers go, and what handlers still wait for comes too late. */
  async #leave(): Promise<void> {
    for (const connection of this.connections) {
      if (!connection.transport.closed) connection.disconnect();
    }
    do {
      while (this.world.gates.length > 0) this.world.openGate();
      await this.#rest();
    } while (this.world.gates.length > 0);
  }

  #checkSources(): void {
    const { world } = this;
    for (const source of world.sources) {
      if (!/^(pulled to its end|failed|cancelled)$/.test(source.ends)) {
        world.fault(`${source.name} ended in ${source.ends === '' ? 'nothing' : source.ends}`);
      }
    }
    for (const [name, times] of world.begun) {
      if (times !== 1) world.fault(`${name} ended ${times} times`);
    }
    for (const [id, { closings }] of world.tunnels) {
      if (closings !== 1) world.fault(`the tunnel of ${id} was closed ${closings} times`);
    }
  }
}
