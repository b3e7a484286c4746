/**
 * What every server of a bench does as a child process: it prints its port, tells what it uses when
 * asked, and ends with its parent.
 */
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import type { AddressInfo, Server } from 'node:net';
import { developmentCertificate } from '../../../src/index.ts';

export const HELLO = 'Hello, World!';
export const TEXT = { 'content-type': 'text/plain' };
/** Content of a long answer. */
export const MIB = Buffer.alloc(1024 * 1024, 0x61);
/** Connections that the kernel may hold, so that many can come at once. */
export const BACKLOG = 4096;
/** Freed memory goes back in its own time. */
const SETTLE_MS = 1_000;

/** The words of the command line: what to be. */
export const [work = 'hello', ...rest] = process.argv.slice(2);
export const secure = rest.includes('tls');

/** For development, the same for all servers. */
export function keyAndCertificate(): { readonly key: string; readonly cert: string } {
  const { key, cert } = developmentCertificate({ environment: process.env });
  return { key, cert };
}

/** Listens on a free port of loopback with a server of Node's, and tells it. */
export function listen(server: Server): void {
  server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
    ready((server.address() as AddressInfo).port);
  });
}

/** Tells the port, and answers the parent's questions. */
export function ready(port: number): void {
  console.log(port);
  process.on('message', (question) => {
    if (question === 'memory') void memory().then((octets) => process.send?.(octets));
    else process.send?.(cpuMicros());
  });
  process.once('disconnect', () => process.exit());
}

/** A package that the reader may have installed: nothing here depends on it. */
export function installed<T>(name: string): T {
  return createRequire(import.meta.url)(name) as T;
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Resident octets, after what can be collected was. */
async function memory(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => { setTimeout(resolve, SETTLE_MS / 3); });
  }
  return process.memoryUsage.rss();
}
