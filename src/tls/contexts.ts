/**
 * The certificates of a server: which one answers for a name, loading them anew as one, and what a
 * connection may be asked for. Knows no socket; server/tls-acceptor.ts hands names in.
 *
 * A set of certificates never changes: a connection keeps the one that its handshake began with, so
 * that loading anew does not touch it.
 */
import { knowsOnly } from '../errors.ts';
import { CertificateEntry } from './certificate-entry.ts';
import type { CertificateOptions, Pem, TlsOptions } from './options.ts';
import { canonicalName, hostOf, isServerName } from './server-name.ts';

/** Answers remembered: a server is asked for few names, an attacker asks for many. */
const KNOWN_MAX = 1000;

export class CertificateSet {
  readonly entries: readonly CertificateEntry[];
  readonly #refusesUnknown: boolean;
  readonly #known = new Map<string, CertificateEntry | undefined>();

  constructor(entries: readonly CertificateEntry[], refusesUnknown: boolean) {
    this.entries = entries;
    this.#refusesUnknown = refusesUnknown;
  }

  get first(): CertificateEntry {
    return this.entries[0] as CertificateEntry;
  }

  /** The certificate for a server name as the client sent it; undefined: no handshake for it. */
  select(serverName: string): CertificateEntry | undefined {
    if (serverName === '') return this.first;
    const entry = this.#covering(canonicalName(serverName));
    return entry ?? (this.#refusesUnknown ? undefined : this.first);
  }

  /**
   * Whether a connection with that certificate may be asked for an authority (RFC 9110 §7.4): the
   * certificate has the name, and no other one has it before.
   */
  serves(entry: CertificateEntry, authority: string): boolean {
    if (authority === '') return true;
    // Who decodes it would come to another name (RFC 3986 §6.2.2.2).
    if (authority.includes('%')) return false;
    const best = this.#covering(hostOf(authority));
    return best === undefined ? entry.coversAddress(authority) : best === entry;
  }

  /** Whether clients must show a certificate where an authority is served. */
  asksAt(authority: string): boolean {
    return this.select(hostOf(authority))?.clientCertificates === 'require';
  }

  #covering(host: string): CertificateEntry | undefined {
    const known = this.#known.get(host);
    if (known !== undefined || this.#known.has(host)) return known;
    const entry = this.entries.find((one) => one.covers(host, true)) ??
      this.entries.find((one) => one.covers(host, false));
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(host, entry);
    return entry;
  }
}

export class TlsContexts {
  readonly options: TlsOptions;
  /** What handshakes begin with from here on. */
  current: CertificateSet;

  /** Throws a TypeError for options that cannot be, an Error for certificates that are bad. */
  constructor(options: TlsOptions) {
    checkOptions(options);
    this.options = options;
    this.current = this.load();
  }

  /** Whether any client is asked for a certificate. */
  get asksClients(): boolean {
    return certificatesOf(this.options).some((one) => one.clientCertificates !== undefined);
  }

  /** The files that certificates and keys come from. */
  get files(): (string | URL)[] {
    return filesOf(this.options);
  }

  /** Loads all files. Throws where one is bad. */
  load(): CertificateSet {
    const { minVersion = 'TLSv1.2', unknownNames } = this.options;
    const common = { minVersion, resumes: !this.asksClients };
    const entries = certificatesOf(this.options).map((one, index) =>
      new CertificateEntry(one, common, `tls.certificates[${index}]`));
    checkTogether(entries);
    return new CertificateSet(entries, unknownNames === 'refuse');
  }
}

function filesOf(options: TlsOptions): (string | URL)[] {
  return certificatesOf(options)
    .flatMap(({ cert, key, clientCertificates }) => [cert, key, clientCertificates?.ca])
    .flatMap((pem) => (isFile(pem) ? [pem.file] : []));
}

function isFile(pem: Pem | undefined): pem is { readonly file: string | URL } {
  return typeof pem === 'object' && pem !== null && !(pem instanceof Uint8Array);
}

function certificatesOf({ certificates }: TlsOptions): readonly CertificateOptions[] {
  return Array.isArray(certificates)
    ? certificates as readonly CertificateOptions[]
    : [certificates as CertificateOptions];
}

/** What entries must not be beside each other. */
function checkTogether(entries: readonly CertificateEntry[]): void {
  const seen = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const kind = entry.certificate.publicKey.asymmetricKeyType;
    const firstKind = entries[0]?.certificate.publicKey.asymmetricKeyType;
    if (kind !== firstKind) {
      throw new Error(
        `tls.certificates[${index}] has a key of another kind (${kind}) than the first ` +
          `(${firstKind}): Node would show the first to clients of the other; use one kind`,
      );
    }
    if (entry.names.length > 0 && entry.names.every((name) => seen.has(name))) {
      throw new Error(`tls.certificates[${index}] never answers: those before it have its names`);
    }
    if (index > 0 && entry.names.length === 0) {
      throw new Error(
        `tls.certificates[${index}] never answers: it has no DNS name, so only the first could`,
      );
    }
    for (const name of entry.names) seen.add(name);
  }
}

const NAMES = [
  'certificates', 'minVersion', 'unknownNames', 'clearText', 'ticketKey', 'watch',
];
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  minVersion: ['TLSv1.2', 'TLSv1.3'],
  unknownNames: ['default', 'refuse'],
  clearText: ['redirect', 'serve', 'refuse'],
};
const ENTRY_NAMES = [
  'cert', 'key', 'passphrase', 'names', 'clientCertificates',
  // What a development certificate tells besides.
  'authority', 'created', 'trustHint', 'remarks',
];
export const TICKET_KEY_BYTES = 48;

function checkOptions(options: TlsOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('tls is an object, such as { certificates: { cert, key } }');
  }
  if ('cert' in options) {
    throw new TypeError('tls has its certificate in certificates: { certificates: { cert, key } }');
  }
  knowsOnly(options, NAMES, 'tls');
  const certificates: readonly unknown[] = certificatesOf(options);
  if (certificates.length === 0 || certificates.some((one) => typeof one !== 'object' || !one)) {
    throw new TypeError('tls.certificates is { cert, key }, or several of them');
  }
  for (const [index, one] of certificatesOf(options).entries()) {
    checkEntry(one, `tls.certificates[${index}]`);
  }
  const asks = certificatesOf(options).some(({ clientCertificates }) =>
    clientCertificates !== undefined && clientCertificates.mode !== 'request');
  if (asks && options.clearText === 'serve') {
    throw new TypeError(
      'tls.clearText "serve" would go round clientCertificates: they are shown by TLS alone',
    );
  }
  for (const [name, allowed] of Object.entries(CHOICES)) {
    const value = options[name as keyof TlsOptions];
    if (value === undefined || allowed.includes(value as string)) continue;
    throw new TypeError(`tls.${name} is ${allowed.join(' or ')}, not ${JSON.stringify(value)}`);
  }
  const { ticketKey, watch = false } = options;
  if (ticketKey !== undefined) checkTicketKey(ticketKey, 'tls.ticketKey');
  if (typeof watch !== 'boolean') throw new TypeError('tls.watch is true or false');
  if (watch && filesOf(options).length === 0) {
    throw new TypeError('tls.watch has nothing to watch: give cert and key as { file: path }');
  }
}

/** Throws a TypeError for what is no key of tickets; `what` names it. */
export function checkTicketKey(key: unknown, what: string): void {
  if (key instanceof Uint8Array && key.length === TICKET_KEY_BYTES) return;
  throw new TypeError(`${what} has ${TICKET_KEY_BYTES} random octets`);
}

function checkEntry(entry: CertificateOptions, where: string): void {
  knowsOnly(entry, ENTRY_NAMES, where);
  const { names, clientCertificates } = entry;
  const areNames = Array.isArray(names) && names.length > 0 && names.every(isServerName);
  if (names !== undefined && !areNames) {
    throw new TypeError(`${where}.names are names such as ['example.com', '*.example.com']`);
  }
  if (clientCertificates === undefined) return;
  if (typeof clientCertificates !== 'object' || clientCertificates === null) {
    throw new TypeError(`${where}.clientCertificates is { ca, mode }`);
  }
  knowsOnly(clientCertificates, ['ca', 'mode'], `${where}.clientCertificates`);
}
