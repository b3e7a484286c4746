/** RFC 9113 §7, §8 and RFC 9218 §7.1, as a client has to hold them: what it must not accept. */
import { describe, expect, test } from 'vitest';
import { Fields } from '../../src/http/fields.ts';
import { END_HEADERS, END_STREAM, HEADERS } from '../../src/http2/frame.ts';
import { asking, clientVerdict, type Asking } from '../support/http2-client.ts';
import {
  PSEUDO, block, continuation, data, fieldsOf, goaway, headers, join, ping, priorityUpdate, promise,
  reset, windowUpdate, type FieldPairs,
} from '../support/http2.ts';

const status = (code: number, more: FieldPairs = []): FieldPairs =>
  [[':status', String(code)], ...more];
const head = (id: number, fields: FieldPairs = status(200)): Uint8Array =>
  headers(id, fields, END_HEADERS);
const ended = (id: number, content = ''): Uint8Array => data(id, content, END_STREAM);
const push = { push: true };
const by = (method: string) => (one: Asking): unknown => one.ask({ method });

/** Insists that the answer on stream 1 is not accepted: PROTOCOL_ERROR of the stream, no more. */
async function malformed(octets: Uint8Array, ask?: (one: Asking) => unknown): Promise<void> {
  const outcome = await clientVerdict(join(octets, ping()), {}, ask);
  expect(outcome).toMatchObject({
    goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' }, pings: 1,
    answers: [expect.stringMatching(/^failed: /)],
  });
}

describe('§7 Error Codes', () => {
  test('an unknown one is no more than the end of its stream, or of new ones', async () => {
    const octets = join(reset(1, 0xabcd), goaway(3, 0xabcd), head(3), ended(3, 'x'), ping());
    const outcome = await clientVerdict(octets, {}, (one) => one.ask().ask());
    expect(outcome).toMatchObject({
      goaway: undefined, answers: ['failed: the peer reset the stream: 0xabcd', '200 x'], pings: 1,
    });
  });
});

describe('§8.1 HTTP Message Framing', () => {
  test.each([
    ['HEADERS alone', headers(1, status(204)), '204'],
    ['content in parts', join(head(1), data(1, 'a'), data(1), ended(1, 'b')), '200 ab'],
    ['trailers', join(head(1), data(1, 'a'), headers(1, [['x-sum', '1']])), '200 a'],
    ['interim ones before', join(head(1, status(100)), head(1, status(103)), head(1), ended(1)),
      '200'],
    ['blocks in parts', join(headers(1, status(200), 0), continuation(1, block([['x', 'y']])),
      data(1, 'a'), headers(1, [], END_STREAM), continuation(1, block([['x-sum', '1']]))), '200 a'],
  ])('taken: %s', async (_, octets, answer) => {
    expect(await clientVerdict(octets))
      .toMatchObject({ goaway: undefined, resets: {}, answers: [answer] });
  });

  test.each([
    ['an interim response that ends the stream', headers(1, status(103))],
    ['101, which is another version\'s (§8.6)', head(1, status(101))],
    ['content before a head', join(data(1, 'x'), head(1), ended(1))],
    ['content and no head', ended(1, 'x')],
    ['the end and no head', join(head(1, status(103)), ended(1))],
    ['trailers without END_STREAM', join(head(1), data(1, 'a'), head(1, [['x', 'y']]))],
    ['a second final response', join(head(1), headers(1, status(200)))],
    ['trailers with a pseudo-header field', join(head(1), headers(1, [[':path', '/']]))],
    ['trailers with upper case', join(head(1), headers(1, [['X', 'y']]))],
  ])('malformed: %s', async (_, octets) => {
    await malformed(octets);
  });

  test('RST_STREAM of NO_ERROR takes back no answer that was complete', async () => {
    let cancelled = 0;
    const body = { length: undefined, pull: () => new Promise<never>(() => {}),
      cancel: () => { cancelled++; } };
    const octets = join(head(1), ended(1, 'x'.repeat(500)), reset(1, 0));
    const one = (await asking()).ask({ method: 'POST', body });
    await one.send(octets);
    expect(one.outcome).toMatchObject({ resets: {}, answers: [`200 ${'x'.repeat(500)}`] });
    expect(cancelled).toBe(1);
  });

  test('content that nobody has read yet is not taken back either', async () => {
    const one = await asking();
    const body = new Uint8Array(1e6);
    const answer = one.client.request({ authority: 'a', method: 'POST', body });
    await one.send(head(1), ended(1, 'content'), reset(1, 0));
    expect(await (await answer).body.text()).toBe('content');
  });
});

describe('§8.1.1 Malformed Messages', () => {
  const declared = (code: number, length: string): FieldPairs =>
    status(code, [['content-length', length]]);
  test.each([
    ['longer', join(head(1, declared(200, '2')), data(1, 'abc'))],
    ['longer, in parts', join(head(1, declared(200, '2')), data(1, 'ab'), ended(1, 'c'))],
    ['shorter', join(head(1, declared(200, '2')), ended(1, 'a'))],
    ['shorter, with trailers', join(head(1, declared(200, '2')), data(1, 'a'), headers(1, []))],
    ['none, by HEADERS', headers(1, declared(200, '2'))],
    ['none, by DATA', join(head(1, declared(200, '2')), ended(1))],
    ['of no number', join(head(1, declared(200, 'x')), ended(1, 'a'))],
    ['of two numbers', join(
      head(1, status(200, [['content-length', '2'], ['content-length', '1']])), ended(1, 'a'))],
  ])('content that is not as content-length says: %s', async (_, octets) => {
    await malformed(octets);
  });

  test.each([
    ['that fits', 'GET', join(head(1, declared(200, '2')), ended(1, 'ab')), '200 ab'],
    ['0 and no content', 'GET', headers(1, declared(200, '0')), '200'],
    ['to HEAD', 'HEAD', headers(1, declared(200, '9')), '200'],
    ['to HEAD, ended by DATA', 'HEAD', join(head(1, declared(200, '9')), ended(1)), '200'],
    ['of 304', 'GET', headers(1, declared(304, '9')), '304'],
    ['of 304, ended by DATA', 'GET', join(head(1, declared(304, '9')), ended(1)), '304'],
  ])('content-length %s', async (_, method, octets, answer) => {
    expect(await clientVerdict(octets, {}, by(method)))
      .toMatchObject({ goaway: undefined, resets: {}, answers: [answer] });
  });

  test('fields over their bound are no answer with fewer fields (§10.5.1)', async () => {
    const many = Array.from({ length: 101 }, () => ['x', 'y'] as const);
    const one = (await asking({ limits: { fieldLines: 100 } })).ask().ask();
    await one.send(headers(1, status(200, many.slice(1))), headers(3, status(200, many)), ping());
    const { answers: [first, second], pings } = one.outcome;
    expect([first, pings, second]).toEqual(['200', 1, expect.stringMatching(/^failed: /)]);
  });
});

describe('§8.2 HTTP Fields', () => {
  test.each<[string, string, string]>([
    ['upper case in a name', 'X', 'y'], ['an empty name', '', 'y'], ['a colon', 'x:y', 'z'],
    ['SP in a name', 'x y', 'z'], ['NUL in a name', 'x\0', 'z'], ['DEL in a name', 'x\x7f', 'z'],
    ['obs-text in a name', 'x\xe9', 'z'], ['NUL in a value', 'x', 'a\0b'],
    ['LF in a value', 'x', 'a\nb'], ['CR in a value', 'x', 'a\rb'], ['SP at its start', 'x', ' a'],
    ['HTAB at its end', 'x', 'a\t'],
  ])('§8.2.1 malformed: %s', async (_, name, value) => {
    await malformed(headers(1, status(200, [[name, value]])));
  });

  test.each([
    ['connection', 'close'], ['proxy-connection', 'keep-alive'], ['keep-alive', 'timeout=5'],
    ['transfer-encoding', 'chunked'], ['upgrade', 'h2c'],
  ])('§8.2.2 malformed: %s', async (name, value) => {
    await malformed(headers(1, status(200, [[name, value]])));
    await malformed(head(1, status(103, [[name, value]])));
  });
});

describe('§8.3.2 Response Pseudo-Header Fields', () => {
  test.each<[string, FieldPairs]>([
    ['no :status', [['x', 'y']]], ['nothing at all', []], [':status is empty', [[':status', '']]],
    [':status twice', [...status(200), ...status(200)]],
    [':status after a field', [['x', 'y'], ...status(200)]],
    ['one of requests', status(200, [[':path', '/']])],
    ['an unknown one', status(200, [[':x', 'y']])],
    [':status of two digits', [[':status', '20']]], [':status with a sign', [[':status', '+20']]],
  ])('malformed: %s', async (_, fields) => {
    await malformed(headers(1, fields));
  });

  test('an interim response without :status is malformed too', async () => {
    await malformed(join(head(1, [['link', '</a>']]), head(1), ended(1)));
  });
});

describe('§8.4 Server Push', () => {
  const promised = (fields: FieldPairs): Uint8Array =>
    join(promise(1, 2, fields), head(2), ended(2, 'x'), ping());
  const without = (name: string): FieldPairs => PSEUDO.filter(([each]) => each !== name);

  test.each(['GET', 'HEAD'])('%s is promised: its answer is taken', async (method) => {
    expect(await clientVerdict(join(promise(1, 2, fieldsOf(method, '/a')), headers(2, status(204))),
      push)).toMatchObject({ goaway: undefined, resets: {}, pushed: ['/a 204'] });
  });

  test.each<[string, FieldPairs]>([
    ['of a method that is not safe', fieldsOf('POST')],
    ['of a method that is not known', fieldsOf('FROB')],
    ['of CONNECT', [[':method', 'CONNECT'], [':authority', 'a:1']]],
    ['with content', fieldsOf('GET', '/', [['content-length', '1']])],
    ['without :method (§8.4.1)', without(':method')], ['without :path', without(':path')],
    ['without :scheme', without(':scheme')], ['without :authority', without(':authority')],
    [':path is empty', [...without(':path'), [':path', '']]],
    ['with :status', [...PSEUDO, [':status', '200']]],
    ['with a field of the connection', [...PSEUDO, ['connection', 'close']]],
    ['with upper case', [...PSEUDO, ['X', 'y']]],
    ['of another authority than was asked', [...without(':authority'), [':authority', 'b']]],
  ])('a promise that is none resets its stream with PROTOCOL_ERROR: %s', async (_, fields) => {
    expect(await clientVerdict(promised(fields), push)).toMatchObject({
      goaway: undefined, resets: { 2: 'PROTOCOL_ERROR' }, pushed: [], pings: 1,
    });
  });

  test('a malformed answer to a promise ends its stream alone', async () => {
    const octets = join(promise(1, 2, PSEUDO), head(2, [['x', 'y']]), head(1), ended(1, 'x'));
    expect(await clientVerdict(octets, push)).toMatchObject({
      goaway: undefined, resets: { 2: 'PROTOCOL_ERROR' }, answers: ['200 x'],
      pushed: [expect.stringMatching('/ failed')],
    });
  });
});

describe('§8.5 The CONNECT Method', () => {
  test('has no :scheme and no :path', async () => {
    const one = (await asking()).ask({ method: 'CONNECT', authority: 'a:1', path: '/x' });
    const [asked] = await one.settled();
    expect(asked!.fields).toEqual([[':method', 'CONNECT'], [':authority', 'a:1']]);
  });

  test('extended, it has all of them (RFC 8441 §4)', async () => {
    const one = (await asking({}, [[8, 1]]))
      .ask({ method: 'CONNECT', protocol: 'websocket', path: '/chat' });
    const [asked] = await one.settled();
    expect(asked!.fields).toEqual([
      [':method', 'CONNECT'], [':scheme', 'http'], [':path', '/chat'], [':authority', 'a'],
      [':protocol', 'websocket'],
    ]);
  });
});

describe('§8 what a client sends', () => {
  test.each([
    ['names in lower case (§8.2)', { 'X-Own': 'y' }, [['x-own', 'y']]],
    ['nothing of the connection (§8.2.2)', {
      'connection': 'close', 'keep-alive': 'x', 'proxy-connection': 'x', 'upgrade': 'x',
      'transfer-encoding': 'chunked', 'te': 'trailers',
    }, [['te', 'trailers']]],
    ['its content-length (§8.1.1)', { 'content-length': 3 }, [['content-length', '3']]],
  ])('%s', async (_, fields, expected) => {
    const one = (await asking())
      .ask({ method: 'POST', fields: Fields.from(fields), body: new Uint8Array(3) });
    const [asked, content] = await one.settled();
    expect(asked).toMatchObject({ type: HEADERS, flags: END_HEADERS });
    expect(asked!.fields!.filter(([name]) => !name.startsWith(':'))).toEqual(expected);
    expect(content).toMatchObject({ flags: END_STREAM });
  });

  test('§8.7 a stream that was refused can be asked again, and says so', async () => {
    const one = (await asking()).ask();
    await one.send(reset(1, 7), windowUpdate(1, 1));
    expect(one.outcome.answers).toEqual(['failed: the peer reset the stream: REFUSED_STREAM']);
    await one.ask().send(headers(3, status(204)));
    expect(one.outcome.answers[1]).toBe('204');
  });
});

describe('RFC 9218 §7.1 PRIORITY_UPDATE', () => {
  test.each([0, 1, 2, 9])('of a server, for stream %i, is PROTOCOL_ERROR', async (id) => {
    expect(await clientVerdict(priorityUpdate(id, 'u=1'), push))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR', ended: true });
  });
});
