/**
 * What a session holds, on the ledger of its connection: of what came, with a verdict, and of what
 * waits to leave, without. Called by protocol.ts.
 */
import type { Transport } from '../protocol.ts';

export class HeldOctets {
  readonly #transport: Pick<Transport, 'charge'>;
  #input = 0;
  #output = 0;

  constructor(transport: Pick<Transport, 'charge'>) {
    this.#transport = transport;
  }

  /** Tells what is held now. False: the connection holds more than it may, and this grew. */
  account(input: number, output: number): boolean {
    if (output !== this.#output) {
      this.#transport.charge(output - this.#output, true);
      this.#output = output;
    }
    const grown = input - this.#input;
    if (grown === 0) return true;
    this.#input = input;
    return this.#transport.charge(grown) || grown < 0;
  }
}
