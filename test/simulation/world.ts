/**
 * What a simulation and its handlers share: chance, gates that the scheduler opens, bodies that
 * watch how they are used, and a place for what must not happen.
 */
import { Buffer } from 'node:buffer';
import type { BodySource } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import type { Random } from '../support/random.ts';
import type { Tunnel } from './tunnel.ts';

/** A failure that the scenario itself brought in. */
export class Provoked extends Error {
  override readonly name = 'Provoked';
}

interface Gate {
  readonly name: string;
  open(): void;
}

export class World {
  readonly random: Random;
  readonly trace: string[] = [];
  readonly faults: string[] = [];
  readonly gates: Gate[] = [];
  readonly sources: WatchedSource[] = [];
  /** By the id of the request that was answered with a switch. */
  readonly tunnels = new Map<number, Tunnel>();
  /** Generators and web streams that began, and how often they were ended. */
  readonly begun = new Map<string, number>();

  constructor(random: Random) {
    this.random = random;
  }

  fault(what: string): void {
    this.faults.push(what);
  }

  /** Something that takes its time: until the scheduler opens it. */
  gate(name: string): Promise<void> {
    return new Promise((open) => this.gates.push({ name, open }));
  }

  /** Something began that must end once. */
  begin(name: string): () => void {
    this.begun.set(name, 0);
    return () => void this.begun.set(name, (this.begun.get(name) ?? 0) + 1);
  }

  /** Opens one gate of chance. */
  openGate(): void {
    const [gate] = this.gates.splice(this.random.int(this.gates.length), 1);
    if (gate === undefined) return;
    this.trace.push(`open ${gate.name}`);
    gate.open();
  }
}

/** Octets that belong to one message alone, so that a mix of two is found. */
export function contentOf(id: number, length: number): string {
  let text = '';
  for (let at = 0; at < length; at++) text += String.fromCharCode((id * 37 + at * 11) & 0xff);
  return text;
}

/** Length and checksum: what an answer tells of content that was read. */
export function digest(content: string): string {
  let sum = 0;
  for (let at = 0; at < content.length; at++) {
    sum = (Math.imul(sum, 31) + content.charCodeAt(at)) | 0;
  }
  return `${content.length}:${sum >>> 0}`;
}

export interface SourceOptions {
  readonly content: string;
  /** The length it declares. */
  readonly length: number | undefined;
  /** Whether pulls wait at a gate. */
  readonly later: boolean;
  /** The octet at which it fails; undefined: never. */
  readonly failsAt: number | undefined;
  readonly trailers: Fields | undefined;
}

/** A body that holds its consumer to the contract of BodySource. */
export class WatchedSource implements BodySource {
  readonly length: number | undefined;
  readonly name: string;
  readonly #world: World;
  readonly #options: SourceOptions;
  readonly #ends: string[] = [];
  #at = 0;
  #pulling = false;

  constructor(world: World, name: string, options: SourceOptions) {
    this.name = name;
    this.length = options.length;
    this.#world = world;
    this.#options = options;
    world.sources.push(this);
  }

  /** How it ended, in words: exactly one way is right. */
  get ends(): string {
    return this.#ends.join(', then ');
  }

  pull(max: number): Uint8Array | null | Promise<Uint8Array | null> {
    if (this.#pulling) this.#world.fault(`${this.name}: pulled while a pull is pending`);
    if (this.#ends.length > 0) this.#world.fault(`${this.name}: pulled after ${this.ends}`);
    if (!this.#options.later) return this.#next(max);
    this.#pulling = true;
    return this.#world.gate(`${this.name} pull`).then(() => {
      this.#pulling = false;
      return this.#next(max);
    });
  }

  cancel(): void {
    this.#ends.push('cancelled');
  }

  trailers(): Fields {
    if (this.ends !== 'pulled to its end') this.#world.fault(`${this.name}: trailers too early`);
    return this.#options.trailers ?? Fields.empty;
  }

  #next(max: number): Uint8Array | null {
    const { content, failsAt } = this.#options;
    if (this.#ends.length > 0) return null;
    const end = failsAt ?? content.length;
    if (this.#at === end) {
      this.#ends.push(failsAt === undefined ? 'pulled to its end' : 'failed');
      if (failsAt !== undefined) throw new Provoked(`${this.name} fails at ${failsAt}`);
      return null;
    }
    const most = Math.min(max, end - this.#at);
    const octets = this.#world.random.between(1, most);
    this.#at += octets;
    return Buffer.from(content.slice(this.#at - octets, this.#at), 'latin1');
  }
}
