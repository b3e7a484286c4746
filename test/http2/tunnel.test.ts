/** A stream as a Transport: its small parts; what it carries is in conformance/rfc8441. */
import { expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import type { Transport } from '../../src/protocol.ts';
import { END_HEADERS } from '../../src/http2/frame.ts';
import { nextProtocol } from '../support/next-protocol.ts';
import { headers, open, outcomeOf, reset } from '../support/http2.ts';

test('peer and clock are the connection\'s; after its end nothing is written', async () => {
  let tunnel!: Transport;
  const next = nextProtocol();
  const connected = await open(() => HttpResponse.switching((given: Transport) => {
    tunnel = given;
    return next.factory(given);
  }));
  await connected.send(headers(1, [[':method', 'CONNECT'], [':authority', 'a:1']], END_HEADERS));
  const { transport } = connected;
  expect([tunnel.peer, tunnel.clock]).toEqual([transport.peer, transport.clock]);
  tunnel.write('x');
  expect(tunnel.queuedBytes).toBe(1);
  await connected.settled();
  expect(tunnel.queuedBytes).toBe(0);
  await connected.send(reset(1));
  expect([tunnel.write('y'), tunnel.charge(9), transport.charged]).toEqual([true, true, 0]);
  tunnel.destroy();
  tunnel.defer();
  await connected.settled();
  expect(next.calls.filter((call) => call === 'closed')).toHaveLength(1);
  expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, answers: { 1: '200 cut x' } });
});
