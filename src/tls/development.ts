/**
 * A certificate for development, there at once: made when it is missing, kept in the user's cache,
 * renewed before it ends. Whoever trusts its authority once is asked no more until that ends.
 *
 * Of the authorities in the cache the first that is sound and may sign for the names is taken. One
 * that is not sound (open to others, broken, near its end) is replaced by a new one, of which a
 * remark says why; one that is made for other names stays, for whoever asked for those. Where
 * nothing can be kept the certificate is in memory alone, and says so.
 *
 * Not for the world: a server that others reach has a certificate of an authority that they trust.
 * Called once, at the start of a server. RFC 5280 is in certificate.ts.
 */
import { X509Certificate } from 'node:crypto';
import { homedir, platform } from 'node:os';
import { resolve } from 'node:path';
import { knowsOnly } from '../errors.ts';
import {
  addAuthority, authorityNumbers, authorityPath, cacheFolder, certificatePath, readAuthority,
  readLeaf, removeAuthority, replaceLeaf, type Environment,
} from './authority-folder.ts';
import {
  DAY, commonName, issueAuthority, issueLeaf, permits, serves, subjectNames,
  type KeyAndCertificate,
} from './certificate.ts';
import { parseGeneralNames, type GeneralName } from './general-name.ts';
import { UnfitError } from './private-file.ts';
import { trustHint } from './trust-hint.ts';

export interface DevelopmentOptions {
  /** DNS names, wildcards too, and addresses besides `localhost`, `127.0.0.1` and `::1`. */
  readonly names?: readonly string[] | undefined;
  /** Where to keep it, in place of the user's cache. */
  readonly folder?: string | undefined;
  /** Where XDG_CACHE_HOME or LOCALAPPDATA are looked up; without it the cache is in the home. */
  readonly environment?: Environment | undefined;
  /** Milliseconds since 1970. */
  readonly now?: number | undefined;
}

export interface DevelopmentCertificate {
  /** The private key, as PEM. */
  readonly key: string;
  /** The leaf and its authority, as PEM: what a server sends. */
  readonly cert: string;
  readonly authority: {
    /** The file to trust; undefined when nothing could be kept. */
    readonly path: string | undefined;
    readonly pem: string;
  };
  /** The authority is new: nobody trusts it yet. */
  readonly created: boolean;
  /** Lines for a person who wants to trust it. */
  readonly trustHint: string;
  /** What was found and could not be used, each as a sentence. */
  readonly remarks: readonly string[];
}

const OPTION_NAMES = ['names', 'folder', 'environment', 'now'];
const ALWAYS = ['localhost', '127.0.0.1', '::1'];
/** A certificate with less than this left is renewed. */
const RENEWED_WITH = 30 * DAY;
/** How often another process may be faster. */
const ATTEMPTS = 16;

/** The cache cannot be used for a reason that is not the system's. */
class CacheError extends Error {}

/**
 * Throws TypeError for an unknown option, RangeError for a name that is none; whatever the cache
 * does, there is a certificate.
 */
export function developmentCertificate(options: DevelopmentOptions = {}): DevelopmentCertificate {
  knowsOnly(options, OPTION_NAMES, 'developmentCertificate');
  const { names: more = [] } = options;
  if (!Array.isArray(more) || more.some((name) => typeof name !== 'string')) {
    throw new TypeError("names is a list of names, such as ['dev.test', '192.168.1.5']");
  }
  const names = parseGeneralNames([...ALWAYS, ...more]);
  const now = options.now ?? Date.now();
  try {
    const folder = options.folder ??
      cacheFolder(options.environment ?? {}, platform(), homedir());
    return keptCertificate(resolve(folder), names, now);
  } catch (thrown) {
    if (!isOfTheCache(thrown)) throw thrown;
    return certificateInMemory(names, now, thrown.message);
  }
}

/** A call of the system failed: a folder that cannot be written, a user without a home. */
function isOfTheCache(thrown: unknown): thrown is Error {
  return thrown instanceof CacheError || (thrown instanceof Error && 'syscall' in thrown);
}

function keptCertificate(
  folder: string, names: readonly GeneralName[], now: number,
): DevelopmentCertificate {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { found, unfit, last } = search(folder, names, now);
    if (found !== undefined) return withLeaf(found, names, now);
    const authority = issueAuthority({ names: textsOf(names), now });
    const leaf = issueLeaf(authority, { names: textsOf(names), now });
    if (!addAuthority(folder, last + 1, authority, leaf)) continue;
    // Last, so that a number is not given twice: another process may be about to remove it too.
    for (const { path, foreign } of unfit) if (!foreign) removeAuthority(path);
    const remarks = unfit.map(({ reason, foreign }) => `${reason}: a new authority was made.` +
      (foreign ? '' : ' Take the old one out of whatever trusts it.'));
    return certificateOf({ path: authorityPath(folder, last + 1), authority }, leaf, true, remarks);
  }
  throw new CacheError(`${folder} is written to by others without end`);
}

interface Found {
  readonly path: string;
  readonly authority: KeyAndCertificate;
}

interface Unfit {
  readonly path: string;
  readonly reason: string;
  /** Not ours to remove. */
  readonly foreign: boolean;
}

interface Search {
  readonly found: Found | undefined;
  readonly unfit: readonly Unfit[];
  /** The highest number that is taken. */
  readonly last: number;
}

function search(folder: string, names: readonly GeneralName[], now: number): Search {
  const unfit: Unfit[] = [];
  const numbers = authorityNumbers(folder);
  const last = numbers.at(-1) ?? 0;
  for (const number of numbers) {
    const path = authorityPath(folder, number);
    try {
      const authority = readAuthority(path);
      const certificate = new X509Certificate(authority.cert);
      checkAuthority(path, certificate, now);
      if (names.every((name) => permits(certificate, name))) {
        return { found: { path, authority }, unfit, last };
      }
    } catch (thrown) {
      if (!(thrown instanceof UnfitError)) throw thrown;
      unfit.push({ path, reason: thrown.message, foreign: thrown.foreign });
    }
  }
  return { found: undefined, unfit, last };
}

function checkAuthority(path: string, certificate: X509Certificate, now: number): void {
  if (!certificate.ca || !certificate.verify(certificate.publicKey)) {
    throw new UnfitError(`${path} holds no authority`);
  }
  checkDates(path, certificate, now);
}

function checkDates(path: string, { validFrom, validTo }: X509Certificate, now: number): void {
  if (now < Date.parse(validFrom)) throw new UnfitError(`${path} is not valid before ${validFrom}`);
  if (Date.parse(validTo) - now < RENEWED_WITH) {
    throw new UnfitError(`${path} is valid until ${validTo} only`);
  }
}

/** The leaf that is kept, or a new one: whoever trusts the authority sees no difference. */
function withLeaf(
  found: Found, names: readonly GeneralName[], now: number,
): DevelopmentCertificate {
  let served: readonly GeneralName[] = [];
  const remarks: string[] = [];
  try {
    const leaf = readLeaf(found.path);
    const certificate = new X509Certificate(leaf.cert);
    checkLeaf(found, certificate, now);
    if (names.every((name) => serves(certificate, name))) return certificateOf(found, leaf, false);
    // Whose names these are may start again at once: the leaf serves both.
    served = subjectNames(certificate);
  } catch (thrown) {
    if (!(thrown instanceof UnfitError)) throw thrown;
    remarks.push(`${thrown.message}: a new leaf was made.`);
  }
  const leaf = issueLeaf(found.authority, { names: textsOf([...served, ...names]), now });
  try {
    replaceLeaf(found.path, leaf);
  } catch (thrown) {
    if (!isOfTheCache(thrown)) throw thrown;
    remarks.push(`The new leaf could not be kept: ${thrown.message}`);
  }
  return certificateOf(found, leaf, false, remarks);
}

function checkLeaf({ path, authority }: Found, leaf: X509Certificate, now: number): void {
  if (leaf.ca || leaf.subjectAltName === undefined) {
    throw new UnfitError(`the leaf in ${path} is no certificate of a server`);
  }
  const issuer = new X509Certificate(authority.cert);
  if (!leaf.checkIssued(issuer) || !leaf.verify(issuer.publicKey)) {
    throw new UnfitError(`the leaf in ${path} is of another authority`);
  }
  checkDates(`the leaf in ${path}`, leaf, now);
}

function certificateOf(
  { path, authority }: Found, leaf: KeyAndCertificate, created: boolean,
  remarks: readonly string[] = [],
): DevelopmentCertificate {
  const file = certificatePath(path);
  const name = commonName(new X509Certificate(authority.cert));
  return {
    key: leaf.key, cert: leaf.cert + authority.cert, authority: { path: file, pem: authority.cert },
    created, trustHint: trustHint(platform(), file, name), remarks,
  };
}

function certificateInMemory(
  names: readonly GeneralName[], now: number, reason: string,
): DevelopmentCertificate {
  const authority = issueAuthority({ names: textsOf(names), now });
  const leaf = issueLeaf(authority, { names: textsOf(names), now });
  return {
    key: leaf.key, cert: leaf.cert + authority.cert,
    authority: { path: undefined, pem: authority.cert }, created: true,
    trustHint: `This certificate is in memory alone and ends with this process (${reason}).\n` +
      'To have one that can be trusted, name a folder that can be written to.',
    remarks: [],
  };
}

function textsOf(names: readonly GeneralName[]): string[] {
  return names.map(({ text }) => text);
}
