/**
 * A TLS 1.3 client made by hand, for what no honest one does: it says one server name in its first
 * ClientHello, which has no key share, and after the HelloRetryRequest another one in its second
 * (RFC 8446 §4.1.2, §4.1.4). It trusts whatever the server shows.
 */
import { Buffer } from 'node:buffer';
import { X509Certificate, createECDH, randomBytes, sign } from 'node:crypto';
import type { KeyAndCertificate } from '../../src/tls/certificate.ts';
import { connected, type Client, type Place } from './sockets.ts';
import {
  Protection, expandLabel, hash, hmac, secretsOf, uint16, vector, type Content,
} from './tls13-keys.ts';

/** Content types (§5.1). */
const CHANGE_CIPHER_SPEC = 20;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const RECORD_HEADER_BYTES = 5;

/** Handshake types (§4). */
const CLIENT_HELLO = 1;
const CERTIFICATE = 11;
const CERTIFICATE_REQUEST = 13;
const CERTIFICATE_VERIFY = 15;
const FINISHED = 20;
const MESSAGE_HASH = 254;
const MESSAGE_HEADER_BYTES = 4;

const AES_128_GCM_SHA256 = uint16(0x1301);
const SECP256R1 = uint16(23);
const ECDSA_SECP256R1_SHA256 = uint16(0x0403);
/** Extensions (§4.2). */
const KEY_SHARE = 51;
/** The random of a ServerHello that is a HelloRetryRequest (§4.1.3). */
const RETRY_RANDOM = hash(Buffer.from('HelloRetryRequest'));
const VERSION_BYTES = 2;
const RANDOM_BYTES = 32;
const RANDOM_AT = MESSAGE_HEADER_BYTES + VERSION_BYTES;

function message(type: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(type), vector(3, ...parts)]);
}

function extension(type: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([uint16(type), vector(2, ...parts)]);
}

/** RFC 6066 §3. */
function serverName(name: string): Buffer {
  return extension(0, vector(2, Buffer.of(0), vector(2, Buffer.from(name))));
}

/** The server's half of the key, in its ServerHello (§4.2.8). */
function keyShareOf(serverHello: Buffer): Buffer {
  const sessionId = RANDOM_AT + RANDOM_BYTES;
  // Behind the session id: cipher suite, compression method, the length of the extensions.
  let at = sessionId + 1 + (serverHello[sessionId] as number) + 2 + 1 + 2;
  while (at < serverHello.length) {
    const end = at + 4 + serverHello.readUInt16BE(at + 2);
    // The group and the length of the key go before it.
    if (serverHello.readUInt16BE(at) === KEY_SHARE) return serverHello.subarray(at + 8, end);
    at = end;
  }
  throw new Error('a ServerHello without a key share');
}

/** What the client says, each time `undefined` for nothing at all. */
export interface Said {
  /** The server names of its first and of its second ClientHello. */
  readonly names: readonly [string | undefined, string | undefined];
  /** What it shows where it is asked for a certificate. */
  readonly certificate?: KeyAndCertificate | undefined;
}

export class RetriedClient {
  readonly client: Client;
  readonly #ecdh = createECDH('prime256v1');
  readonly #random = randomBytes(RANDOM_BYTES);
  readonly #sessionId = randomBytes(32);
  #transcript: Buffer[] = [];
  #readBytes = 0;
  /** Octets of handshake messages that have come and were not asked for yet. */
  #pending: Buffer = Buffer.alloc(0);
  #reading: Protection | undefined;
  #writing: Protection | undefined;
  #shown: X509Certificate | undefined;

  constructor(client: Client) {
    this.client = client;
    this.#ecdh.generateKeys();
  }

  /** Sends all of its handshake; what the server makes of that comes later. */
  static async handshake(place: Place, said: Said): Promise<RetriedClient> {
    const made = new RetriedClient(await connected(place));
    const [first, second] = said.names;
    await made.#askForRetry(first);
    await made.#finish(second, said.certificate);
    return made;
  }

  /** DNS names of the certificate that the server showed. */
  get shown(): string | undefined {
    return this.#shown?.subjectAltName;
  }

  /** Sends text after the handshake. */
  send(text: string): void {
    this.#send({ type: APPLICATION_DATA, octets: Buffer.from(text, 'latin1') });
  }

  /** The first ClientHello, up to the HelloRetryRequest. */
  async #askForRetry(name: string | undefined): Promise<void> {
    const hello = this.#hello(name, []);
    this.#send({ type: HANDSHAKE, octets: hello });
    const retry = await this.#message();
    if (!retry.subarray(RANDOM_AT, RANDOM_AT + RANDOM_BYTES).equals(RETRY_RANDOM)) {
      throw new Error('not a HelloRetryRequest (RFC 8446 §4.1.4)');
    }
    // Its hash stands for the first ClientHello (§4.4.1).
    this.#transcript = [message(MESSAGE_HASH, hash(hello)), retry];
  }

  /** The second ClientHello, and all that follows. */
  async #finish(
    name: string | undefined, certificate: KeyAndCertificate | undefined,
  ): Promise<void> {
    const share = Buffer.concat([SECP256R1, vector(2, this.#ecdh.getPublicKey())]);
    const hello = this.#hello(name, [share]);
    this.#send({ type: HANDSHAKE, octets: hello });
    const serverHello = await this.#message();
    this.#transcript.push(hello, serverHello);
    const secrets = secretsOf(this.#ecdh.computeSecret(keyShareOf(serverHello)));
    const secret = expandLabel(secrets.handshake, 'c hs traffic', this.#hash());
    this.#reading = new Protection(expandLabel(secrets.handshake, 's hs traffic', this.#hash()));
    this.#writing = new Protection(secret);
    const context = await this.#serverFlight();
    const application = expandLabel(secrets.master, 'c ap traffic', this.#hash());
    if (context !== undefined) this.#show(context, certificate);
    this.#say(message(FINISHED, hmac(expandLabel(secret, 'finished'), this.#hash())));
    this.#writing = new Protection(application);
  }

  /** Up to the server's Finished; the context of its CertificateRequest, where there is one. */
  async #serverFlight(): Promise<Buffer | undefined> {
    let context: Buffer | undefined;
    for (;;) {
      const next = await this.#message();
      this.#transcript.push(next);
      const body = next.subarray(MESSAGE_HEADER_BYTES);
      if (next[0] === FINISHED) return context;
      if (next[0] === CERTIFICATE_REQUEST) context = body.subarray(1, 1 + (body[0] as number));
      // An empty context and the length of the list go before the first one (§4.4.2).
      if (next[0] === CERTIFICATE) {
        this.#shown = new X509Certificate(body.subarray(7, 7 + body.readUIntBE(4, 3)));
      }
    }
  }

  /** Certificate and CertificateVerify (§4.4.2, §4.4.3); without one, an empty list alone. */
  #show(context: Buffer, certificate: KeyAndCertificate | undefined): void {
    if (certificate === undefined) {
      this.#say(message(CERTIFICATE, vector(1, context), vector(3)));
      return;
    }
    const { raw } = new X509Certificate(certificate.cert);
    this.#say(message(CERTIFICATE, vector(1, context), vector(3, vector(3, raw), vector(2))));
    const signed = Buffer.concat([
      Buffer.alloc(64, ' '), Buffer.from('TLS 1.3, client CertificateVerify\0'), this.#hash(),
    ]);
    const signature = sign('sha256', signed, certificate.key);
    this.#say(message(CERTIFICATE_VERIFY, ECDSA_SECP256R1_SHA256, vector(2, signature)));
  }

  /** A ClientHello of one suite and one group, with so many key shares (§4.1.2). */
  #hello(name: string | undefined, shares: readonly Buffer[]): Buffer {
    const extensions = [
      name === undefined ? Buffer.alloc(0) : serverName(name),
      extension(10, vector(2, SECP256R1)),
      extension(13, vector(2, ECDSA_SECP256R1_SHA256)),
      extension(43, vector(1, Buffer.of(3, 4))),
      extension(KEY_SHARE, vector(2, ...shares)),
    ];
    return message(
      CLIENT_HELLO, Buffer.of(3, 3), this.#random, vector(1, this.#sessionId),
      vector(2, AES_128_GCM_SHA256), vector(1, Buffer.of(0)), vector(2, ...extensions),
    );
  }

  /** The transcript's hash (§4.4.1). */
  #hash(): Buffer {
    return hash(...this.#transcript);
  }

  /** Sends a handshake message that is part of the transcript. */
  #say(octets: Buffer): void {
    this.#transcript.push(octets);
    this.#send({ type: HANDSHAKE, octets });
  }

  #send(content: Content): void {
    const { type, octets } = content;
    const plain = (): Buffer => Buffer.concat([Buffer.of(type, 3, 3), vector(2, octets)]);
    this.client.send(this.#writing?.seal(content) ?? plain());
  }

  /** The next handshake message, with its header. Rejects on an alert. */
  async #message(): Promise<Buffer> {
    for (;;) {
      const pending = this.#pending;
      const length = pending.length < MESSAGE_HEADER_BYTES ? Infinity : pending.readUIntBE(1, 3);
      const end = MESSAGE_HEADER_BYTES + length;
      if (pending.length >= end) {
        this.#pending = pending.subarray(end);
        return pending.subarray(0, end);
      }
      const { type, octets } = await this.#record();
      // It is for boxes on the way, and says nothing (Appendix D.4).
      if (type === CHANGE_CIPHER_SPEC) continue;
      if (type !== HANDSHAKE) throw new Error(`content type ${type}: ${octets.toString('hex')}`);
      this.#pending = Buffer.concat([pending, octets]);
    }
  }

  async #record(): Promise<Content> {
    const unread = (): Buffer => Buffer.from(this.client.text, 'latin1').subarray(this.#readBytes);
    const end = (): number => {
      const octets = unread();
      return RECORD_HEADER_BYTES +
        (octets.length < RECORD_HEADER_BYTES ? Infinity : octets.readUInt16BE(3));
    };
    await this.client.until(() => unread().length >= end(), 'a whole record');
    const record = unread().subarray(0, end());
    this.#readBytes += record.length;
    const header = record.subarray(0, RECORD_HEADER_BYTES);
    const octets = record.subarray(RECORD_HEADER_BYTES);
    const type = header[0] as number;
    const isSealed = type === APPLICATION_DATA && this.#reading !== undefined;
    return isSealed ? (this.#reading as Protection).open(header, octets) : { type, octets };
  }
}
