/** Authorities on disk: where, in which files, and who is first. */
import {
  chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  addAuthority, authorityNumbers, authorityPath, cacheFolder, certificatePath, readAuthority,
  readLeaf, removeAuthority, replaceLeaf,
} from '../../src/tls/authority-folder.ts';
import { issueAuthority, issueLeaf } from '../../src/tls/certificate.ts';
import { UnfitError } from '../../src/tls/private-file.ts';
import { temporaryDirectory } from '../support/sockets.ts';
import { testOfModes } from './user.ts';

const names = ['localhost'];
const [authority, other] = [issueAuthority({ names }), issueAuthority({ names })];
const [leaf, second] = [issueLeaf(authority, { names }), issueLeaf(authority, { names })];
let folder: string;
let path: string;

beforeEach(async () => {
  folder = join(await temporaryDirectory(), 'a', 'b');
  path = authorityPath(folder, 1);
});

describe('the cache of the user', () => {
  test.each([
    ['linux', {}, '/home/a', '/home/a/.cache/wirestack'],
    ['linux', { XDG_CACHE_HOME: '/var/a' }, '/home/a', '/var/a/wirestack'],
    ['linux', { XDG_CACHE_HOME: '' }, '/home/a', '/home/a/.cache/wirestack'],
    ['linux', { XDG_CACHE_HOME: 'var' }, '/home/a', '/home/a/.cache/wirestack'],
    ['freebsd', {}, '/home/a', '/home/a/.cache/wirestack'],
    ['darwin', { XDG_CACHE_HOME: '/var/a' }, '/Users/a', '/Users/a/Library/Caches/wirestack'],
    ['win32', { LOCALAPPDATA: 'D:\\local' }, 'C:\\Users\\a', 'D:\\local\\wirestack'],
    ['win32', {}, 'C:\\Users\\a', 'C:\\Users\\a\\AppData\\Local\\wirestack'],
  ])('on %s with %j', (system, environment, home, expected) => {
    expect(cacheFolder(environment, system, home)).toBe(expected);
  });
});

describe('adding', () => {
  test('what was added is read again', () => {
    expect(addAuthority(folder, 1, authority, leaf)).toBe(true);
    expect(readAuthority(path)).toEqual(authority);
    expect(readLeaf(path)).toEqual(leaf);
    expect(readFileSync(certificatePath(path), 'utf8')).toBe(authority.cert);
    expect(readdirSync(folder)).toEqual(['authority-1']);
  });

  testOfModes('folders are closed, and files that hold keys', () => {
    const before = process.umask(0);
    try {
      addAuthority(folder, 1, authority, leaf);
    } finally {
      process.umask(before);
    }
    const modes = [folder, path, ...readdirSync(path).sort().map((name) => join(path, name))]
      .map((each) => (statSync(each).mode & 0o777).toString(8));
    expect(readdirSync(path).sort()).toEqual(['authority.crt', 'authority.key', 'leaf.pem']);
    expect(modes).toEqual(['700', '700', '644', '600', '600']);
  });

  test('who comes second is told so, and leaves nothing', () => {
    expect(addAuthority(folder, 1, authority, leaf)).toBe(true);
    expect(addAuthority(folder, 1, other, issueLeaf(other, { names }))).toBe(false);
    expect(readAuthority(path)).toEqual(authority);
    expect(readLeaf(path)).toEqual(leaf);
    expect(readdirSync(folder)).toEqual(['authority-1']);
  });

  test('a file that has the number has it', () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, '');
    expect(addAuthority(folder, 1, authority, leaf)).toBe(false);
    expect(readdirSync(folder)).toEqual(['authority-1']);
  });

  test('what fails for another reason is thrown, and leaves nothing', () => {
    // Ten digits are no number, so whoever has this place is not another process of ours.
    const taken = join(authorityPath(folder, 1_000_000_000), 'x');
    mkdirSync(taken, { recursive: true });
    expect(() => addAuthority(folder, 1_000_000_000, authority, leaf))
      .toThrow(expect.objectContaining({ syscall: 'rename' }));
    expect(readdirSync(folder)).toEqual(['authority-1000000000']);
    expect(existsSync(taken)).toBe(true);
  });

  test('where no folder can be it throws', () => {
    writeFileSync(join(folder, '../..', 'file'), '');
    expect(() => addAuthority(join(folder, '../..', 'file', 'x'), 1, authority, leaf))
      .toThrow(/ENOTDIR|ENOENT|EEXIST/);
  });
});

describe('the numbers', () => {
  test('of an absent folder are none', () => {
    expect(authorityNumbers(folder)).toEqual([]);
  });

  test('are in order; other names have none', () => {
    const others = ['authority-0', 'authority-01', 'authority-1x', 'xauthority-1', 'authority-',
      'authority', '.new-abcdef', 'authority-1234567890'];
    for (const name of ['authority-10', 'authority-9', 'authority-999999999', ...others]) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    expect(authorityNumbers(folder)).toEqual([9, 10, 999_999_999]);
  });
});

describe('what is unfit', () => {
  beforeEach(() => void addAuthority(folder, 1, authority, leaf));

  /** Writes one of the files in place of what it held. */
  function put(name: string, text: string): void {
    writeFileSync(join(path, name), text);
  }

  test.each([
    ['an empty key', () => put('authority.key', ''), /holds no key and certificate/],
    ['no key', () => put('authority.key', 'hello'), /holds no key and certificate/],
    ['half a key', () => put('authority.key', authority.key.slice(0, 60)), /holds no key/],
    ['half a certificate', () => put('authority.crt', authority.cert.slice(0, 60)), /holds no key/],
    ['the key of another', () => put('authority.key', other.key), /the key in .* is not that of/],
    ['the certificate of another', () => put('authority.crt', other.cert), /the key in .* is not/],
    ['a missing key', () => rmSync(join(path, 'authority.key')), /authority\.key is missing/],
    ['a missing certificate', () => rmSync(certificatePath(path)), /authority\.crt is missing/],
    ['nothing', () => rmSync(path, { recursive: true }), /authority-1 is missing/],
  ])('an authority: %s', (_, spoil, message) => {
    spoil();
    expect(() => readAuthority(path)).toThrow(UnfitError);
    expect(() => readAuthority(path)).toThrow(message);
  });

  test.each([
    ['nothing in it', '', /holds no key/],
    ['the key alone', leaf.key, /holds no key/],
    ['half a certificate', leaf.key + leaf.cert.slice(0, 100), /holds no key/],
    ['the key of another', second.key + leaf.cert, /the key in .* is not that of/],
  ])('a leaf: %s', (_, text, message) => {
    put('leaf.pem', text);
    expect(() => readLeaf(path)).toThrow(UnfitError);
    expect(() => readLeaf(path)).toThrow(message);
    expect(readAuthority(path)).toEqual(authority);
  });

  for (const name of ['', 'authority.key', 'authority.crt']) {
    testOfModes(`an authority with ${name === '' ? 'a folder' : name} that is open`, () => {
      chmodSync(join(path, name), 0o777);
      expect(() => readAuthority(path)).toThrow(/is open to other users \(mode 777\)/);
    });
  }

  testOfModes('a leaf that is open', () => {
    chmodSync(join(path, 'leaf.pem'), 0o640);
    expect(() => readLeaf(path)).toThrow(/leaf\.pem is open to other users \(mode 640\)/);
  });
});

describe('replacing and removing', () => {
  beforeEach(() => void addAuthority(folder, 1, authority, leaf));

  test('a leaf gives way to another, the authority stays', () => {
    replaceLeaf(path, second);
    expect(readLeaf(path)).toEqual(second);
    expect(readAuthority(path)).toEqual(authority);
    expect(readdirSync(path).sort()).toEqual(['authority.crt', 'authority.key', 'leaf.pem']);
  });

  test('what was added goes', () => {
    removeAuthority(path);
    expect(readdirSync(folder)).toEqual([]);
    removeAuthority(path);
  });

  test('what somebody else put there stays', () => {
    writeFileSync(join(path, 'notes'), 'mine');
    removeAuthority(path);
    expect(readdirSync(path)).toEqual(['notes']);
    expect(existsSync(path)).toBe(true);
  });
});
