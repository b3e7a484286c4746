/** Files of secrets: what is read, what is not and why, and how they are written. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync, chownSync, linkSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import {
  UnfitError, checkPrivateFolder, readOwnFile, readPrivateFile, replacePrivateFile, writeNewFile,
} from '../../src/tls/private-file.ts';
import { temporaryDirectory } from '../support/sockets.ts';
import { asUser, giveToUser, testAsRoot, testOfModes } from './user.ts';

/** As it is, but for one test. */
vi.mock('node:os', async (original) => {
  const os = await original<typeof import('node:os')>();
  return { ...os, userInfo: vi.fn(os.userInfo) };
});

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await temporaryDirectory();
  file = join(folder, 'file');
});

function unfit(act: () => unknown): UnfitError {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof UnfitError) return thrown;
    throw thrown;
  }
  throw new Error('it was fit');
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('reading', () => {
  for (const mode of [0o600, 0o400]) {
    testOfModes(`a file of mode ${mode.toString(8)}`, () => {
      writeFileSync(file, 'secret', { mode });
      expect(readPrivateFile(file)).toBe('secret');
    });
  }

  for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o666]) {
    testOfModes(`not a file of mode ${mode.toString(8)}`, () => {
      writeFileSync(file, 'secret');
      chmodSync(file, mode);
      expect(unfit(() => readPrivateFile(file))).toMatchObject({
        foreign: false, message: `${file} is open to other users (mode ${mode.toString(8)})`,
      });
    });
  }

  testOfModes('what others may read need not be secret; what they may write is not read', () => {
    writeFileSync(file, 'known');
    chmodSync(file, 0o644);
    expect(readOwnFile(file)).toBe('known');
    for (const mode of [0o664, 0o646]) {
      chmodSync(file, mode);
      expect(unfit(() => readOwnFile(file)).message).toContain('open to other users');
    }
  });

  testAsRoot('not a file of another user', () => {
    writeFileSync(file, 'secret', { mode: 0o600 });
    chownSync(file, 12_345, 12_345);
    expect(unfit(() => readPrivateFile(file)))
      .toMatchObject({ foreign: true, message: `${file} belongs to another user` });
  });

  testOfModes('not a file that is closed to us', () => {
    giveToUser(folder);
    writeFileSync(file, 'secret', { mode: 0o000 });
    expect(asUser(() => unfit(() => readPrivateFile(file))))
      .toMatchObject({ foreign: true, message: `${file} cannot be read (EACCES)` });
  });

  testOfModes('for a user without an entry the modes still count', () => {
    writeFileSync(file, 'secret', { mode: 0o600 });
    const asked = vi.mocked(userInfo).mockClear();
    const absent = (): never => { throw new Error('uv_os_get_passwd returned ENOENT'); };
    asked.mockImplementationOnce(absent).mockImplementationOnce(absent);
    expect(readPrivateFile(file)).toBe('secret');
    chmodSync(file, 0o640);
    expect(unfit(() => readPrivateFile(file)).message).toMatch(/is open to other users/);
    expect(asked).toHaveBeenCalledTimes(2);
  });

  testOfModes('not a link, though what it names is good', () => {
    writeFileSync(file, 'secret', { mode: 0o600 });
    symlinkSync(file, join(folder, 'link'));
    expect(unfit(() => readPrivateFile(join(folder, 'link'))).message).toMatch(/is a link$/);
  });

  testOfModes('not a pipe, and does not wait for it', () => {
    expect(spawnSync('mkfifo', ['-m', '600', file]).status).toBe(0);
    expect(unfit(() => readPrivateFile(file)).message).toMatch(/is not a file$/);
  });

  test('not a folder, nor what is missing', () => {
    expect(unfit(() => readPrivateFile(folder)).message).toMatch(/is not a file$|cannot be read/);
    expect(unfit(() => readPrivateFile(file))).toMatchObject({
      foreign: false, message: `${file} is missing`,
      cause: expect.objectContaining({ code: 'ENOENT' }),
    });
  });

  test.each([[65_536, true], [65_537, false]])('%i octets are read: %s', (length, fits) => {
    writeFileSync(file, 'a'.repeat(length), { mode: 0o600 });
    if (fits) expect(readPrivateFile(file)).toHaveLength(length);
    else expect(unfit(() => readPrivateFile(file)).message).toMatch(/is over 65536 octets$/);
  });
});

describe('a folder', () => {
  testOfModes('of mode 700 is private', () => {
    expect(checkPrivateFolder(folder)).toBeUndefined();
  });

  for (const mode of [0o750, 0o720, 0o710, 0o705, 0o777]) {
    testOfModes(`of mode ${mode.toString(8)} is not`, () => {
      chmodSync(folder, mode);
      expect(unfit(() => checkPrivateFolder(folder)).message)
        .toBe(`${folder} is open to other users (mode ${mode.toString(8)})`);
    });
  }

  testOfModes('is no link and no file', () => {
    symlinkSync(folder, join(folder, 'link'));
    writeFileSync(file, '', { mode: 0o600 });
    expect(unfit(() => checkPrivateFolder(join(folder, 'link'))).message).toMatch(/not a folder$/);
    expect(unfit(() => checkPrivateFolder(file)).message).toMatch(/not a folder$/);
  });

  testAsRoot('of another user is not ours', () => {
    const inner = join(folder, 'inner');
    mkdirSync(inner, { mode: 0o700 });
    chownSync(inner, 12_345, 12_345);
    expect(unfit(() => checkPrivateFolder(inner)).foreign).toBe(true);
  });

  test('that is missing is unfit', () => {
    expect(unfit(() => checkPrivateFolder(file)).message).toBe(`${file} is missing`);
  });
});

describe('writing', () => {
  for (const mode of [0o600, 0o644] as const) {
    testOfModes(`mode ${mode.toString(8)} whatever the mask`, () => {
      for (const mask of [0o000, 0o077, 0o277]) {
        const before = process.umask(mask);
        try {
          writeNewFile(`${file}${mask}`, 'text', mode);
        } finally {
          process.umask(before);
        }
        expect([modeOf(`${file}${mask}`), readFileSync(`${file}${mask}`, 'utf8')])
          .toEqual([mode.toString(8), 'text']);
      }
    });
  }

  test('never over what is there', () => {
    writeFileSync(file, 'first');
    expect(() => writeNewFile(file, 'second', 0o600)).toThrow(/EEXIST/);
    expect(readFileSync(file, 'utf8')).toBe('first');
  });

  testOfModes('in the place of another file, which stays as it was for who has it', () => {
    writeFileSync(file, 'first');
    chmodSync(file, 0o666);
    linkSync(file, join(folder, 'held'));
    replacePrivateFile(file, 'second');
    expect([modeOf(file), readFileSync(file, 'utf8')]).toEqual(['600', 'second']);
    expect(readFileSync(join(folder, 'held'), 'utf8')).toBe('first');
    expect(readdirSync(folder).sort()).toEqual(['file', 'held']);
  });

  test('that fails leaves nothing behind', () => {
    mkdirSync(file);
    writeFileSync(join(file, 'content'), '');
    expect(() => replacePrivateFile(file, 'text')).toThrow();
    expect(readdirSync(folder)).toEqual(['file']);
  });
});
