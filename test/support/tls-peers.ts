/**
 * What tests of TLS with real peers share: certificates in files, a server of them on loopback,
 * clients of node:tls, and `openssl s_client` with what it says of a handshake.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { CertificateOptions, Handler, Server, ServerOptions } from '../../src/index.ts';
import { HttpResponse } from '../../src/index.ts';
import type { ListenTarget } from '../../src/server/listener.ts';
import { issueAuthority, issueLeaf } from '../../src/tls/certificate.ts';
import type { TlsOptions } from '../../src/tls/options.ts';
import { findProgram, run, type ProcessEnd } from './process.ts';
import { Client, serve } from './sockets.ts';

export const HOST = '127.0.0.1';
export const OPENSSL = findProgram('openssl');

const NAMES = ['localhost', HOST, '::1', 'a.test', 'b.test'];
const AUTHORITY = issueAuthority({ names: NAMES });

/** What clients trust, as PEM. */
export const CA = AUTHORITY.cert;

const folder = mkdtempSync(join(tmpdir(), 'wirestack-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Writes a file that is gone with the process; its path. */
export function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** What clients trust, as a file. */
export const CA_FILE = file('authority.pem', CA);

/** A new certificate of the authority for some names. */
export function leaf(...names: readonly string[]): { readonly cert: string; readonly key: string } {
  return issueLeaf(AUTHORITY, { names });
}

const COMMON = leaf(...NAMES);

/** What a server saw of a request, and of the connection that it came on. */
export interface Seen {
  readonly version: string;
  /** Of TLS; '' in clear text. */
  readonly tls: string;
  readonly alpn: string;
  readonly serverName: string;
  readonly resumed: boolean;
  /** Octets of content. */
  readonly bytes: number;
  /** The peer's address. */
  readonly address: string;
}

/** Answers with what it saw. */
export const tell: Handler = async ({ version, peer, body }) => {
  const { tls } = peer;
  const seen: Seen = {
    version, tls: tls?.version ?? '', alpn: tls?.alpn ?? '', serverName: tls?.serverName ?? '',
    resumed: tls?.resumed === true, bytes: (await body.bytes()).length, address: peer.address,
  };
  return new HttpResponse(200, { 'content-type': 'application/json' }, JSON.stringify(seen));
};

/** What a server that told of a request saw; undefined where it did not answer. */
export function seenIn(text: string): Seen | undefined {
  const [json] = /\{"version":.*?\}/.exec(text) ?? [];
  return json === undefined ? undefined : JSON.parse(json) as Seen;
}

export interface SecureOptions extends Omit<ServerOptions, 'tls'> {
  readonly certificates?: CertificateOptions | readonly CertificateOptions[];
  readonly tls?: Omit<TlsOptions, 'certificates'>;
  readonly handler?: Handler;
  readonly target?: ListenTarget;
}

/** A server of TLS and clear text on one port, closed with its test. */
export function serveTls(options: SecureOptions = {}): Promise<Server> {
  const { certificates = COMMON, tls, handler = tell, target, ...rest } = options;
  // What clients show certificates for is not served in clear text.
  const all: readonly CertificateOptions[] = [certificates].flat();
  const guarded = all.some(({ clientCertificates }) => clientCertificates !== undefined);
  const clearText = guarded ? 'redirect' : 'serve';
  return serve(
    handler, { ...rest, tls: { clearText, ...tls, certificates } },
    target ?? { host: HOST },
  );
}

export const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
export const GET_AND_CLOSE = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

export interface SecuredClient {
  readonly client: Client;
  readonly socket: TLSSocket;
  /** Resolves with the first session that it is given: in TLS 1.3, after the handshake. */
  readonly session: Promise<Buffer>;
}

/** A client of node:tls after its handshake; gone with its test. */
export async function secured(
  port: number, options: ConnectionOptions = {},
): Promise<SecuredClient> {
  const socket = connect({
    port, host: HOST, ca: CA, servername: 'localhost', checkServerIdentity: () => undefined,
    ...options,
  });
  onTestFinished(() => void socket.destroy());
  const client = new Client(socket);
  const session = new Promise<Buffer>((resolve) => { socket.once('session', resolve); });
  await once(socket, 'secureConnect');
  return { client, socket, session };
}

/** What a server saw of one request on a connection of its own. */
export async function ask(port: number, options: ConnectionOptions = {}): Promise<Seen> {
  const { client } = await secured(port, options);
  await client.send(GET_AND_CLOSE).sawEnd();
  return seenIn(client.text) as Seen;
}

/** What `openssl s_client` said. */
export interface Handshake extends ProcessEnd {
  /** `New TLSv1.3`, `Reused TLSv1.2`: one for each of its connections. */
  readonly sessions: readonly string[];
  /** '' for none. */
  readonly alpn: string;
  /** The description of the alert that it got (RFC 8446 §6.2); 0 for none. */
  readonly alert: number;
  /** What the server saw of its last request. */
  readonly seen: Seen | undefined;
}

/** Runs `openssl s_client`: a handshake, and a request where one comes of it. */
export async function sClient(port: number, ...words: readonly string[]): Promise<Handshake> {
  const always = [
    's_client', '-connect', `${HOST}:${port}`, '-CAfile', CA_FILE, '-verify_return_error',
    '-ign_eof',
  ];
  const end = await run(OPENSSL as string, [...always, ...words], GET_AND_CLOSE);
  const { stdout, stderr } = end;
  return {
    ...end,
    sessions: [...stdout.matchAll(/^(New|Reused), (TLS[\w.]+),/gm)]
      .map(([, kind, version]) => `${kind} ${version}`),
    alpn: /^ALPN protocol: (\S+)/m.exec(stdout)?.[1] ?? '',
    alert: Number(/SSL alert number (\d+)/.exec(stderr)?.[1] ?? 0),
    seen: seenIn(stdout),
  };
}
