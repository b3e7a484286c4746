/** The certificate of development: made, kept, renewed, replaced, and with no place to be kept. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import {
  chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { addAuthority } from '../../src/tls/authority-folder.ts';
import { DAY, issueAuthority, issueLeaf } from '../../src/tls/certificate.ts';
import {
  developmentCertificate, type DevelopmentCertificate, type DevelopmentOptions,
} from '../../src/tls/development.ts';
import { temporaryDirectory } from '../support/sockets.ts';
import { asUser, giveToUser, testAsRoot, testOfModes } from './user.ts';

/** As it is, but for one test. */
vi.mock('../../src/tls/authority-folder.ts', { spy: true });

const NOW = Date.UTC(2026, 5, 1);
let home: string;
let folder: string;

beforeEach(async () => {
  home = await temporaryDirectory();
  folder = join(home, 'wirestack');
});

function certificate(options: DevelopmentOptions = {}): DevelopmentCertificate {
  return developmentCertificate({ folder, now: NOW, ...options });
}

const leafOf = ({ cert }: DevelopmentCertificate): X509Certificate => new X509Certificate(cert);
const authorityOf = ({ authority }: DevelopmentCertificate): X509Certificate =>
  new X509Certificate(authority.pem);
/** A path in the folder of an authority. */
const inside = (number: number, name: string = ''): string =>
  join(folder, `authority-${number}`, name);

/** What holds of each that is handed out. */
function expectSound(made: DevelopmentCertificate): void {
  const [leaf, authority] = [leafOf(made), authorityOf(made)];
  expect(leaf.checkPrivateKey(createPrivateKey(made.key))).toBe(true);
  expect(leaf.checkIssued(authority) && leaf.verify(authority.publicKey)).toBe(true);
  expect(made.cert.endsWith(made.authority.pem)).toBe(true);
  expect(made.cert.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect(leaf.checkHost('localhost')).toBe('localhost');
  expect([leaf.checkIP('127.0.0.1'), leaf.checkIP('::1')]).toEqual(['127.0.0.1', '::1']);
  createSecureContext({ key: made.key, cert: made.cert });
}

/** Expects that all is as it was at `first`. */
function expectKept(first: DevelopmentCertificate, again: DevelopmentCertificate): void {
  expect(again).toEqual({ ...first, created: false, remarks: [] });
}

describe('the first time', () => {
  test('an authority and a leaf are made and kept', () => {
    const made = certificate();
    expectSound(made);
    expect(made).toMatchObject({ created: true, remarks: [] });
    expect(made.authority.path).toBe(inside(1, 'authority.crt'));
    expect(readFileSync(inside(1, 'authority.crt'), 'utf8')).toBe(made.authority.pem);
    expect(made.trustHint).toContain(inside(1, 'authority.crt'));
    expect(leafOf(made).subjectAltName)
      .toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
  });

  test('in the cache of the user, where it is by the environment', () => {
    const made = developmentCertificate({
      environment: { XDG_CACHE_HOME: home, LOCALAPPDATA: home, HOME: home }, now: NOW,
      ...process.platform === 'darwin' ? { folder } : {},
    });
    expect(made.authority.path).toBe(inside(1, 'authority.crt'));
  });

  test('the path is whole though the folder is relative', () => {
    const made = certificate({ folder: join('.', folder.replace(/^\//, '../'.repeat(20))) });
    expect(made.authority.path).toBe(inside(1, 'authority.crt'));
  });

  test('for now', () => {
    const made = developmentCertificate({ folder });
    expect(Date.parse(leafOf(made).validFrom)).toBeLessThan(Date.now());
    expect(Date.parse(leafOf(made).validTo)).toBeGreaterThan(Date.now() + 396 * DAY);
  });

  test.each<[unknown, string]>([
    [{ names: 'dev.test' }, "names is a list of names, such as ['dev.test', '192.168.1.5']"],
    [{ names: [5] }, 'names is a list of names'], [{ names: null }, 'names is a list of names'],
    [{ name: ['dev.test'] }, 'developmentCertificate knows no name; it knows names, folder'],
    [['dev.test'], 'developmentCertificate takes an object; it knows names'],
    [null, 'developmentCertificate takes an object'],
  ])('%j is refused before anything is made', (options, message) => {
    vi.mocked(addAuthority).mockClear();
    expect(() => developmentCertificate(options as DevelopmentOptions))
      .toThrow(expect.objectContaining({
        name: 'TypeError', message: expect.stringContaining(message) as string,
      }));
    expect(addAuthority).not.toHaveBeenCalled();
  });

  test('a name that is none is refused before anything is made', () => {
    expect(() => certificate({ names: ['a_b'] })).toThrow(RangeError);
    expect(existsSync(folder)).toBe(false);
  });
});

test('the next time it is the same', () => {
  expectKept(certificate(), certificate());
});

describe('names', () => {
  test('that the authority may not sign for have one of their own; the other stays', () => {
    const plain = certificate();
    const named = certificate({ names: ['*.app.test', '10.0.0.1'] });
    expectSound(named);
    expect(named).toMatchObject({ created: true, remarks: [] });
    expect(leafOf(named).subjectAltName).toContain('DNS:*.app.test, IP Address:10.0.0.1');
    expect(readdirSync(folder).sort()).toEqual(['authority-1', 'authority-2']);
    expectKept(named, certificate({ names: ['10.0.0.1', '*.APP.test', 'localhost'] }));
    expectKept(plain, certificate());
  });

  test('that it may sign for are added to those of the leaf', () => {
    const plain = certificate();
    const first = certificate({ names: ['a.localhost'] });
    expectSound(first);
    expect(first).toMatchObject({ created: false, remarks: [], authority: plain.authority });
    expect(leafOf(first).checkHost('a.localhost')).toBe('a.localhost');
    const second = certificate({ names: ['b.localhost'] });
    expect(leafOf(second).checkHost('a.localhost')).toBe('a.localhost');
    expect(leafOf(second).checkHost('b.localhost')).toBe('b.localhost');
    expectKept(second, certificate({ names: ['a.localhost'] }));
    expectKept(second, certificate());
  });
});

describe('time', () => {
  test('a leaf with 30 days left is kept, with less renewed', () => {
    const first = certificate();
    const last = Date.parse(leafOf(first).validTo) - 30 * DAY;
    expectKept(first, certificate({ now: last }));
    const renewed = certificate({ now: last + 1 });
    expectSound(renewed);
    expect(renewed).toMatchObject({ created: false, authority: first.authority });
    expect(renewed.remarks)
      .toEqual([expect.stringMatching(/^the leaf in .* only: a new leaf was made\.$/)]);
    expect(Date.parse(leafOf(renewed).validTo)).toBeGreaterThan(last + 396 * DAY);
    expectKept(renewed, certificate({ now: last + 2 }));
  });

  test('an authority with 30 days left is kept, with less replaced', () => {
    const first = certificate();
    const last = Date.parse(authorityOf(first).validTo) - 30 * DAY;
    expect(certificate({ now: last }).authority).toEqual(first.authority);
    const next = certificate({ now: last + 1 });
    expectSound(next);
    expect(next.created).toBe(true);
    expect(next.remarks).toEqual([
      expect.stringMatching(/authority-1 is valid until .* only: a new authority .* Take the old/),
    ]);
    expect(readdirSync(folder)).toEqual(['authority-2']);
    expectKept(next, certificate({ now: last + 2 }));
  });

  test('what is not valid yet, by a clock that was wrong, is replaced', () => {
    certificate({ now: NOW + 2 * DAY });
    const next = certificate();
    expect(next.remarks).toEqual([expect.stringMatching(/authority-1 is not valid before/)]);
    expectKept(next, certificate());
  });

  test('a leaf that is not valid yet is renewed', () => {
    const first = certificate();
    const late = issueLeaf(
      { key: readFileSync(inside(1, 'authority.key'), 'utf8'), cert: first.authority.pem },
      { names: ['localhost'], now: NOW + 2 * DAY },
    );
    writeFileSync(inside(1, 'leaf.pem'), late.key + late.cert);
    const next = certificate();
    expect(next.remarks).toEqual([expect.stringMatching(/the leaf in .* is not valid before/)]);
    expect(next.authority).toEqual(first.authority);
    expectKept(next, certificate());
  });
});

const other = issueAuthority({ names: ['localhost', '127.0.0.1', '::1'], now: NOW });
const ofOther = issueLeaf(other, { names: ['localhost', '127.0.0.1', '::1'], now: NOW });

describe('a leaf that cannot be used is made anew under the same authority', () => {
  /** What is in place of the file that was. */
  const cases: readonly (readonly [string, (text: string) => string, RegExp])[] = [
    ['empty', () => '', /leaf\.pem holds no key and certificate/],
    ['cut off', (text) => text.slice(0, -100), /leaf\.pem holds no key and certificate/],
    ['another key', (text) => ofOther.key + text.slice(text.indexOf('-----BEGIN CERT')),
      /the key in .*leaf\.pem is not that of the certificate/],
    ['of another authority', () => ofOther.key + ofOther.cert, /is of another authority/],
    // It issued itself and its key fits, but it names no server (RFC 5280 §4.2.1.6).
    ['its authority in its place', () => readFileSync(inside(1, 'authority.key'), 'utf8') +
      readFileSync(inside(1, 'authority.crt'), 'utf8'), /leaf/],
  ];

  test.each(cases)('%s', (_, spoiled, reason) => {
    const first = certificate();
    const file = inside(1, 'leaf.pem');
    writeFileSync(file, spoiled(readFileSync(file, 'utf8')));
    const next = certificate();
    expectSound(next);
    expect(next).toMatchObject({ created: false, authority: first.authority });
    expect(next.remarks).toEqual([expect.stringMatching(reason)]);
    expect(next.remarks[0]).toMatch(/: a new leaf was made\.$/);
    expectKept(next, certificate());
  });

  testOfModes('open to others: its key is known', () => {
    const first = certificate();
    chmodSync(inside(1, 'leaf.pem'), 0o644);
    const next = certificate();
    expect(next.remarks).toEqual([expect.stringMatching(/leaf\.pem is open .*644\): a new leaf/)]);
    expect(next.key).not.toBe(first.key);
    expectKept(next, certificate());
  });
});

describe('an authority that cannot be used is replaced, and goes', () => {
  /** Spoils a file of the first authority, or its folder. */
  const cases: readonly (readonly [string, () => void, RegExp])[] = [
    ['no key', () => writeFileSync(inside(1, 'authority.key'), ''), /holds no key/],
    ['no certificate', () => writeFileSync(inside(1, 'authority.crt'), ''), /holds no key/],
    ['another key', () => writeFileSync(inside(1, 'authority.key'), other.key),
      /the key in .*authority-1 is not that of the certificate/],
    ['a leaf in its place', () => {
      writeFileSync(inside(1, 'authority.key'), ofOther.key);
      writeFileSync(inside(1, 'authority.crt'), ofOther.cert);
    }, /authority-1 holds no authority/],
  ];

  function expectReplaced(reason: RegExp): void {
    const next = certificate();
    expectSound(next);
    expect(next.created).toBe(true);
    expect(next.remarks).toEqual([expect.stringMatching(reason)]);
    expect(next.remarks[0]).toMatch(/: a new authority was made\. Take the old one out/);
    expect(readdirSync(folder)).toEqual(['authority-2']);
    expectKept(next, certificate());
  }

  beforeEach(() => void certificate());

  test.each(cases)('%s', (_, spoil, reason) => {
    spoil();
    expectReplaced(reason);
  });

  const modes = [['', 0o755], ['authority.key', 0o640], ['authority.crt', 0o666]] as const;
  for (const [name, mode] of modes) {
    testOfModes(`${name === '' ? 'its folder' : name} of mode ${mode.toString(8)}`, () => {
      chmodSync(inside(1, name), mode);
      expectReplaced(/is open to other users/);
    });
  }

  testAsRoot('that of another user is passed by, and stays', () => {
    chownSync(inside(1), 12_345, 12_345);
    const next = certificate();
    expectSound(next);
    expect(next.remarks).toEqual([
      `${inside(1)} belongs to another user: a new authority was made.`,
    ]);
    expect(readdirSync(inside(1))).toHaveLength(3);
    expectKept(next, certificate());
  });
});

describe('where nothing can be kept', () => {
  const MEMORY = /^This certificate is in memory alone and ends with this process \(.*\)\.\n/;

  function expectInMemory(made: DevelopmentCertificate, reason: string): void {
    expectSound(made);
    expect(made).toMatchObject({ created: true, remarks: [] });
    expect(made.authority.path).toBeUndefined();
    expect(made.trustHint).toMatch(MEMORY);
    expect(made.trustHint).toContain(reason);
  }

  test('the home is absent, or is no folder: in memory, another each time', () => {
    writeFileSync(folder, '');
    const [first, second] = [certificate({ names: ['a.test'] }), certificate()];
    expectInMemory(first, 'ENOTDIR');
    expect(leafOf(first).checkHost('a.test')).toBe('a.test');
    expectInMemory(second, 'ENOTDIR');
    expect(second.key).not.toBe(first.key);
    expectInMemory(certificate({ folder: join(folder, 'below') }), 'ENOTDIR');
  });

  testOfModes('a folder that is read-only: in memory', () => {
    mkdirSync(folder);
    giveToUser(home);
    giveToUser(folder);
    chmodSync(folder, 0o500);
    expectInMemory(asUser(() => certificate()), 'EACCES');
    expectInMemory(asUser(() => certificate({ folder: join(folder, 'below') })), 'EACCES');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a path that no system has is a mistake, and is thrown', () => {
    expect(() => certificate({ folder: 'a\0b' }))
      .toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });

  test('others are faster 16 times: in memory', () => {
    const adding = vi.mocked(addAuthority).mockClear().mockReturnValue(false);
    onTestFinished(() => void adding.mockRestore());
    expectInMemory(certificate(), 'is written to by others without end');
    expect(adding).toHaveBeenCalledTimes(16);
  });

  testOfModes('a folder that is closed: in memory', () => {
    mkdirSync(folder, { mode: 0o000 });
    giveToUser(home);
    expectInMemory(asUser(() => certificate()), 'EACCES');
  });

  testOfModes('what a read-only folder holds is used; a new leaf is not kept', () => {
    giveToUser(home);
    const first = asUser(() => certificate());
    chmodSync(inside(1), 0o500);
    expectKept(first, asUser(() => certificate()));
    const now = NOW + 380 * DAY;
    const next = asUser(() => certificate({ now }));
    expectSound(next);
    expect(next).toMatchObject({ created: false, authority: first.authority });
    expect(next.remarks).toEqual([
      expect.stringMatching(/: a new leaf was made\.$/),
      expect.stringMatching(/^The new leaf could not be kept: EACCES/),
    ]);
    expect(dirname(first.authority.path as string)).toBe(inside(1));
    expect(readdirSync(inside(1))).toHaveLength(3);
  });
});
