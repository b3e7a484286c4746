/** A request after a switch: what it still tells, and what it no longer does. */
import { expect, test } from 'vitest';
import { ConnectionError } from '../../src/errors.ts';
import { originOf } from '../../src/http/request.ts';
import { Successor } from '../../src/http1/successor.ts';
import { RecordingHost } from '../support/exchange-host.ts';
import { makeRequest } from '../support/requests.ts';

test('it tells of the connection, and to the program', () => {
  const host = new RecordingHost();
  const request = makeRequest();
  const successor = new Successor(host, request);
  expect(successor).toMatchObject({
    version: '1.1', peer: host.transport.peer, clock: host.transport.clock, limits: host.limits,
  });
  const failure = new Error('broken');
  const offence = new ConnectionError(1002, 'an offence');
  successor.failed(failure);
  successor.refused(offence);
  expect([host.failures, host.refusals]).toEqual([[failure], [offence]]);
});

test('interim answers and pushes are over', () => {
  const successor = new Successor(new RecordingHost(), makeRequest());
  successor.inform();
  expect(successor.push()).toBe(false);
});

test('a request has its own wire before', () => {
  expect(originOf(makeRequest())).not.toBeInstanceOf(Successor);
});
