/** What the simulation has found, each in its smallest form. */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import type { BodySource } from '../../src/http/body.ts';
import type { Transport } from '../../src/protocol.ts';
import { deferred } from '../support/deferred.ts';
import { connect } from '../support/http1.ts';
import { Tunnel } from './tunnel.ts';

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
const put = (target: string): string => `PUT ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** A body that does what `pull` says, and tells whether it was cancelled. */
function body(pull: BodySource['pull'], length?: number): BodySource & { cancelled: number } {
  const source = { length, pull, cancelled: 0, cancel: () => void source.cancelled++ };
  return source;
}

describe('an answer that breaks off ends the connection (RFC 9112 §8)', () => {
  test('no later request of the same read begins', () => {
    const { transport, seen } = connect((request) => (
      new HttpResponse(200, {}, request.target === '/short' ? body(() => null, 1) : 'next')
    ));
    transport.send(get('/short') + put('/next'));
    expect(seen).toEqual(['GET /short']);
  });

  test('nothing is written after it', () => {
    const written: string[] = [];
    const { transport } = connect((request) => (
      new HttpResponse(200, {}, request.target === '/short' ? body(() => null, 1) : 'next')
    ));
    const write = transport.write.bind(transport);
    transport.write = (octets) => {
      if (transport.ended) written.push(String(octets));
      return write(octets);
    };
    transport.send(get('/short') + get('/next'));
    expect(written).toEqual([]);
  });
});

describe('a body ends in one way: pulled to null, failed or cancelled', () => {
  test('one that fails at once is not cancelled besides', () => {
    const source = body(() => { throw new Error('at once'); });
    const { transport } = connect(() => new HttpResponse(200, {}, source));
    transport.send(get('/'));
    expect(transport.take()).toMatch(/^HTTP\/1\.1 500 /);
    expect(source.cancelled).toBe(0);
  });

  test('one that fails later is not cancelled besides', async () => {
    const source = body(() => Promise.reject(new Error('later')));
    const { transport } = connect(() => new HttpResponse(200, {}, source));
    transport.send(get('/'));
    await transport.settle();
    expect(transport.closed).toBe(true);
    expect(source.cancelled).toBe(0);
  });

  test('one that came to its end is not cancelled besides when the peer goes', async () => {
    const source = body(() => Promise.resolve(null));
    const { transport } = connect(() => new HttpResponse(200, {}, source));
    transport.send(get('/'));
    // The pull has settled; the turn in which it is looked at never comes.
    await new Promise((resolve) => { setImmediate(resolve); });
    transport.disconnect();
    expect(source.cancelled).toBe(0);
  });

  test('one that yields neither octets nor null has not ended: it is cancelled', () => {
    const source = body(() => new Uint8Array(0));
    const { transport } = connect(() => new HttpResponse(200, {}, source));
    transport.send(get('/'));
    expect(transport.take()).toMatch(/^HTTP\/1\.1 500 /);
    expect(source.cancelled).toBe(1);
  });
});

describe('Expect and Upgrade in one request (RFC 9110 §7.8)', () => {
  test('100 comes before 101, or neither side would ever go on', () => {
    const { transport } = connect(() => (
      HttpResponse.switching((next: Transport) => new Tunnel(next))
    ));
    transport.send(
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n' +
        'Expect: 100-continue\r\nContent-Length: 2\r\n\r\n',
    );
    expect(transport.take()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    transport.send('ab');
    expect(transport.take()).toMatch(/^HTTP\/1\.1 101 /);
  });
});

describe('reading goes on where it stood still (RFC 9112 §9.3.2)', () => {
  test('a head that became whole while an interim answer filled the queue is parsed', async () => {
    const { promise, resolve } = deferred<HttpResponse>();
    let inform = (): void => {};
    const { transport, seen } = connect((request) => {
      inform = () => request.inform(103, { link: '</a>' });
      return promise;
    }, { window: 0, limits: { writeQueueBytes: 1 } });
    transport.send(`${get('/1')}GET /2 HT`);
    // Outside any entry: nobody looks at what that means for reading.
    inform();
    transport.send('TP/1.1\r\nHost: a\r\n\r\n');
    resolve(new HttpResponse(200));
    transport.release();
    await transport.settle();
    expect(seen).toEqual(['GET /1', 'GET /2']);
  });
});

describe('a connection is idle when nothing is begun (RFC 9112 §9.8)', () => {
  test('a request that was received is answered, however slowly the one before is read', () => {
    const limits = { writeQueueBytes: 100, idleMs: 1000 };
    const answer = new HttpResponse(200, {}, 'x'.repeat(1000));
    const { transport, seen } = connect(() => answer, { window: 0, limits });
    transport.send(get('/1') + get('/2'));
    for (let ticks = 0; ticks < 8; ticks++) {
      transport.release(1);
      transport.tick(250);
    }
    transport.release();
    while (transport.pending) transport.turn();
    expect(seen).toEqual(['GET /1', 'GET /2']);
  });
});

describe('idle is idle, whatever the last entry had done (RFC 9112 §9.8)', () => {
  test.each([31, 32, 33])('after %i requests in one read', (requests) => {
    const { transport, seen } = connect(undefined, { limits: { idleMs: 1000 } });
    transport.send(get('/').repeat(requests));
    while (transport.pending) transport.turn();
    expect(seen.length).toBe(requests);
    transport.tick(1000);
    expect(transport.ended).toBe(true);
  });
});

describe('the connection in memory', () => {
  test('what is queued at the end is not lost on a peer that sent FIN before', () => {
    const { transport } = connect(undefined, { window: 0 });
    transport.send('GET / HTTP');
    transport.sendEof();
    expect(transport.ended).toBe(true);
    transport.release();
    expect(transport.take()).toMatch(/^HTTP\/1\.1 400 /);
  });
});
