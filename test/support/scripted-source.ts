/**
 * A body that follows a script and records how it ended: pulled to null, failed, or cancelled. One
 * of them, once, is the contract (src/http/body.ts).
 */
import { Buffer } from 'node:buffer';
import type { BodySource } from '../../src/http/body.ts';
import type { Fields } from '../../src/http/fields.ts';

/** What one pull gives: text, octets, null, a promise; a function is called (to throw, say). */
export type Step = string | (() => unknown) | null | Uint8Array | Promise<unknown>;

export type End = 'null' | 'failed' | 'cancelled';

export interface ScriptedSourceOptions {
  readonly length?: number;
  readonly trailers?: () => Fields;
}

export class ScriptedSource implements BodySource {
  readonly length: number | undefined;
  readonly trailers?: () => Fields;
  /** How it ended, as often as it did. */
  readonly ends: End[] = [];
  /** What it was cancelled with. */
  readonly causes: (Error | undefined)[] = [];
  pulls = 0;
  readonly #steps: Step[];

  constructor(steps: readonly Step[], options: ScriptedSourceOptions = {}) {
    this.length = options.length;
    if (options.trailers !== undefined) this.trailers = options.trailers;
    this.#steps = [...steps];
  }

  pull(_max: number): Uint8Array | null | Promise<Uint8Array | null> {
    this.pulls++;
    const step = this.#steps.shift() ?? null;
    return this.#yield(step) as Uint8Array | null | Promise<Uint8Array | null>;
  }

  cancel(cause?: Error): void {
    this.ends.push('cancelled');
    this.causes.push(cause);
  }

  #yield(step: unknown): unknown {
    try {
      const value = typeof step === 'function' ? (step as () => unknown)() : step;
      if (value instanceof Promise) return this.#later(value);
      if (value === null) this.ends.push('null');
      return typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
    } catch (error) {
      this.ends.push('failed');
      throw error;
    }
  }

  async #later(step: Promise<unknown>): Promise<unknown> {
    // A cancelled source is over: what a pending pull still yields is no second end.
    return step.then((value) => (this.ends.length > 0 ? null : this.#yield(value)), (error) => {
      if (this.ends.length === 0) this.ends.push('failed');
      throw error;
    });
  }
}
