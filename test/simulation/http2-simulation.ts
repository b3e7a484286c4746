/**
 * The deterministic simulation of HTTP/2: as simulation.ts, with connections that speak HTTP/2 by
 * prior knowledge, and now and then one of HTTP/1.1 beside them. All chance comes of one seed.
 *
 * After every event the invariants are checked (http2-connection.ts, http2-judge.ts); when the
 * chosen events are over, all gates and windows are opened and everybody must have got an answer;
 * at last the peers go, and nothing may be left behind.
 */
import { seeded } from '../support/random.ts';
import { SimulatedConnection } from './connection.ts';
import { SimulatedHttp2Connection } from './http2-connection.ts';
import { http2Script } from './http2-plans.ts';
import { script } from './requests.ts';
import { World } from './world.ts';

const EVENTS_MAX = 300;
const CALM_ROUNDS_MAX = 20_000;
/** Octets of a read then. */
const CALM_READ = 20_000;

interface Event {
  readonly weight: number;
  happen(): void;
}

/** Runs one simulation. Returns its trace; throws an Error with seed, limits, trace and faults. */
export async function simulateHttp2(seed: number): Promise<readonly string[]> {
  return seeded(seed, async (random) => {
    const world = new World(random);
    const simulation = new Http2Simulation(world);
    await simulation.run().catch((error: Error) => world.fault(`it threw ${error.stack}`));
    if (world.faults.length === 0) return world.trace;
    const scenes = simulation.all.map((connection) => connection.describe());
    throw new Error(['', ...scenes, ...world.trace, ...world.faults].join('\n'));
  });
}

class Http2Simulation {
  readonly world: World;
  readonly all: readonly (SimulatedConnection | SimulatedHttp2Connection)[];
  readonly #connections: readonly SimulatedHttp2Connection[];
  /** One of HTTP/1.1, which has the same handlers and answers. */
  readonly #other: SimulatedConnection | undefined;
  /** Whether peers and server break things off, or time runs away; else all goes its way. */
  readonly #rough: boolean;

  constructor(world: World) {
    this.world = world;
    const { random } = world;
    this.#rough = random.chance(0.5);
    const count = random.chance(0.85) ? 1 : 2;
    this.#connections = Array.from({ length: count }, (_, at) => (
      new SimulatedHttp2Connection(world, `c${at}`, http2Script(random, at * 100, this.#rough))
    ));
    this.#other = random.chance(0.1)
      ? new SimulatedConnection(world, 'http1', script(random, 1000))
      : undefined;
    this.all = this.#other === undefined ? this.#connections : [...this.#connections, this.#other];
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
    for (const connection of this.all) connection.checkProgress();
    await this.#leave();
    for (const connection of this.all) connection.checkEnd();
    this.#checkSources();
  }

  #events(): Event[] {
    const { world } = this;
    const events = this.#connections.flatMap((connection) => this.#eventsOf(connection));
    if (this.#other !== undefined) events.push(...this.#otherEvents(this.#other));
    if (world.gates.length > 0) events.push({ weight: 10, happen: () => world.openGate() });
    // Time alone is not worth the rest of the events.
    return events.some(({ weight }) => weight >= 5) ? events : [];
  }

  #eventsOf(connection: SimulatedHttp2Connection): Event[] {
    const { transport, client } = connection;
    if (transport.closed) return [];
    const events: Event[] = [];
    const add = (weight: number, happen: () => void): void => void events.push({ weight, happen });
    if (connection.canSend) add(20, () => connection.send());
    if (transport.pending) add(20, () => connection.turn());
    const { random } = this.world;
    if (transport.queuedBytes > 0) {
      add(10, () => connection.release(random.pick([1, 100, 1000, 20_000])));
    }
    add(1, () => connection.tick(250));
    if (this.#rough) this.#addRough(connection, add);
    if (connection.sentEof || transport.ended || client.offended) return events;
    if (client.canOpen) add(8, () => client.open());
    if (client.canUpload) add(10, () => client.upload());
    if (client.waiting.length > 0) add(0.5, () => client.giveUpWaiting());
    if (client.canReset) add(0.4, () => client.reset());
    if (!client.isStingy) add(4, () => client.openWindow());
    add(0.6, () => client.changeSettings());
    add(1, () => client.fidget());
    return events;
  }

  #addRough(
    connection: SimulatedHttp2Connection, add: (weight: number, happen: () => void) => void,
  ): void {
    const { random } = this.world;
    if (!connection.sentEof) add(0.1, () => connection.sendEof());
    if (!connection.shutDown) add(0.2, () => connection.shutdown());
    add(0.1, () => connection.disconnect());
    add(0.1, () => connection.tick(random.pick([1_250, 6_000, 16_000, 35_000, 310_000])));
    if (connection.mayOffend) add(0.3, () => connection.offend());
    if (!connection.client.hasOpenedAll) add(0.15, () => connection.client.goaway());
  }

  #otherEvents(connection: SimulatedConnection): Event[] {
    const { transport } = connection;
    if (transport.closed) return [];
    const events: Event[] = [];
    if (connection.canSend) events.push({ weight: 20, happen: () => connection.send() });
    if (transport.pending) events.push({ weight: 20, happen: () => connection.turn() });
    if (transport.queuedBytes > 0) {
      events.push({ weight: 10, happen: () => connection.release(1000) });
    }
    return events;
  }

  #choose(events: readonly Event[]): Event {
    const weights = events.reduce((sum, { weight }) => sum + weight, 0);
    let at = this.world.random.next() / 2 ** 32 * weights;
    return events.find(({ weight }) => (at -= weight) < 0) ?? events[0] as Event;
  }

  /** Lets promises settle, then looks at everything. */
  async #rest(): Promise<void> {
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    for (const connection of this.all) connection.check();
  }

  /** Whatever was begun goes on, with nobody in its way, until it comes to rest. */
  async #calm(): Promise<void> {
    this.world.trace.push('calm');
    for (const { transport } of this.all) transport.release();
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
    const busy = this.all.filter((connection) => {
      const { transport } = connection;
      const isHttp2 = connection instanceof SimulatedHttp2Connection;
      if (isHttp2) connection.goOn();
      const { canSend } = connection;
      if (canSend && isHttp2) connection.send(CALM_READ);
      else if (canSend) connection.send();
      const { pending } = transport;
      if (pending) connection.turn();
      return canSend || pending;
    });
    return gates || busy.length > 0;
  }

  /** The peers go, and what handlers still wait for comes too late. */
  async #leave(): Promise<void> {
    for (const connection of this.all) {
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
