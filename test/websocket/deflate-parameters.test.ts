/** permessage-deflate is agreed on: offers and responses, as tables. */
import { describe, expect, test } from 'vitest';
import {
  acceptOffer, deflateOptions, judgeResponse, offerText,
  type DeflateAgreement, type DeflateOptions,
} from '../../src/websocket/deflate-parameters.ts';
import { CloseError } from '../../src/websocket/close-error.ts';
import { parseExtensionList, type Extension } from '../../src/websocket/extension-list.ts';

type Wishes = Partial<DeflateOptions>;

const OPEN: Wishes = { serverNoContextTakeover: false, clientNoContextTakeover: false };

function list(text: string): Extension[] {
  return parseExtensionList(text) as Extension[];
}

/** Short names in the tables, long ones on the wire: `sn cn sb=10 cb`. */
function long(text: string): string {
  const names: Readonly<Record<string, string>> = {
    pd: 'permessage-deflate', sn: '; server_no_context_takeover',
    cn: '; client_no_context_takeover', sb: '; server_max_window_bits',
    cb: '; client_max_window_bits', x: '; x',
  };
  return text.replace(/(?<=^| )[a-z]+(?=[ =,;]|$)/g, (name) => names[name] ?? name)
    .replace(/ +;/g, ';');
}

/** `15+` is a window of 15 bits with context takeover, `15-` without: deflate, inflate. */
function shown({ deflate, inflate }: DeflateAgreement): string {
  return [deflate, inflate]
    .map(({ windowBits, contextTakeover }) => `${windowBits}${contextTakeover ? '+' : '-'}`)
    .join(' ');
}

describe('§7.1 a server answers', () => {
  test.each<readonly [Wishes, string, string, string]>([
    // No takeover unless asked
    [{}, 'pd', 'pd sn cn', '15- 15-'],
    [OPEN, 'pd', 'pd', '15+ 15+'],
    [OPEN, 'pd sn', 'pd sn', '15- 15+'],
    [OPEN, 'pd cn', 'pd cn', '15+ 15-'],
    [OPEN, 'pd sn cn', 'pd sn cn', '15- 15-'],
    // Windows
    [OPEN, 'pd sb=10', 'pd sb=10', '10+ 15+'],
    [OPEN, 'pd sb=15', 'pd sb=15', '15+ 15+'],
    [OPEN, 'pd sb=9', 'pd sb=9', '9+ 15+'],
    [{ ...OPEN, serverMaxWindowBits: 12 }, 'pd', 'pd sb=12', '12+ 15+'],
    [{ ...OPEN, serverMaxWindowBits: 12 }, 'pd sb=15', 'pd sb=12', '12+ 15+'],
    [{ ...OPEN, serverMaxWindowBits: 12 }, 'pd sb=10', 'pd sb=10', '10+ 15+'],
    [OPEN, 'pd cb', 'pd', '15+ 15+'],
    [OPEN, 'pd cb=10', 'pd cb=10', '15+ 10+'],
    [OPEN, 'pd cb=15', 'pd', '15+ 15+'],
    [OPEN, 'pd cb=8', 'pd', '15+ 15+'],
    [{ ...OPEN, clientMaxWindowBits: 11 }, 'pd cb', 'pd cb=11', '15+ 11+'],
    [{ ...OPEN, clientMaxWindowBits: 11 }, 'pd cb=9', 'pd cb=9', '15+ 9+'],
    [{ ...OPEN, clientMaxWindowBits: 11 }, 'pd cb=14', 'pd cb=11', '15+ 11+'],
    [{ ...OPEN, clientMaxWindowBits: 11 }, 'pd cb=8', 'pd cb=11', '15+ 11+'],
    [OPEN, 'pd sb="10" cb="12"', 'pd sb=10 cb=12', '10+ 12+'],
    // The first that can be kept
    [OPEN, 'pd sb=10, pd', 'pd sb=10', '10+ 15+'],
    [OPEN, 'pd sb=8, pd sb=9', 'pd sb=9', '9+ 15+'],
    [OPEN, 'pd x, mux, pd sn', 'pd sn', '15- 15+'],
    [{ ...OPEN, clientMaxWindowBits: 11 }, 'pd, pd cb', 'pd cb=11', '15+ 11+'],
  ])('%j: %s', (wishes, offers, response, agreement) => {
    const accepted = acceptOffer(list(long(offers)), deflateOptions(wishes));
    expect(accepted?.response).toBe(long(response));
    expect(shown(accepted?.agreement as DeflateAgreement)).toBe(agreement);
  });

  test.each([
    // Not defined
    'pd x', 'pd x=1', 'pd sn x', 'pd;__proto__', 'pd;constructor', 'pd;SERVER_NO_CONTEXT_TAKEOVER',
    // Values
    'pd sn=1', 'pd cn=true', 'pd sn="x"', 'pd sb', 'pd sb=7', 'pd sb=8', 'pd sb=16', 'pd sb=01',
    'pd sb=010', 'pd sb=08', 'pd sb=1', 'pd sb=-9', 'pd sb=9.0', 'pd sb=1e1', 'pd sb=x',
    'pd sb=100', 'pd cb=7', 'pd cb=16', 'pd cb=01', 'pd cb=0', 'pd cb=x', 'pd cb=+9',
    // Twice
    'pd sn sn', 'pd cn cn', 'pd sb=10 sb=10', 'pd cb cb', 'pd cb cb=10', 'pd sn cn sn',
    // Others
    'x-webkit-deflate-frame', 'mux', 'permessage-bzip2', 'Permessage-Deflate',
  ])('%s is declined (RFC 7692 §7)', (offer) => {
    expect(acceptOffer(list(long(offer)), deflateOptions(OPEN))).toBe(undefined);
    const next = acceptOffer(list(long(`${offer}, pd`)), deflateOptions(OPEN));
    expect(next?.response).toBe('permessage-deflate');
  });

  test('a window that the client cannot be told is declined (RFC 7692 §7.1.2.2)', () => {
    const options = deflateOptions({ clientMaxWindowBits: 14 });
    expect(acceptOffer(list('permessage-deflate'), options)).toBe(undefined);
  });
});

describe('§7.1 a client offers and judges', () => {
  test.each<readonly [Wishes, string]>([
    [{}, 'pd sn cn cb'],
    [OPEN, 'pd cb'],
    [{ ...OPEN, serverMaxWindowBits: 10 }, 'pd sb=10 cb'],
    [{ ...OPEN, clientMaxWindowBits: 9 }, 'pd cb=9'],
  ])('%j: %s', (wishes, offer) => {
    expect(offerText(deflateOptions(wishes))).toBe(long(offer));
  });

  test.each<readonly [Wishes, string, string]>([
    [OPEN, 'pd', '15+ 15+'],
    [OPEN, 'pd sn', '15+ 15-'],
    [OPEN, 'pd cn', '15- 15+'],
    [OPEN, 'pd sb=8', '15+ 8+'],
    [OPEN, 'pd sb=12 cb=9', '9+ 12+'],
    [OPEN, 'pd cb="10"', '10+ 15+'],
    [{ ...OPEN, serverMaxWindowBits: 10 }, 'pd sb=10', '15+ 10+'],
    [{ ...OPEN, serverMaxWindowBits: 10 }, 'pd sb=9', '15+ 9+'],
    // What the client said of itself it keeps to.
    [{ ...OPEN, clientMaxWindowBits: 10 }, 'pd', '10+ 15+'],
    [{ ...OPEN, clientMaxWindowBits: 10 }, 'pd cb=12', '10+ 15+'],
    [{}, 'pd sn', '15- 15-'],
  ])('%j: %s is agreed to', (wishes, response, agreement) => {
    const judged = judgeResponse(list(long(response)), deflateOptions(wishes));
    expect(shown(judged as DeflateAgreement)).toBe(agreement);
  });

  test.each<readonly [Wishes | undefined, string]>([
    [undefined, 'pd'], [undefined, 'mux'],
    [OPEN, 'mux'], [OPEN, 'pd, mux'], [OPEN, 'mux, pd'], [OPEN, 'pd, pd'],
    [OPEN, 'pd x'], [OPEN, 'pd sn sn'], [OPEN, 'pd sn=1'], [OPEN, 'pd cn="1"'],
    [OPEN, 'pd sb'], [OPEN, 'pd cb'], [OPEN, 'pd sb=7'], [OPEN, 'pd sb=16'], [OPEN, 'pd cb=09'],
    [OPEN, 'pd cb=8'],
    [{}, 'pd'], [{}, 'pd cn'],
    [{ ...OPEN, serverMaxWindowBits: 10 }, 'pd'],
    [{ ...OPEN, serverMaxWindowBits: 10 }, 'pd sb=11'],
  ])('%j: %s fails the connection (RFC 7692 §7)', (wishes, response) => {
    const options = wishes === undefined ? undefined : deflateOptions(wishes);
    let thrown: unknown;
    try {
      judgeResponse(list(long(response)), options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(CloseError);
    const { code, message } = thrown as CloseError;
    expect(code).toBe(1010);
    expect(message).toMatch(/\(RFC 7692 §[\d.]+\)$/);
  });

  test('no extension: no compression (RFC 7692 §5)', () => {
    expect(judgeResponse([], deflateOptions())).toBe(undefined);
    expect(judgeResponse([], undefined)).toBe(undefined);
  });
});

test('both sides come to the same, whatever each wants', () => {
  const flags = [true, false];
  const sizes = [9, 12, 15];
  const all = flags.flatMap((serverNoContextTakeover) => flags
    .flatMap((clientNoContextTakeover) => sizes.flatMap((serverMaxWindowBits) => sizes
      .map((clientMaxWindowBits) => deflateOptions({
        serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits,
      })))));
  for (const client of all) {
    for (const server of all) {
      const accepted = acceptOffer(list(offerText(client)), server);
      const { agreement, response } = accepted as NonNullable<typeof accepted>;
      const judged = judgeResponse(list(response), client) as DeflateAgreement;
      expect(judged.inflate).toEqual(agreement.deflate);
      // What a client sends may use less than the server is ready for, never more.
      expect(judged.deflate.windowBits).toBeLessThanOrEqual(agreement.inflate.windowBits);
      expect(judged.deflate.contextTakeover && !agreement.inflate.contextTakeover).toBe(false);
    }
  }
});

describe('options', () => {
  test.each([
    { serverMaxWindowBits: 8 }, { serverMaxWindowBits: 16 }, { clientMaxWindowBits: 8 },
    { clientMaxWindowBits: 9.5 }, { clientMaxWindowBits: Number.NaN }, { thresholdBytes: -1 },
    { thresholdBytes: Number.NaN },
  ])('%j cannot be', (options) => {
    expect(() => deflateOptions(options)).toThrow(RangeError);
  });

  test('no context takeover unless asked, from 1 KiB', () => {
    expect(deflateOptions()).toEqual({
      serverNoContextTakeover: true, clientNoContextTakeover: true,
      serverMaxWindowBits: 15, clientMaxWindowBits: 15, thresholdBytes: 1024,
    });
    expect(deflateOptions({ serverMaxWindowBits: 9 }).serverMaxWindowBits).toBe(9);
  });
});
