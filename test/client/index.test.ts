/** What the clients' folder gives to the public face. */
import { expect, test } from 'vitest';
import * as clients from '../../src/client/index.ts';
import * as face from '../../src/index.ts';

test('exports, which are the package\'s', () => {
  expect(Object.keys(clients).sort()).toEqual(['HandshakeRefusedError', 'connectWebSocket']);
  expect(face).toMatchObject(clients);
});
