/** A request with no wire below it, for tests of what stands above the wire. */
import type { ProtocolError } from '../../src/errors.ts';
import { RequestBody } from '../../src/http/body.ts';
import { Fields, type FieldsInit } from '../../src/http/fields.ts';
import { HttpRequest, type HttpVersion, type RequestOrigin } from '../../src/http/request.ts';
import type { Scheme } from '../../src/http/target.ts';
import { limitsFrom } from '../../src/limits.ts';
import type { Peer, TlsFacts } from '../../src/protocol.ts';
import { HandClock } from '../../src/testing/index.ts';

export const PEER: Peer = {
  address: '192.0.2.1', port: 50_000, localAddress: '192.0.2.2', localPort: 80,
  secure: false, tls: undefined,
};

export interface RequestParts {
  readonly method?: string;
  readonly target?: string;
  /** Path and query; default: the target. */
  readonly resource?: string;
  readonly scheme?: Scheme;
  readonly authority?: string;
  readonly fields?: FieldsInit;
  readonly body?: RequestBody;
  readonly version?: HttpVersion;
  readonly peer?: Peer;
}

/** A peer behind TLS, whose connection may be asked for `served` alone. */
export function securePeer(...served: string[]): Peer {
  const tls: TlsFacts = {
    version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', alpn: '', serverName: '',
    resumed: false, clientCertificate: undefined,
    serves: (authority) => served.includes(authority),
  };
  return { ...PEER, localPort: 443, secure: true, tls };
}

/** What a request asked of its wire. */
export interface Asked {
  readonly informed: [number, [string, string][]][];
  readonly pushed: [string, [string, string][]][];
  readonly failed: unknown[];
  readonly refused: ProtocolError[];
}

export function makeRequest(parts: RequestParts = {}): HttpRequest & { readonly asked: Asked } {
  const asked: Asked = { informed: [], pushed: [], failed: [], refused: [] };
  const origin: RequestOrigin = {
    version: parts.version ?? '1.1',
    peer: parts.peer ?? PEER,
    clock: new HandClock(),
    inform: (status, fields) => void asked.informed.push([status, [...fields]]),
    push: (target, fields) => asked.pushed.push([target, [...fields]]) > 0,
    limits: limitsFrom(),
    failed: (error) => void asked.failed.push(error),
    refused: (error) => void asked.refused.push(error),
  };
  const target = parts.target ?? '/';
  const request = new HttpRequest(
    parts.method ?? 'GET', target, parts.resource ?? target, parts.scheme ?? 'http',
    parts.authority ?? 'a.example', Fields.from(parts.fields), parts.body ?? RequestBody.empty,
    origin,
  );
  return Object.assign(request, { asked });
}
