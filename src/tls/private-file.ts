/**
 * Files that hold secrets: read only if nobody else could have read or written them, and written
 * whole or not at all.
 *
 * What is found is opened first and judged by its descriptor, so that it cannot be another file by
 * the time it is read. Windows has no modes and keeps the user's folders by lists of its own: there
 * only the content counts. Called by authority-folder.ts.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync, constants, fchmodSync, fstatSync, fsyncSync, lstatSync, openSync, readFileSync,
  renameSync, rmSync, writeFileSync, type Stats,
} from 'node:fs';
import { platform, userInfo } from 'node:os';

const HAS_MODES = platform() !== 'win32';
const MAX_FILE = 64 * 1024;
/** No link, and no waiting for who writes to a pipe. Absent on Windows. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/** What was found cannot be used; the message is a sentence without its full stop. */
export class UnfitError extends Error {
  override readonly name = 'UnfitError';
  /** It belongs to another user: not ours to remove. */
  readonly foreign: boolean;

  constructor(message: string, foreign: boolean = false, options?: ErrorOptions) {
    super(message, options);
    this.foreign = foreign;
  }
}

/** Throws UnfitError unless a folder is ours, and closed to others. */
export function checkPrivateFolder(path: string): void {
  const found = attempt(path, () => lstatSync(path));
  if (!found.isDirectory()) throw new UnfitError(`${path} is not a folder`);
  checkOwner(path, found, OTHERS);
}

/** The text of a file that is ours and closed to others. Throws UnfitError. */
export function readPrivateFile(path: string): string {
  return read(path, OTHERS);
}

/** The text of a file that is ours, and that others may at most read. Throws UnfitError. */
export function readOwnFile(path: string): string {
  return read(path, OTHERS_WRITE);
}

function read(path: string, forbidden: number): string {
  return attempt(path, () => {
    const descriptor = openSync(path, READ);
    try {
      const found = fstatSync(descriptor);
      if (!found.isFile()) throw new UnfitError(`${path} is not a file`);
      checkOwner(path, found, forbidden);
      if (found.size > MAX_FILE) throw new UnfitError(`${path} is over ${MAX_FILE} octets`);
      return readFileSync(descriptor, 'utf8');
    } finally {
      closeSync(descriptor);
    }
  });
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    if (thrown instanceof UnfitError) throw thrown;
    const { code = '' } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UnfitError(`${path} is missing`, false, { cause: thrown });
    if (code === 'ELOOP') throw new UnfitError(`${path} is a link`, false, { cause: thrown });
    // What is closed to us is not ours.
    const foreign = code === 'EACCES' || code === 'EPERM';
    throw new UnfitError(`${path} cannot be read (${code})`, foreign, { cause: thrown });
  }
}

function checkOwner(path: string, { uid, mode }: Stats, forbidden: number): void {
  if (!HAS_MODES) return;
  const user = userId();
  if (user !== undefined && uid !== user) {
    throw new UnfitError(`${path} belongs to another user`, true);
  }
  if ((mode & forbidden) !== 0) {
    throw new UnfitError(`${path} is open to other users (mode ${(mode & 0o777).toString(8)})`);
  }
}

/**
 * Who runs this. Users of containers may have no entry; but they are not root either, so what is
 * another's and closed they cannot open.
 */
function userId(): number | undefined {
  try {
    return userInfo().uid;
  } catch {
    return undefined;
  }
}

/** Writes a file that is not there yet, and waits until it is on the disk. */
export function writeNewFile(path: string, text: string, mode: 0o600 | 0o644): void {
  const descriptor = openSync(path, 'wx', mode);
  try {
    // The mode of `open` is less what the user's mask takes away.
    if (HAS_MODES) fchmodSync(descriptor, mode);
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Puts a private file in the place of another: who reads it finds the old one or the new one. */
export function replacePrivateFile(path: string, text: string): void {
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeNewFile(beside, text, 0o600);
    renameSync(beside, path);
  } catch (thrown) {
    rmSync(beside, { force: true });
    throw thrown;
  }
}
