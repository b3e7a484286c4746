/**
 * The certificates of a server: which one answers for a name, loading them anew as one, and what a
 * connection may be asked for. Knows no socket; server/tls-acceptor.ts hands names in.
 *
 * A set of certificates never changes: a connection keeps the one that its handshake began with, so
 * that loading anew does not touch it.
 */
import { CertificateEntry } from './certificate-entry.ts';
import type { CertificateOptions, Pem, TlsOptions } from './options.ts';
import { canonicalName, hostOf } from './server-name.ts';

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
    const best = this.#covering(hostOf(authority));
    return best === undefined ? entry.coversAddress(authority) : best === entry;
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
  #current: CertificateSet;

  /** Throws a TypeError for options that cannot be, an Error for certificates that are bad. */
  constructor(options: TlsOptions) {
    checkOptions(options);
    this.options = options;
    this.#current = this.#load();
  }

  get current(): CertificateSet {
    return this.#current;
  }

  /** Whether any client is asked for a certificate. */
  get asksClients(): boolean {
    return certificatesOf(this.options).some((one) => one.clientCertificates !== undefined);
  }

  /** Loads all files anew. Where one is bad, throws, and what was loaded before stays. */
  reload(): void {
    this.#current = this.#load();
  }

  /** The files that certificates and keys come from. */
  get files(): string[] {
    return certificatesOf(this.options)
      .flatMap(({ cert, key, clientCertificates }) => [cert, key, clientCertificates?.ca])
      .flatMap((pem) => (isFile(pem) ? [pem.file] : []));
  }

  #load(): CertificateSet {
    const { minVersion = 'TLSv1.2', unknownNames } = this.options;
    const common = { minVersion, resumes: !this.asksClients };
    const entries = certificatesOf(this.options).map((one, index) =>
      new CertificateEntry(one, common, `tls.certificates[${index}]`));
    return new CertificateSet(entries, unknownNames === 'refuse');
  }
}

function isFile(pem: Pem | undefined): pem is { readonly file: string } {
  return typeof pem === 'object' && !(pem instanceof Uint8Array);
}

function certificatesOf({ certificates }: TlsOptions): readonly CertificateOptions[] {
  return Array.isArray(certificates)
    ? certificates as readonly CertificateOptions[]
    : [certificates as CertificateOptions];
}

const NAMES = [
  'certificates', 'minVersion', 'unknownNames', 'clearText', 'ticketKey', 'watch',
];
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  minVersion: ['TLSv1.2', 'TLSv1.3'],
  unknownNames: ['default', 'refuse'],
  clearText: ['redirect', 'serve', 'refuse'],
};
const TICKET_KEY_BYTES = 48;

function checkOptions(options: TlsOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('tls is an object, such as { certificates: { cert, key } }');
  }
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`tls knows no ${unknown}; it knows ${NAMES.join(', ')}`);
  }
  const certificates: readonly unknown[] = certificatesOf(options);
  if (certificates.length === 0 || certificates.some((one) => typeof one !== 'object' || !one)) {
    throw new TypeError('tls.certificates is { cert, key }, or several of them');
  }
  for (const [name, allowed] of Object.entries(CHOICES)) {
    const value = options[name as keyof TlsOptions];
    if (value === undefined || allowed.includes(value as string)) continue;
    throw new TypeError(`tls.${name} is ${allowed.join(' or ')}, not ${JSON.stringify(value)}`);
  }
  const { ticketKey } = options;
  if (ticketKey !== undefined && ticketKey?.length !== TICKET_KEY_BYTES) {
    throw new TypeError(`tls.ticketKey has ${TICKET_KEY_BYTES} random octets`);
  }
}
