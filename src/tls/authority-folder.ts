/**
 * The authorities of development and their leaves, as they are kept on disk:
 *
 *     ~/.cache/wirestack/
 *       authority-1/          0700
 *         authority.key       0600   signs leaves
 *         authority.crt       0644   what a person trusts
 *         leaf.pem            0600   key and certificate of the server
 *
 * A folder with its number is made beside and then renamed, which no system does onto a folder that
 * is not empty: of processes that come at once one is first, and the others find what it made. It
 * is never changed again but for the leaf, which is one file and so one key with its certificate.
 *
 * Not for deciding what to make: development.ts calls this.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import {
  mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, rmdirSync, unlinkSync,
} from 'node:fs';
import { join, posix, win32 } from 'node:path';
import type { KeyAndCertificate } from './certificate.ts';
import {
  UnfitError, checkPrivateFolder, readOwnFile, readPrivateFile, replacePrivateFile, writeNewFile,
} from './private-file.ts';

const KEY = 'authority.key';
const CERTIFICATE = 'authority.crt';
const LEAF = 'leaf.pem';
const NUMBERED = /^authority-([1-9]\d{0,8})$/;
const BLOCK = /-----BEGIN ([A-Z ]+)-----\n[\w+/=\n]+-----END \1-----\n/g;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where this user's programs keep what they can make again. */
export function cacheFolder(environment: Environment, system: string, home: string): string {
  if (system === 'win32') {
    const local = environment['LOCALAPPDATA'] ?? win32.join(home, 'AppData', 'Local');
    return win32.join(local, 'wirestack');
  }
  if (system === 'darwin') return posix.join(home, 'Library', 'Caches', 'wirestack');
  // A relative path there is invalid, and is ignored (XDG Base Directory Specification).
  const given = environment['XDG_CACHE_HOME'] ?? '';
  const caches = posix.isAbsolute(given) ? given : posix.join(home, '.cache');
  return posix.join(caches, 'wirestack');
}

/** The numbers that are taken, in their order. An absent folder has none. */
export function authorityNumbers(folder: string): number[] {
  try {
    return readdirSync(folder).map((name) => Number(NUMBERED.exec(name)?.[1] ?? 0))
      .filter((number) => number > 0)
      .sort((a, b) => a - b);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}

export function authorityPath(folder: string, number: number): string {
  return join(folder, `authority-${number}`);
}

/** The file that a person is to trust. */
export function certificatePath(path: string): string {
  return join(path, CERTIFICATE);
}

/** Throws UnfitError where it is not whole, not ours, or open to others. */
export function readAuthority(path: string): KeyAndCertificate {
  checkPrivateFolder(path);
  const key = readPrivateFile(join(path, KEY));
  const cert = readOwnFile(join(path, CERTIFICATE));
  return checked(path, key, cert);
}

/** Throws UnfitError as readAuthority does. */
export function readLeaf(path: string): KeyAndCertificate {
  const file = join(path, LEAF);
  const [key = '', cert = ''] = readPrivateFile(file).match(BLOCK) ?? [];
  return checked(file, key, cert);
}

/** A key and a certificate that belong to each other. */
function checked(path: string, key: string, cert: string): KeyAndCertificate {
  let belongs: boolean;
  try {
    belongs = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new UnfitError(`${path} holds no key and certificate`, false, { cause });
  }
  if (!belongs) throw new UnfitError(`the key in ${path} is not that of the certificate`);
  return { key, cert };
}

/** Adds an authority under a number. False: another process was first. */
export function addAuthority(
  folder: string, number: number, authority: KeyAndCertificate, leaf: KeyAndCertificate,
): boolean {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const beside = mkdtempSync(join(folder, '.new-'));
  try {
    writeNewFile(join(beside, KEY), authority.key, 0o600);
    writeNewFile(join(beside, CERTIFICATE), authority.cert, 0o644);
    writeNewFile(join(beside, LEAF), leaf.key + leaf.cert, 0o600);
    renameSync(beside, authorityPath(folder, number));
    return true;
  } catch (thrown) {
    rmSync(beside, { recursive: true, force: true });
    if (authorityNumbers(folder).includes(number)) return false;
    throw thrown;
  }
}

export function replaceLeaf(path: string, leaf: KeyAndCertificate): void {
  replacePrivateFile(join(path, LEAF), leaf.key + leaf.cert);
}

/** Removes what `addAuthority` made, as far as that goes, and nothing else. */
export function removeAuthority(path: string): void {
  const acts = [KEY, CERTIFICATE, LEAF].map((name) => () => unlinkSync(join(path, name)));
  for (const act of [...acts, () => rmdirSync(path)]) {
    try {
      act();
    } catch {
      // It is not there, or not ours; the next number is used in any case.
    }
  }
}
