/** The client's side of the handshake: what it asks, and the answers that it takes. */
import { describe, expect, test } from 'vitest';
import { ConnectionError, ProtocolError } from '../../src/errors.ts';
import { Fields } from '../../src/http/fields.ts';
import { judgeAnswer, offerFields, type Offer } from '../../src/websocket/client-handshake.ts';
import { CloseError } from '../../src/websocket/close-error.ts';
import { deflateOptions } from '../../src/websocket/deflate-parameters.ts';
import { handshake, type Agreement } from '../../src/websocket/handshake.ts';
import { makeRequest } from '../support/requests.ts';
import { ACCEPT, KEY, asked, type Changes } from '../support/websocket-opening.ts';

const PLAIN: Offer = { key: KEY, subprotocols: [], deflate: undefined };
const OPEN = { serverNoContextTakeover: false, clientNoContextTakeover: false };

const ANSWERED: Changes = {
  Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': ACCEPT,
};

function judged(changes: Changes, offer: Partial<Offer> = {}): Agreement {
  return judgeAnswer(Fields.from(asked(changes, ANSWERED)), { ...PLAIN, ...offer });
}

function refusal(changes: Changes, offer?: Partial<Offer>): ProtocolError {
  try {
    judged(changes, offer);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error('it is not refused');
}

describe('§4.1 Client Requirements: what is asked', () => {
  const BASE = {
    upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13',
    'sec-websocket-key': KEY,
  };
  test('items 5 to 9', () => {
    expect(offerFields(PLAIN)).toEqual(BASE);
  });
  test('10. subprotocols, the most wanted first', () => {
    expect(offerFields({ ...PLAIN, subprotocols: ['chat', 'superchat'] }))
      .toEqual({ ...BASE, 'sec-websocket-protocol': 'chat, superchat' });
  });
  test('11. extensions', () => {
    expect(offerFields({ ...PLAIN, deflate: deflateOptions(OPEN) })).toEqual({
      ...BASE, 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits',
    });
  });
  test.each<[unknown]>([
    [['']], [['a b']], [['a,b']], [['a', 'b', 'a']], [['a\r\nX: y']], [['é']], [['a/b']], [['"a"']],
    ['chat'], [null], [[undefined]],
  ])('10. subprotocols %j are a TypeError (RFC 6455 §4.1)', (subprotocols) => {
    expect(() => offerFields({ ...PLAIN, subprotocols: subprotocols as string[] }))
      .toThrow(new TypeError('subprotocols are tokens, each once (RFC 6455 §4.1)'));
  });
  test('a server of ours takes it', () => {
    const offer: Offer = { key: KEY, subprotocols: ['a', 'b'], deflate: deflateOptions() };
    const request = makeRequest({ fields: offerFields(offer) });
    const { fields, ...agreed } = handshake(request, {
      origins: 'same', requireOrigin: false, subprotocols: ['b'], deflate: deflateOptions(),
    });
    const answer = Fields.from({ ...fields, connection: 'upgrade' });
    const { deflate: { deflate, inflate } = {}, subprotocol } = judgeAnswer(answer, offer);
    expect([subprotocol, agreed.subprotocol]).toEqual(['b', 'b']);
    // What one side deflates the other inflates.
    expect({ deflate: inflate, inflate: deflate }).toEqual(agreed.deflate);
  });
});

describe('§4.1 Client Requirements: the answer', () => {
  test('is taken', () => {
    expect(judged({})).toEqual({ subprotocol: '', deflate: undefined });
  });

  test.each<[string, Changes]>([
    ['any case', { Upgrade: 'WebSocket', Connection: 'UPGRADE' }],
    ['further options', { Connection: 'keep-alive, upgrade' }],
    ['two lines', { Connection: ['keep-alive', 'Upgrade'] }],
    ['further fields', { 'Set-Cookie': ['a=b', 'c=d'], 'Sec-WebSocket-Version': '13' }],
  ])('%s is taken (RFC 6455 §4.1)', (_, changes) => {
    expect(judged(changes).subprotocol).toBe('');
  });

  test.each<[string, Changes]>([
    ['2. no Upgrade', { Upgrade: null }],
    ['2. an empty Upgrade', { Upgrade: '' }],
    ['2. another Upgrade', { Upgrade: 'h2c' }],
    ['2. a part', { Upgrade: 'websockets' }],
    ['2. a list: the value must be websocket', { Upgrade: 'h2c, websocket' }],
    ['2. a list that begins with it', { Upgrade: 'websocket, h2c' }],
    ['2. two lines', { Upgrade: ['websocket', 'websocket'] }],
    ['3. no Connection', { Connection: null }],
    ['3. another Connection', { Connection: 'keep-alive' }],
    ['3. a part', { Connection: 'upgraded' }],
    ['4. no accept', { 'Sec-WebSocket-Accept': null }],
    ['4. an empty accept', { 'Sec-WebSocket-Accept': '' }],
    ['4. the key itself', { 'Sec-WebSocket-Accept': KEY }],
    ['4. another case', { 'Sec-WebSocket-Accept': ACCEPT.toLowerCase() }],
    ['4. no padding', { 'Sec-WebSocket-Accept': ACCEPT.slice(0, -1) }],
    ['4. the accept of another key', { 'Sec-WebSocket-Accept': 'ICX+Yqv66kxgM0FcWaLWlFLwTAI=' }],
    ['4. two', { 'Sec-WebSocket-Accept': [ACCEPT, ACCEPT] }],
    ['4. two on a line', { 'Sec-WebSocket-Accept': `${ACCEPT}, ${ACCEPT}` }],
  ])('%s fails (RFC 6455 §4.1)', (_, changes) => {
    const error = refusal(changes);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/\(RFC 6455 §4\.1\)$/);
  });
});

describe('§4.1 item 6, the subprotocol', () => {
  const OFFER = { subprotocols: ['chat', 'superchat'] };
  test.each<[Changes[''], string]>([['chat', 'chat'], ['superchat', 'superchat'], [null, '']])(
    '%j', (chosen, wanted) => {
      expect(judged({ 'Sec-WebSocket-Protocol': chosen }, OFFER).subprotocol).toBe(wanted);
    });
  test.each<[string, Changes['']]>([
    ['not offered', 'soap'], ['in another case', 'Chat'], ['a list', 'chat, superchat'],
    ['twice (§11.3.4)', ['chat', 'chat']], ['empty (§4.2.2)', ''],
  ])('%s fails (RFC 6455 §4.1)', (_, chosen) => {
    expect(refusal({ 'Sec-WebSocket-Protocol': chosen }, OFFER)).toBeInstanceOf(ConnectionError);
  });
  test.each(['chat', ''])('%j where none was offered fails', (chosen) => {
    expect(refusal({ 'Sec-WebSocket-Protocol': chosen })).toBeInstanceOf(ConnectionError);
  });
});

describe('§4.1 item 5 and §9.1, extensions', () => {
  const EXTENSIONS = 'Sec-WebSocket-Extensions';
  const OFFER = { deflate: deflateOptions(OPEN) };
  test('declined, or agreed on', () => {
    expect(judged({}, OFFER).deflate).toBe(undefined);
    const parameters = 'server_no_context_takeover; client_max_window_bits=10';
    expect(judged({ [EXTENSIONS]: `permessage-deflate; ${parameters}` }, OFFER).deflate).toEqual({
      deflate: { windowBits: 10, contextTakeover: true },
      inflate: { windowBits: 15, contextTakeover: false },
    });
  });
  test.each(['', ',', 'permessage-deflate;', ';', 'a b', 'a;b="', `a${'b'.repeat(4096)}`])(
    '%j is malformed, and fails (RFC 6455 §9.1)', (response) => {
      expect(refusal({ [EXTENSIONS]: response }, OFFER)).toBeInstanceOf(ConnectionError);
      expect(refusal({ [EXTENSIONS]: response })).toBeInstanceOf(ConnectionError);
    });
  test.each<[string, string | readonly string[], Partial<Offer>]>([
    ['none was offered', 'permessage-deflate', {}],
    ['another', 'x-webkit-deflate-frame', OFFER],
    ['another besides', 'permessage-deflate, foo', OFFER],
    ['twice', ['permessage-deflate', 'permessage-deflate'], OFFER],
    ['an unknown parameter', 'permessage-deflate; foo', OFFER],
    ['a value where none may be', 'permessage-deflate; server_no_context_takeover=1', OFFER],
    ['a window out of range', 'permessage-deflate; server_max_window_bits=16', OFFER],
    ['no takeover was asked for', 'permessage-deflate', { deflate: deflateOptions() }],
    ['a window larger than asked for', 'permessage-deflate; server_max_window_bits=13',
      { deflate: deflateOptions({ ...OPEN, serverMaxWindowBits: 12 }) }],
    ['a window that was not agreed to', 'permessage-deflate',
      { deflate: deflateOptions({ ...OPEN, serverMaxWindowBits: 12 }) }],
  ])('%s fails with 1010 (RFC 7692 §5.1)', (_, response, offer) => {
    const error = refusal({ [EXTENSIONS]: response }, offer);
    expect(error).toBeInstanceOf(CloseError);
    expect(error.code).toBe(1010);
  });
});
