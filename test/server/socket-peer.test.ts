/** The ends of a connection: the socket's, or those that a proxy told. */
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { SocketPeer } from '../../src/server/socket-peer.ts';
import { securePeer } from '../support/requests.ts';

const ENDS = {
  remoteAddress: '192.0.2.1', remotePort: 5, localAddress: '192.0.2.2', localPort: 443,
};
const socket = (ends: Partial<typeof ENDS>): Socket => ends as unknown as Socket;

test('of a socket', () => {
  expect(new SocketPeer(socket(ENDS), undefined, undefined)).toMatchObject({
    address: '192.0.2.1', port: 5, localAddress: '192.0.2.2', localPort: 443,
    secure: false, tls: undefined,
  });
});

test('of a Unix socket, which has none', () => {
  expect(new SocketPeer(socket({}), undefined, undefined)).toMatchObject({
    address: '', port: 0, localAddress: '', localPort: 0,
  });
});

test('the far end is kept when the socket has lost it', () => {
  const ends = { ...ENDS } as { remoteAddress?: string | undefined };
  const peer = new SocketPeer(ends as Socket, undefined, undefined);
  ends.remoteAddress = undefined;
  expect(peer.address).toBe('192.0.2.1');
});

test('what was told when it was accepted stands: a socket that lost it is no Unix socket', () => {
  expect(new SocketPeer(socket({}), undefined, undefined, '192.0.2.1').address).toBe('192.0.2.1');
});

test('as a proxy told them, and under TLS', () => {
  const told = { address: '2001:db8::1', port: 7, localAddress: '2001:db8::2', localPort: 8 };
  const { tls } = securePeer();
  expect(new SocketPeer(socket(ENDS), tls, told)).toMatchObject({ ...told, secure: true, tls });
});
