/**
 * A server name that changes within a handshake: SNICallback hears the first ClientHello alone,
 * the socket tells the name of the second (RFC 8446 §4.1.2). Nobody gets to a name by another one.
 */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/index.ts';
import type { TlsOptions } from '../../src/tls/options.ts';
import { AUTHORITY, CLIENT, CLIENTS, STRANGER, leafFor } from '../support/certificates.ts';
import { serve } from '../support/sockets.ts';
import { acceptances } from '../support/tls-acceptances.ts';
import { RetriedClient } from '../support/tls13-client.ts';

const COM = leafFor('example.com', '*.example.com');
const ORG = leafFor('example.org');
const BOTH: TlsOptions = { certificates: [COM, ORG] };

type Names = readonly [string | undefined, string | undefined];

const CHANGED = { reason: 'no name', detail: expect.stringContaining('§4.1.2') as string };

describe('§4.1.2 the name of the second ClientHello has another certificate', () => {
  const changes: Names[] = [
    ['example.com', 'example.org'],
    ['example.org', 'example.com'],
    ['example.org', 'a.example.com'],
    // These begin with the first certificate.
    [undefined, 'example.org'],
    ['unknown.test', 'example.org'],
    // And this one ends with it.
    ['example.org', 'unknown.test'],
  ];

  test.each(changes)('%j, then %j: closed', async (...names) => {
    const { place, outcome, outcomes } = await acceptances(BOTH);
    const { client } = await RetriedClient.handshake(place, { names });
    expect(await outcome()).toMatchObject({ arrival: 0, ...CHANGED });
    await client.sawEnd();
    expect(outcomes).toHaveLength(1);
  });

  test('an unknown one, where those are refused: closed', async () => {
    const { place, outcome } = await acceptances({ ...BOTH, unknownNames: 'refuse' });
    await RetriedClient.handshake(place, { names: ['example.org', 'unknown.test'] });
    expect(await outcome())
      .toMatchObject({ reason: 'no name', detail: 'no certificate has the server name' });
  });
});

describe('§4.1.4 a handshake that was retried is as good as another', () => {
  const kept: [...Names, string][] = [
    ['example.com', 'example.com', 'DNS:example.com'],
    ['example.org', 'example.org', 'DNS:example.org'],
    ['EXAMPLE.org', 'example.ORG.', 'DNS:example.org'],
    [undefined, undefined, 'DNS:example.com'],
    // Another name, but of the same certificate: its policy is the same.
    ['example.com', 'a.example.com', 'DNS:example.com'],
    ['unknown.test', 'example.com', 'DNS:example.com'],
    [undefined, 'example.com', 'DNS:example.com'],
  ];

  test.each(kept)('%j, then %j: by the certificate of %s', async (first, second, expected) => {
    const { place, outcome } = await acceptances(BOTH);
    const { shown } = await RetriedClient.handshake(place, { names: [first, second] });
    expect((await outcome()).facts).toMatchObject({
      version: 'TLSv1.3', serverName: second ?? '', resumed: false,
    });
    expect(shown?.split(', ')[0]).toBe(expected);
  });

  test('where the second one has no name, that of the first stands', async () => {
    const { place, outcome } = await acceptances(BOTH);
    const { shown } = await RetriedClient.handshake(place, { names: ['example.org', undefined] });
    const { facts } = await outcome();
    expect([shown, facts?.serverName]).toEqual(['DNS:example.org', 'example.org']);
    const asked = ['example.org', 'example.com'];
    expect(asked.map((authority) => facts?.serves(authority))).toEqual([true, false]);
  });
});

describe('E8 certificates of clients (RFC 8446 §4.3.2)', () => {
  // CLIENT is good for example.com alone: the others trust somebody else, or ask for nothing.
  const ca = AUTHORITY.cert;
  const options: TlsOptions = {
    certificates: [
      { ...COM, clientCertificates: { ca: CLIENTS.cert } },
      { ...ORG, clientCertificates: { ca } },
      { ...leafFor('ask.example.org'), clientCertificates: { ca, mode: 'request' } },
      leafFor('localhost'),
    ],
  };

  const changes: [string, string, typeof CLIENT | undefined][] = [
    ['example.com', 'example.org', CLIENT],
    ['example.com', 'ask.example.org', CLIENT],
    ['example.com', 'localhost', CLIENT],
    ['example.org', 'example.com', CLIENT],
    ['localhost', 'example.com', CLIENT],
    ['localhost', 'example.com', undefined],
    ['ask.example.org', 'example.com', STRANGER],
  ];

  test.each(changes)('of %s, then %s: closed %#', async (first, second, certificate) => {
    const { place, outcome } = await acceptances(options);
    await RetriedClient.handshake(place, { names: [first, second], certificate });
    expect(await outcome()).toMatchObject(CHANGED);
  });

  test('of one name, a good one: known as authorized', async () => {
    const { place, outcome } = await acceptances(options);
    const names: Names = ['example.com', 'example.com'];
    await RetriedClient.handshake(place, { names, certificate: CLIENT });
    expect((await outcome()).facts?.clientCertificate?.authorized).toBe(true);
  });

  test.each([['none', undefined], ['another\'s', STRANGER]] as const)(
    'of one name, %s: closed for that', async (_, certificate) => {
      const { place, outcome } = await acceptances(options);
      await RetriedClient.handshake(place, { names: ['example.com', 'example.com'], certificate });
      expect(await outcome()).toMatchObject({ reason: 'no certificate' });
    });

  test('a request behind the handshake is not heard where the name changed', async () => {
    const heard: string[] = [];
    const server = await serve(({ authority }) => {
      heard.push(authority);
      return new HttpResponse(204);
    }, { tls: options });
    const ask = async (first: string, second: string): Promise<void> => {
      const names: Names = [first, second];
      const made = await RetriedClient.handshake(server.port, { names, certificate: CLIENT });
      made.send(`GET / HTTP/1.1\r\nHost: ${second}\r\nConnection: close\r\n\r\n`);
      await made.client.sawEnd();
    };
    await ask('example.com', 'example.org');
    expect(heard).toEqual([]);
    expect(server.counters.lost).toEqual({ 'no name': 1 });
    await ask('example.com', 'example.com');
    expect(heard).toEqual(['example.com']);
  });
});
