/** The entry point: what it offers, and no more. */
import { describe, expect, test } from 'vitest';
import * as websocket from '../../src/websocket/index.ts';

describe('the entry point', () => {
  test('offers these', () => {
    expect(Object.keys(websocket).sort()).toEqual([
      'CloseError', 'FrameParser', 'FrameWriter', 'MORE', 'MessageAssembler', 'MessageCollector',
      'MessageStream', 'PreparedMessage', 'StreamedMessage', 'WebSocketSession', 'ZlibBudget',
      'isWebSocketRequest', 'maskingKeys', 'prepare', 'preparedFrame', 'unmask', 'webSocket',
    ]);
  });
});
