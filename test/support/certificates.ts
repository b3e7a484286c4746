/**
 * Certificates for tests, made when a test file begins: a server's authority and its leaves, and an
 * authority for clients. P-256, all of them.
 */
import { Buffer } from 'node:buffer';
import { X509Certificate, createPrivateKey, sign } from 'node:crypto';
import { issueAuthority, issueLeaf, type KeyAndCertificate } from '../../src/tls/certificate.ts';
import { bitString, objectIdentifier, pem, sequence } from '../../src/tls/der.ts';

/** What leaves are made for, and all below it. */
const PLACES = ['example.com', 'example.org', 'localhost', '127.0.0.1', '::1'];

/** Whom clients of these tests trust. */
export const AUTHORITY = issueAuthority({ names: PLACES });

/** A certificate of a server with its key. */
export function leafFor(...names: string[]): KeyAndCertificate {
  return issueLeaf(AUTHORITY, { names });
}

const SERVER_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.1');
const CLIENT_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.2');
const ALGORITHM = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
/** Tag and length of a certificate and of what is signed of it: both are of over 255 octets. */
const HEADER_BYTES = 4;

/** The same certificate for a client, where it was for a server (RFC 5280 §4.2.1.12). */
function forClients({ cert, key }: KeyAndCertificate, signerKey: string): KeyAndCertificate {
  const { raw } = new X509Certificate(cert);
  const length = HEADER_BYTES + raw.readUInt16BE(HEADER_BYTES + 2);
  const signed = Buffer.from(raw.subarray(HEADER_BYTES, HEADER_BYTES + length));
  signed.set(CLIENT_AUTH, signed.indexOf(SERVER_AUTH));
  const signature = sign('sha256', signed, createPrivateKey(signerKey));
  const octets = sequence(signed, ALGORITHM, bitString(signature));
  return { key, cert: pem('CERTIFICATE', octets) };
}

function clientAuthority(): KeyAndCertificate {
  const made = issueAuthority({ names: PLACES });
  return forClients(made, made.key);
}

/** Who vouches for clients; and one who does so for others. */
export const CLIENTS = clientAuthority();
const STRANGERS = clientAuthority();

/** What a client shows: of `CLIENTS`, or of somebody else. */
export const CLIENT = clientOf(CLIENTS);
export const STRANGER = clientOf(STRANGERS);

function clientOf(authority: KeyAndCertificate): KeyAndCertificate {
  return forClients(issueLeaf(authority, { names: ['client.example.com'] }), authority.key);
}
