/**
 * The secrets of a TLS 1.3 connection and the records that they protect (RFC 8446 §5.2, §7), for
 * TLS_AES_128_GCM_SHA256 alone. For clients made by hand; none of ours speaks TLS itself.
 */
import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';

const HASH_BYTES = 32;
const KEY_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const APPLICATION_DATA = 23;
const CIPHER = 'aes-128-gcm';

/** A vector: its length in so many octets, and what is in it (§3.4). */
export function vector(lengthBytes: 1 | 2 | 3, ...parts: readonly Uint8Array[]): Buffer {
  const contents = Buffer.concat(parts);
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(contents.length, 0, lengthBytes);
  return Buffer.concat([length, contents]);
}

export function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

export function hash(...parts: readonly Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

export function hmac(key: Uint8Array, data: Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** HKDF-Expand-Label (§7.1); one turn of HMAC makes all that is asked for. */
export function expandLabel(
  secret: Uint8Array, label: string, context: Uint8Array = Buffer.alloc(0), length = HASH_BYTES,
): Buffer {
  const info = Buffer.concat([
    uint16(length), vector(1, Buffer.from(`tls13 ${label}`)), vector(1, context),
  ]);
  return hmac(secret, Buffer.concat([info, Buffer.of(1)])).subarray(0, length);
}

/** The two secrets from which a handshake without a PSK takes all others (§7.1). */
export function secretsOf(shared: Uint8Array): { handshake: Buffer; master: Buffer } {
  const zeros = Buffer.alloc(HASH_BYTES);
  const next = (secret: Buffer, input: Uint8Array): Buffer =>
    hmac(expandLabel(secret, 'derived', hash()), input);
  const handshake = next(hmac(zeros, zeros), shared);
  return { handshake, master: next(handshake, zeros) };
}

/** What is in a record, and of which content type it is. */
export interface Content {
  readonly type: number;
  readonly octets: Buffer;
}

/** Records of one direction under one traffic secret (§7.3). */
export class Protection {
  readonly #key: Buffer;
  readonly #iv: Buffer;
  #count = 0;

  constructor(trafficSecret: Uint8Array) {
    this.#key = expandLabel(trafficSecret, 'key', undefined, KEY_BYTES);
    this.#iv = expandLabel(trafficSecret, 'iv', undefined, NONCE_BYTES);
  }

  /** A whole record, with its header, which is what the tag also covers (§5.2). */
  seal({ type, octets }: Content): Buffer {
    const header = Buffer.concat([
      Buffer.of(APPLICATION_DATA, 3, 3), uint16(octets.length + 1 + TAG_BYTES),
    ]);
    const cipher = createCipheriv(CIPHER, this.#key, this.#nonce()).setAAD(header);
    const sealed = [cipher.update(octets), cipher.update(Buffer.of(type)), cipher.final()];
    return Buffer.concat([header, ...sealed, cipher.getAuthTag()]);
  }

  /** Throws where the record is not of this secret. */
  open(header: Uint8Array, sealed: Buffer): Content {
    const cipher = createDecipheriv(CIPHER, this.#key, this.#nonce()).setAAD(header);
    cipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const inner = Buffer.concat([cipher.update(sealed.subarray(0, -TAG_BYTES)), cipher.final()]);
    let end = inner.length - 1;
    while (inner[end] === 0) end--;
    return { type: inner[end] as number, octets: inner.subarray(0, end) };
  }

  /** Of the record's number (§5.3); there are few. */
  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    const last = NONCE_BYTES - 4;
    nonce.writeUInt32BE((nonce.readUInt32BE(last) ^ this.#count++) >>> 0, last);
    return nonce;
  }
}
