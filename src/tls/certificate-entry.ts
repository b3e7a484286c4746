/**
 * One certificate of a server, loaded and checked: its names, its context for OpenSSL, its policy
 * for clients. Bad ones are refused here, with the reason, before any connection sees them.
 */
import { X509Certificate, constants, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { CertificateOptions, ClientCertificates, Pem } from './options.ts';
import { canonicalName, covers, dnsNames, hostOf } from './server-name.ts';

/** RFC 9325 §4.2: forward secrecy and AEAD alone; so none that RFC 9113 Appendix A forbids. */
const SUITES = [
  'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const ADDRESSES_MAX = 100;
/** Clocks differ: what was issued just now is good for a server that is a little late. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** What holds for all certificates of a server. */
export interface CommonOptions {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Where clients show certificates, no session is resumed: its client was another's to judge. */
  readonly resumes: boolean;
}

export class CertificateEntry {
  readonly certificate: X509Certificate;
  /** Canonical server names. */
  readonly names: readonly string[];
  readonly context: SecureContext;
  readonly contextOptions: SecureContextOptions;
  readonly clientCertificates: 'require' | 'request' | undefined;
  readonly #hasOwnNames: boolean;
  /** Hosts that were asked for and are no names: whether they are its addresses. */
  readonly #addresses = new Map<string, boolean>();

  /** Throws an Error that says which part of `options` is bad; `where` names it. */
  constructor(options: CertificateOptions, common: CommonOptions, where: string) {
    const cert = read(options.cert, `${where}.cert`);
    const key = read(options.key, `${where}.key`);
    this.certificate = matching(cert, key, options.passphrase, where);
    checkDates(this.certificate, `${where}.cert`);
    this.#hasOwnNames = options.names !== undefined;
    this.names = options.names?.map(canonicalName) ?? dnsNames(this.certificate.subjectAltName);
    if (this.names.length === 0 && !this.certificate.subjectAltName?.includes('IP Address:')) {
      throw new Error(`${where}.cert tells no name that it is for: give names`);
    }
    const { clientCertificates } = options;
    this.clientCertificates = clientCertificates && modeOf(clientCertificates, where);
    this.contextOptions = {
      cert,
      key,
      ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
      ...(clientCertificates === undefined
        ? {}
        : { ca: authorities(clientCertificates.ca, `${where}.clientCertificates.ca`) }),
      minVersion: common.minVersion,
      ciphers: SUITES,
      honorCipherOrder: true,
      // A phone without AES in hardware may have ChaCha first, if it puts it first.
      secureOptions: constants.SSL_OP_PRIORITIZE_CHACHA | constants.SSL_OP_NO_RENEGOTIATION |
        (common.resumes ? 0 : constants.SSL_OP_NO_TICKET),
      sessionIdContext: 'wirestack',
    };
    try {
      this.context = createSecureContext(this.contextOptions);
    } catch (cause) {
      throw new Error(`${where}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Whether a canonical host is one of its names; `exactly`: not by a wildcard. */
  covers(host: string, exactly: boolean): boolean {
    return this.names.some((name) => (exactly ? name === host : covers(name, host)));
  }

  /** Whether it may answer for an authority whose host is no server name, but an address. */
  coversAddress(authority: string): boolean {
    if (this.#hasOwnNames) return false;
    const host = hostOf(authority);
    let covered = this.#addresses.get(host);
    if (covered === undefined) {
      covered = /^[\d.]+$|:/.test(host) && isAddressOf(this.certificate, host);
      if (this.#addresses.size >= ADDRESSES_MAX) this.#addresses.clear();
      this.#addresses.set(host, covered);
    }
    return covered;
  }
}

function isAddressOf(certificate: X509Certificate, host: string): boolean {
  try {
    return certificate.checkIP(host) !== undefined;
  } catch {
    // Digits and dots that are no address, such as a client can well send.
    return false;
  }
}

function read(pem: Pem, where: string): string {
  if (typeof pem === 'string') {
    if (pem.includes('-----BEGIN')) return pem;
    throw new Error(`${where} is no PEM text: for a file, give { file: path }`);
  }
  if (pem instanceof Uint8Array) return Buffer.from(pem).toString('latin1');
  if (typeof pem?.file !== 'string' && !(pem?.file instanceof URL)) {
    throw new TypeError(`${where} is PEM text, octets of it, or { file: path }`);
  }
  try {
    return readFileSync(pem.file, 'latin1');
  } catch (cause) {
    throw new Error(`${where}: ${(cause as Error).message}`, { cause });
  }
}

/** A word that is none of these would be a policy that nobody keeps. */
function modeOf({ mode = 'require' }: ClientCertificates, where: string): 'require' | 'request' {
  if (mode === 'require' || mode === 'request') return mode;
  const given = JSON.stringify(mode);
  throw new TypeError(`${where}.clientCertificates.mode is require or request, not ${given}`);
}

/** OpenSSL would take no certificate at all for an empty list. */
function authorities(ca: Pem, where: string): string {
  const text = read(ca, where);
  parsed(text, where);
  return text;
}

function parsed(cert: string, where: string): X509Certificate {
  try {
    return new X509Certificate(cert);
  } catch (cause) {
    throw new Error(`${where} is no certificate in PEM`, { cause });
  }
}

/** No client would take it; better told here than by all of them (RFC 5280 §4.1.2.5). */
function checkDates({ validFrom, validTo }: X509Certificate, where: string): void {
  const now = Date.now();
  if (now > Date.parse(validTo)) throw new Error(`${where} has ended on ${validTo}: renew it`);
  if (now + CLOCK_SKEW_MS < Date.parse(validFrom)) {
    const clock = new Date(now).toUTCString();
    throw new Error(`${where} is not valid before ${validFrom}, and the clock here says ${clock}`);
  }
}

function matching(
  cert: string, key: string, passphrase: string | undefined, where: string,
): X509Certificate {
  const certificate = parsed(cert, `${where}.cert`);
  let fits: boolean;
  try {
    const secret = createPrivateKey(passphrase === undefined ? key : { key, passphrase });
    fits = certificate.checkPrivateKey(secret);
  } catch (cause) {
    const encrypted = key.includes('ENCRYPTED') && passphrase === undefined;
    if (encrypted) throw new Error(`${where}.key is encrypted: give passphrase`, { cause });
    const hint = passphrase === undefined ? '' : ', or the passphrase is another';
    throw new Error(`${where}.key is no private key in PEM${hint}`, { cause });
  }
  if (!fits) {
    throw new Error(`${where}.key is not the key of ${where}.cert, or of its first certificate`);
  }
  return certificate;
}
