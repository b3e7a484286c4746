/**
 * X.509 certificates for development (RFC 5280): a local authority, and the leaf of a server.
 *
 * Whoever trusts the authority trusts little: it may sign for the names that it was made for alone
 * (nameConstraints), for servers of TLS alone (extKeyUsage), and no authority below it
 * (pathLenConstraint). Not for certificates that the world shall trust, nor for checking a peer's.
 * Pure: time, chance and keys can be handed in. Called by development.ts.
 *
 *     Certificate ::= SEQUENCE {                              §4.1
 *       SEQUENCE {                                            tbsCertificate, what is signed
 *         [0] version, serialNumber, signature algorithm,
 *         issuer, validity, subject, subjectPublicKeyInfo,
 *         [3] extensions }
 *       signatureAlgorithm, signature BIT STRING }
 */
import { Buffer } from 'node:buffer';
import {
  X509Certificate, createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes,
  sign, type KeyObject,
} from 'node:crypto';
import {
  bitString, boolean, context, contextPrimitive, integer, namedBits, objectIdentifier, octetString,
  pem, sequence, setOf, time, utf8String,
} from './der.ts';
import {
  parseGeneralName, parseGeneralNames, subtreesOf, writeGeneralName, writeSubtree, type GeneralName,
} from './general-name.ts';

/** A private key (PKCS #8) and its certificate, as PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface IssueOptions {
  /** DNS names, wildcards too, and addresses. */
  readonly names: readonly string[];
  /** Milliseconds since 1970; from an hour before it a certificate is valid. */
  readonly now?: number;
  readonly random?: (length: number) => Uint8Array;
  /** A P-256 key in place of a new one. */
  readonly privateKey?: KeyObject;
}

const HOUR = 3600_000;
export const DAY = 24 * HOUR;
/** Clocks differ: what is made now has to be good for a peer that is late. */
const BACKDATED = HOUR;
/** Browsers refuse a leaf of over 398 days. Both ends of the time count (§4.1.2.5). */
const LEAF_LIFE = 397 * DAY - 1000;
const AUTHORITY_LIFE = 3650 * DAY - 1000;
const SERIAL_OCTETS = 20;

/** ecdsa-with-SHA256, which has no parameters (RFC 5758 §3.2). */
const ALGORITHM = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const COMMON_NAME = '2.5.4.3';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const KEY_USAGE = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const;

const AUTHORITY_NAME = 'wirestack development';
const LEAF_NAME = 'wirestack development server';

/** A new authority for the names, which signs itself. */
export function issueAuthority(options: IssueOptions): KeyAndCertificate {
  const names = parseGeneralNames(options.names);
  // An empty permittedSubtrees is forbidden (§4.2.1.10).
  if (names.length === 0) throw new RangeError('an authority needs a name (RFC 5280 §4.2.1.10)');
  const privateKey = options.privateKey ?? newKey();
  const keyId = keyIdentifier(privateKey);
  // The number tells it from the authorities before it, in lists that show names alone.
  const name = `${AUTHORITY_NAME} ${Buffer.from(keyId).toString('hex', 0, 4)}`;
  return issue(options, {
    subject: name, issuer: name, privateKey, signer: privateKey, notAfter: AUTHORITY_LIFE,
    extensions: [
      critical(19, sequence(boolean(true), integer(0n))),
      critical(15, namedBits(KEY_USAGE.keyCertSign, KEY_USAGE.cRLSign)),
      extension(37, sequence(objectIdentifier(SERVER_AUTH))),
      critical(30, sequence(context(0, ...names.map(writeSubtree)))),
      extension(14, octetString(keyId)),
    ],
  });
}

/** A certificate of a server, signed by one of our authorities, which it never outlives. */
export function issueLeaf(authority: KeyAndCertificate, options: IssueOptions): KeyAndCertificate {
  const names = parseGeneralNames(options.names);
  if (names.length === 0) throw new RangeError('a leaf needs a name (RFC 5280 §4.2.1.6)');
  const issuer = new X509Certificate(authority.cert);
  const refused = names.find((name) => !permits(issuer, name));
  if (refused !== undefined) {
    throw new RangeError(`outside of the authority's names (RFC 5280 §4.2.1.10): ${refused.text}`);
  }
  const signer = createPrivateKey(authority.key);
  const privateKey = options.privateKey ?? newKey();
  return issue(options, {
    subject: LEAF_NAME, issuer: commonName(issuer), privateKey, signer,
    notAfter: LEAF_LIFE, latest: Date.parse(issuer.validTo),
    extensions: [
      critical(15, namedBits(KEY_USAGE.digitalSignature)),
      extension(37, sequence(objectIdentifier(SERVER_AUTH))),
      extension(17, sequence(...names.map(writeGeneralName))),
      extension(35, sequence(contextPrimitive(0, keyIdentifier(signer)))),
      extension(14, octetString(keyIdentifier(privateKey))),
    ],
  });
}

interface Content {
  readonly subject: string;
  readonly issuer: string;
  readonly privateKey: KeyObject;
  readonly signer: KeyObject;
  /** Milliseconds after notBefore. */
  readonly notAfter: number;
  /** No notAfter is after it. */
  readonly latest?: number;
  readonly extensions: readonly Uint8Array[];
}

function issue(options: IssueOptions, content: Content): KeyAndCertificate {
  const { now = Date.now(), random = randomBytes } = options;
  const notBefore = now - BACKDATED;
  const notAfter = Math.min(notBefore + content.notAfter, content.latest ?? Infinity);
  const signed = sequence(
    context(0, integer(2n)),
    integer(serialNumber(random)),
    ALGORITHM,
    distinguishedName(content.issuer),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(content.subject),
    publicKeyInfo(content.privateKey),
    context(3, sequence(...content.extensions)),
  );
  const signature = sign('sha256', signed, content.signer);
  return {
    key: content.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: pem('CERTIFICATE', sequence(signed, ALGORITHM, bitString(signature))),
  };
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** Positive, and of the most octets that are allowed (§4.1.2.2). */
function serialNumber(random: (length: number) => Uint8Array): bigint {
  const octets = Buffer.from(random(SERIAL_OCTETS));
  octets[0] = ((octets[0] as number) & 0x7f) | 0x40;
  return BigInt(`0x${octets.toString('hex')}`);
}

/** A Name of one attribute (§4.1.2.4). */
function distinguishedName(commonName: string): Uint8Array {
  return sequence(setOf(sequence(objectIdentifier(COMMON_NAME), utf8String(commonName))));
}

function publicKeyInfo(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** 160 bits of the public key's hash: one of the other methods of §4.2.1.2, without SHA-1. */
function keyIdentifier(key: KeyObject): Uint8Array {
  return createHash('sha256').update(publicKeyInfo(key)).digest().subarray(0, 20);
}

/** An extension of RFC 5280 §4.2.1, by its number under id-ce. */
function extension(number: number, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(`2.5.29.${number}`), octetString(value));
}

function critical(number: number, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(`2.5.29.${number}`), boolean(true), octetString(value));
}

/** The subject's only attribute, in certificates that were made here. */
export function commonName(certificate: X509Certificate): string {
  return certificate.subject.replace(/^CN=/, '');
}

/** Whether one of our authorities may sign for a name: its own octets are its constraints. */
export function permits(authority: X509Certificate, name: GeneralName): boolean {
  return subtreesOf(name).some((subtree) => authority.raw.includes(Buffer.from(subtree)));
}

/** The names of one of our leaves. */
export function subjectNames(leaf: X509Certificate): GeneralName[] {
  return (leaf.subjectAltName ?? '').split(', ')
    .map((name) => parseGeneralName(name.replace(/^(DNS|IP Address):/, '')));
}

/** Whether a leaf serves a name; a wildcard is served by itself alone. */
export function serves(leaf: X509Certificate, { kind, text }: GeneralName): boolean {
  if (kind === 'iPAddress') return leaf.checkIP(text) !== undefined;
  if (text.startsWith('*.')) return subjectNames(leaf).some((name) => name.text === text);
  return leaf.checkHost(text, { subject: 'never' }) !== undefined;
}
