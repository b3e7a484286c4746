/**
 * src/http2/flow-control.ts: windows of one stream and of the connection while content passes, both
 * ways: what each DATA frame costs beside its octets. Beside it the least: one sum for each window,
 * with no check and credit given at once for each frame.
 */
import { ReceiveWindow, SendWindow } from '../../src/http2/flow-control.ts';
import { agreed } from '../agreement.ts';
import type { Suite } from '../suite.ts';

const WINDOW = 65_535;
const FRAMES = 1000;

export function add(suite: Suite): void {
  for (const octets of [20, 1024, 16_384]) {
    const credit = { wirestack: receive(octets), sums: receiveSums(octets) };
    // What is owed at the end is under half a window, and comes with what follows.
    agreed(`credit for ${octets}`, {
      all: true, wirestack: credit.sums - credit.wirestack < WINDOW,
    });
    suite.compare(`receive frames of ${octets} octets`, {
      wirestack: () => receive(octets), sums: () => receiveSums(octets),
    }, FRAMES);
    agreed(`send ${octets}`, { wirestack: send(octets), sums: sendSums(octets) });
    suite.compare(`send frames of ${octets} octets`, {
      wirestack: () => send(octets), sums: () => sendSums(octets),
    }, FRAMES);
  }
}

/** Credit that was announced for the connection. */
function receive(octets: number): number {
  const connection = new ReceiveWindow(WINDOW);
  const stream = new ReceiveWindow(WINDOW);
  let credit = 0;
  for (let i = 0; i < FRAMES; i++) {
    if (!connection.receive(octets) || !stream.receive(octets)) throw new Error('over the window');
    credit += connection.consume(octets);
    stream.consume(octets);
  }
  return credit;
}

function receiveSums(octets: number): number {
  let credit = 0;
  let [connection, stream] = [WINDOW, WINDOW];
  for (let i = 0; i < FRAMES; i++) {
    connection -= octets;
    stream -= octets;
    credit += octets;
    connection += octets;
    stream += octets;
  }
  return credit + connection + stream - 2 * WINDOW;
}

/** What is left of both windows, when the peer gives credit for each frame. */
function send(octets: number): number {
  const connection = new SendWindow(WINDOW);
  const stream = new SendWindow(WINDOW);
  for (let i = 0; i < FRAMES; i++) {
    connection.take(octets);
    stream.take(octets);
    if (!connection.add(octets) || !stream.add(octets)) throw new Error('over 2^31-1');
  }
  return connection.available + stream.available;
}

function sendSums(octets: number): number {
  let [connection, stream] = [WINDOW, WINDOW];
  for (let i = 0; i < FRAMES; i++) {
    connection -= octets;
    stream -= octets;
    connection += octets;
    stream += octets;
  }
  return connection + stream;
}
