/** For tests of handlers and protocols, without sockets or waiting: `wirestack/testing`. */
export { HandClock } from './hand-clock.ts';
export { MemoryTransport, type MemoryTransportOptions } from './memory-transport.ts';
