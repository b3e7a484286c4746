/** The first words of a client, in memory: what it asks, and what it makes of each answer. */
import { describe, expect, test } from 'vitest';
import { HandshakeRefusedError, Opening, openingHead } from '../../src/client/opening.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { deflateOptions } from '../../src/websocket/deflate-parameters.ts';
import type { Agreement } from '../../src/websocket/handshake.ts';
import type { FieldsInit } from '../../src/http/fields.ts';
import { splits } from '../support/http1.ts';
import { nextProtocol, type NextProtocol } from '../support/next-protocol.ts';
import { head } from '../support/vectors.ts';
import { acceptOf } from '../support/websocket-peer.ts';

/** Of RFC 6455 §1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = `Sec-WebSocket-Accept: ${acceptOf(KEY)}`;
const LINE = 'HTTP/1.1 101 Switching Protocols';
const UPGRADE = 'Upgrade: websocket';
const CONNECTION = 'Connection: Upgrade';
const DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate';
const RESETS = 'server_no_context_takeover; client_no_context_takeover';

interface Asked {
  readonly fields?: FieldsInit;
  readonly subprotocols?: readonly string[];
  readonly deflate?: boolean;
  readonly limits?: Partial<Limits>;
}

interface Subject {
  readonly transport: MemoryTransport;
  readonly next: NextProtocol;
  readonly request: string;
  readonly agreements: Agreement[];
  readonly refusals: Error[];
}

function opening(asked: Asked): Subject {
  const { fields = {}, subprotocols = [], deflate = false, limits: some } = asked;
  const next = nextProtocol();
  const agreements: Agreement[] = [];
  const refusals: Error[] = [];
  const limits = limitsFrom(some);
  const options = {
    limits, target: '/chat?a=b', authority: 'example.com:8080', fields,
    offer: { key: KEY, subprotocols, deflate: deflate ? deflateOptions() : undefined },
    agreed: (agreement: Agreement) => {
      agreements.push(agreement);
      return next.factory;
    },
    refused: (error: Error) => void refusals.push(error),
  };
  const words = openingHead(options);
  const transport = new MemoryTransport((on) => new Opening(on, words, options), { limits });
  return { transport, next, request: transport.take(), agreements, refusals };
}

/** What became of an answer: the agreement, or the refusal. */
interface Outcome {
  readonly agreements: readonly Agreement[];
  readonly refusals: readonly { readonly name: string; readonly message: string }[];
  readonly received: string;
  readonly closed: boolean;
}

async function outcomeOf(
  segments: readonly string[], asked: Asked, fin: boolean,
): Promise<Outcome> {
  const { transport, next, agreements, refusals } = opening(asked);
  for (const segment of segments) transport.send(segment);
  if (fin) transport.sendEof();
  await transport.settle();
  return {
    agreements, received: next.received, closed: transport.closed,
    refusals: refusals.map(({ name, message }) => ({ name, message })),
  };
}

/** Gives the answer at each split, and insists on one outcome. */
async function answered(text: string, asked: Asked = {}): Promise<Outcome> {
  const whole = await outcomeOf([text], asked, false);
  for (const segments of splits(text)) {
    expect(await outcomeOf(segments, asked, false), JSON.stringify(segments)).toEqual(whole);
  }
  return whole;
}

/** Insists on one refusal and the end of the connection; its words. */
async function refused(text: string, asked: Asked = {}): Promise<string> {
  const { agreements, refusals, closed, received } = await answered(text, asked);
  expect({ agreements, closed, received }).toEqual({ agreements: [], closed: true, received: '' });
  expect(refusals).toHaveLength(1);
  return refusals[0]?.message ?? '';
}

describe('§4.1 what is asked', () => {
  test('the least', () => {
    expect(opening({}).request).toBe(head(
      'GET /chat?a=b HTTP/1.1', 'host: example.com:8080', 'upgrade: websocket',
      'connection: Upgrade', 'sec-websocket-version: 13', `sec-websocket-key: ${KEY}`,
    ));
  });

  test('subprotocols, deflate and fields of the program', () => {
    const fields = { cookie: 'a=1', authorization: ['Bearer x'] };
    const { request } = opening({ fields, subprotocols: ['b', 'a'], deflate: true });
    expect(request.split('\r\n').slice(6)).toEqual([
      'sec-websocket-protocol: b, a',
      `sec-websocket-extensions: permessage-deflate; ${RESETS}; client_max_window_bits`,
      'cookie: a=1', 'authorization: Bearer x', '', '',
    ]);
  });

  test.each([
    'host', 'Upgrade', 'connection', 'Content-Length', 'transfer-encoding', 'Sec-WebSocket-Key',
    'sec-websocket-version', 'sec-websocket-protocol', 'sec-websocket-anything',
  ])('%s is not the program\'s', (name) => {
    expect(() => opening({ fields: { [name]: 'x' } })).toThrow(
      new TypeError(`field ${name.toLowerCase()} is the handshake's own`),
    );
  });

  test.each([['a b'], [''], ['a', 'a'], ['a,b'], ['a\r\nx: y']])(
    'no subprotocols: %j %s', (...subprotocols) => {
      expect(() => opening({ subprotocols })).toThrow(/^subprotocols are tokens, each once/);
    },
  );

  test('a value cannot end its line (RFC 9110 §5.5)', () => {
    expect(() => opening({ fields: { cookie: 'a\r\nx: y' } })).toThrow(TypeError);
  });
});

describe('§4.1 a 101 that agrees', () => {
  const PLAIN = { subprotocol: '', deflate: undefined };
  test.each<[string, readonly string[], Asked, object]>([
    ['the least', [LINE, UPGRADE, CONNECTION, ACCEPT], {}, PLAIN],
    ['names in any case', [LINE, 'uPGRADE: WebSocket', 'CONNECTION: upgrade', ACCEPT], {}, PLAIN],
    ['more connection options', [LINE, UPGRADE, 'Connection: keep-alive, Upgrade', ACCEPT], {},
      PLAIN],
    ['no reason', ['HTTP/1.1 101 ', UPGRADE, CONNECTION, ACCEPT], {}, PLAIN],
    ['fields of no meaning', [LINE, 'Server: x', UPGRADE, CONNECTION, ACCEPT, 'Date: y'], {},
      PLAIN],
    ['a subprotocol', [LINE, UPGRADE, CONNECTION, ACCEPT, 'Sec-WebSocket-Protocol: b'],
      { subprotocols: ['a', 'b'] }, { ...PLAIN, subprotocol: 'b' }],
    ['none of those offered', [LINE, UPGRADE, CONNECTION, ACCEPT], { subprotocols: ['a'] }, PLAIN],
    ['deflate declined', [LINE, UPGRADE, CONNECTION, ACCEPT], { deflate: true }, PLAIN],
    ['deflate', [LINE, UPGRADE, CONNECTION, ACCEPT, `${DEFLATE}; ${RESETS}`], { deflate: true },
      { ...PLAIN, deflate: expect.objectContaining({ inflate: expect.any(Object) }) }],
  ])('%s', async (_, lines, asked, agreement) => {
    const outcome = await answered(head(...lines), asked);
    expect(outcome).toEqual({
      agreements: [agreement], refusals: [], received: '', closed: false,
    });
  });

  test.each([
    ['100 and 103', ['HTTP/1.1 100 Continue'], ['HTTP/1.1 103 Early Hints', 'Link: <x>']],
    ['102 twice', ['HTTP/1.1 102 Processing'], ['HTTP/1.1 102 Processing']],
  ])('after %s (RFC 9110 §15.2)', async (_, ...heads) => {
    const interim = heads.map((lines) => head(...lines)).join('');
    const outcome = await answered(interim + head(LINE, UPGRADE, CONNECTION, ACCEPT));
    expect(outcome).toMatchObject({ agreements: [PLAIN], refusals: [], closed: false });
  });

  test('what came behind it is the WebSocket\'s', async () => {
    const frames = '\x81\x05hello\x89\x00';
    const outcome = await answered(head(LINE, UPGRADE, CONNECTION, ACCEPT) + frames);
    expect(outcome).toMatchObject({ refusals: [], received: frames, closed: false });
  });

  test('and so is its end; nothing is refused then', async () => {
    const { transport, next, refusals } = opening({});
    transport.send(head(LINE, UPGRADE, CONNECTION, ACCEPT));
    transport.tick(60_000);
    transport.sendEof();
    transport.disconnect(new Error('gone'));
    await transport.settle();
    expect([next.made, next.calls, refusals]).toEqual([1, ['eof', 'closed'], []]);
  });
});

describe('§4.1 an answer that is none', () => {
  const ACCEPTED = [LINE, UPGRADE, CONNECTION, ACCEPT] as const;
  const offered = 'was not offered (RFC 7692 §5)';
  test.each<[string, readonly string[], Asked, string]>([
    ['no Upgrade', [LINE, CONNECTION, ACCEPT], {},
      'the answer names no Upgrade to websocket (RFC 6455 §4.1)'],
    ['another Upgrade', [LINE, 'Upgrade: h2c', CONNECTION, ACCEPT], {},
      'the answer names no Upgrade to websocket (RFC 6455 §4.1)'],
    ['no Connection', [LINE, UPGRADE, ACCEPT], {},
      'the answer names no Upgrade to websocket (RFC 6455 §4.1)'],
    ['no accept', [LINE, UPGRADE, CONNECTION], {},
      'Sec-WebSocket-Accept does not answer the key (RFC 6455 §4.1)'],
    ['the accept of another key',
      [LINE, UPGRADE, CONNECTION, `Sec-WebSocket-Accept: ${acceptOf('x')}`], {},
      'Sec-WebSocket-Accept does not answer the key (RFC 6455 §4.1)'],
    ['the key itself', [LINE, UPGRADE, CONNECTION, `Sec-WebSocket-Accept: ${KEY}`], {},
      'Sec-WebSocket-Accept does not answer the key (RFC 6455 §4.1)'],
    ['the accept in small letters',
      [LINE, UPGRADE, CONNECTION, ACCEPT.toLowerCase()], {},
      'Sec-WebSocket-Accept does not answer the key (RFC 6455 §4.1)'],
    ['two accepts', [...ACCEPTED, ACCEPT], {},
      'Sec-WebSocket-Accept does not answer the key (RFC 6455 §4.1)'],
    ['a subprotocol that was not offered', [...ACCEPTED, 'Sec-WebSocket-Protocol: c'],
      { subprotocols: ['a'] }, 'the answer has a subprotocol that was not offered (RFC 6455 §4.1)'],
    ['a subprotocol in another case', [...ACCEPTED, 'Sec-WebSocket-Protocol: A'],
      { subprotocols: ['a'] }, 'the answer has a subprotocol that was not offered (RFC 6455 §4.1)'],
    ['a subprotocol where none was', [...ACCEPTED, 'Sec-WebSocket-Protocol: a'], {},
      'the answer has a subprotocol that was not offered (RFC 6455 §4.1)'],
    ['two subprotocols',
      [...ACCEPTED, 'Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: b'],
      { subprotocols: ['a', 'b'] },
      'the answer has a subprotocol that was not offered (RFC 6455 §4.1)'],
    ['a list of subprotocols', [...ACCEPTED, 'Sec-WebSocket-Protocol: a, b'],
      { subprotocols: ['a', 'b'] },
      'the answer has a subprotocol that was not offered (RFC 6455 §4.1)'],
    ['deflate that was not offered', [...ACCEPTED, DEFLATE], {},
      `extension permessage-deflate ${offered}`],
    ['another extension', [...ACCEPTED, 'Sec-WebSocket-Extensions: x-webkit'], { deflate: true },
      `extension x-webkit ${offered}`],
    ['no list of extensions', [...ACCEPTED, 'Sec-WebSocket-Extensions: a b'], { deflate: true },
      'Sec-WebSocket-Extensions is malformed (RFC 6455 §9.1)'],
  ])('%s', async (_, lines, asked, message) => {
    expect(await refused(head(...lines), asked)).toBe(message);
  });

  test.each([
    ['another protocol\'s greeting', 'SSH-2.0-OpenSSH_9.2\r\n', /status line/],
    ['HTTP/2', 'HTTP/2.0 101 Switching Protocols\r\n\r\n', /HTTP\/1/],
    ['no version', '101 Switching Protocols\r\n\r\n', /status line/],
    ['a status of two digits', 'HTTP/1.1 10 x\r\n\r\n', /status line/],
    ['bare LF', `${LINE}\n${UPGRADE}\n\n`, /RFC 9112/],
    ['a folded line', head(LINE, UPGRADE, ' folded', CONNECTION, ACCEPT), /RFC 9112/],
    ['a space before the colon', head(LINE, 'Upgrade : websocket', CONNECTION, ACCEPT), /RFC 9112/],
  ])('%s', async (_, text, message) => {
    expect(await refused(text)).toMatch(message);
  });
});

describe('§4.1 another status', () => {
  test.each([
    [200, 'OK', 'content-type', 'text/html'], [302, 'Found', 'location', 'https://a.example/'],
    [401, 'Unauthorized', 'www-authenticate', 'Bearer'], [403, 'Forbidden', 'x', 'y'],
    [426, 'Upgrade Required', 'sec-websocket-version', '13'], [503, '', 'retry-after', '1'],
  ])('%d %s', async (status, reason, name, value) => {
    const { transport, refusals } = opening({});
    transport.send(head(`HTTP/1.1 ${status} ${reason}`, `${name}: ${value}`) + 'content');
    await transport.settle();
    const [error] = refusals as [HandshakeRefusedError];
    expect(error).toBeInstanceOf(HandshakeRefusedError);
    expect([error.name, error.status, error.fields.get(name)])
      .toEqual(['HandshakeRefusedError', status, value]);
    expect(error.message).toContain(`${status} ${reason}`);
    expect([refusals.length, transport.closed]).toEqual([1, true]);
  });

  test('a problem document tells why (RFC 9457), a redirect where', async () => {
    const detail = 'pages of that origin may not connect here';
    const content = JSON.stringify({ status: 403, detail });
    const fields = ['content-type: application/problem+json', `content-length: ${content.length}`];
    const { transport, refusals } = opening({});
    transport.send(head('HTTP/1.1 403 Forbidden', ...fields) + content);
    await transport.settle();
    expect(refusals).toEqual([expect.objectContaining({
      detail,
      message: `the server answered 403 Forbidden instead of 101 (RFC 6455 §4.1): ${detail}`,
    })]);
    const location = 'https://a.example/chat';
    expect(await refused(head('HTTP/1.1 308 Permanent Redirect', `location: ${location}`)))
      .toMatch(new RegExp(`: ${location}$`));
    // It is cut, or none.
    for (const cut of [content.slice(0, -1), '5', '{}']) {
      expect(await refused(head('HTTP/1.1 403 Forbidden', ...fields) + cut)).toMatch(/§4\.1\)$/);
    }
  });

  test('an answer with all that a 101 has, but 200', async () => {
    expect(await refused(head('HTTP/1.1 200 OK', UPGRADE, CONNECTION, ACCEPT)))
      .toBe('the server answered 200 OK instead of 101 (RFC 6455 §4.1)');
  });
});

describe('an answer that does not come', () => {
  test('FIN before it, at each octet', async () => {
    const text = head('HTTP/1.1 100 Continue') + head(LINE, UPGRADE, CONNECTION, ACCEPT);
    for (let cut = 0; cut < text.length; cut++) {
      const outcome = await outcomeOf(cut === 0 ? [] : [text.slice(0, cut)], {}, true);
      expect(outcome, `cut at ${cut}`).toEqual({
        agreements: [], received: '', closed: true,
        refusals: [{ name: 'Error', message: 'the server ended the connection before its answer' }],
      });
    }
  });

  test('a connection that is lost says why', async () => {
    const cause = new Error('reset');
    const { transport, refusals } = opening({});
    transport.disconnect(cause);
    expect(refusals).toEqual([cause]);
  });

  test('a connection that is closed', () => {
    const { transport, refusals } = opening({});
    transport.disconnect();
    expect(refusals.map(({ message }) => message))
      .toEqual(['the connection ended before the answer']);
  });

  test.each([
    ['nothing', ''], ['half a head', `${LINE}\r\nUpgr`],
    ['interim answers', head('HTTP/1.1 100 Continue')],
  ])('%s until headMs, and not before', async (_, text) => {
    const { transport, refusals } = opening({ limits: { headMs: 1000 } });
    transport.tick(500);
    if (text !== '') transport.send(text);
    transport.tick(250);
    expect(refusals).toEqual([]);
    transport.tick(250);
    await transport.settle();
    expect(refusals.map(({ message }) => message))
      .toEqual(['the server did not answer within headMs, 1000']);
    expect(transport.closed).toBe(true);
  });
});

describe('limits of the answer', () => {
  const filled = (octets: number): string => {
    const lines = [UPGRADE, CONNECTION, ACCEPT];
    const used = lines.join('\r\n').length + 2 + 'x: '.length + 2;
    return head(LINE, ...lines, `x: ${'y'.repeat(octets - used)}`);
  };

  test('fieldSectionBytes', async () => {
    const asked = { limits: { fieldSectionBytes: 200 } };
    expect((await answered(filled(200), asked)).agreements).toHaveLength(1);
    expect(await refused(filled(201), asked)).toContain('fieldSectionBytes');
  });

  test('fieldLines', async () => {
    const lines = [LINE, UPGRADE, CONNECTION, ACCEPT, 'x: y'];
    expect((await answered(head(...lines), { limits: { fieldLines: 4 } })).agreements)
      .toHaveLength(1);
    expect(await refused(head(...lines), { limits: { fieldLines: 3 } })).toContain('fieldLines');
  });

  test('requestLineBytes, for the status line', async () => {
    const text = head(LINE, UPGRADE, CONNECTION, ACCEPT);
    const fits = { limits: { requestLineBytes: LINE.length } };
    expect((await answered(text, fits)).agreements).toHaveLength(1);
    expect(await refused(text, { limits: { requestLineBytes: LINE.length - 1 } }))
      .toContain('requestLineBytes');
  });
});
