/** A message in pieces, from both of its sides. */
import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/websocket/prepared-message.ts';
import {
  StreamedMessage, cutPieces, dropPieces, endPieces, pushPiece,
} from '../../src/websocket/streamed-message.ts';

/** A message, and the pieces that were read or dropped. */
function made(): { message: StreamedMessage; taken: Message[] } {
  const taken: Message[] = [];
  return { message: new StreamedMessage(true, 7, (piece) => void taken.push(piece)), taken };
}

const iterator = (message: StreamedMessage): AsyncIterator<Message, undefined> =>
  message[Symbol.asyncIterator]();

describe('its reader', () => {
  test('has the pieces in order, waiting or asked for, and then the end', async () => {
    const { message, taken } = made();
    const pieces = iterator(message);
    pushPiece(message, 'a');
    pushPiece(message, 'b');
    expect(taken).toEqual([]);
    expect(await pieces.next()).toEqual({ done: false, value: 'a' });
    expect(taken).toEqual(['a']);
    expect((await pieces.next()).value).toBe('b');
    const third = pieces.next();
    pushPiece(message, 'c');
    expect((await third).value).toBe('c');
    expect(taken).toEqual(['a', 'b', 'c']);
    const end = pieces.next();
    endPieces(message);
    expect(await end).toEqual({ done: true, value: undefined });
    expect((await pieces.next()).done).toBe(true);
  });

  test('reads what waits behind an end, and behind a cut', async () => {
    const ended = made().message;
    pushPiece(ended, 'a');
    endPieces(ended);
    expect((await iterator(ended).next()).value).toBe('a');
    expect((await iterator(ended).next()).done).toBe(true);

    const cut = made().message;
    pushPiece(cut, 'a');
    cutPieces(cut, new Error('gone'));
    expect((await iterator(cut).next()).value).toBe('a');
    await expect(iterator(cut).next()).rejects.toThrow('gone');
    await expect(iterator(cut).next()).rejects.toThrow('gone');
  });

  test('is told of a cut while it waits', async () => {
    const { message } = made();
    const next = iterator(message).next();
    cutPieces(message, new Error('gone'));
    await expect(next).rejects.toThrow('gone');
  });

  test('is one: a second that waits is a TypeError', async () => {
    const { message } = made();
    const first = iterator(message).next();
    await expect(iterator(message).next()).rejects.toThrow(TypeError);
    pushPiece(message, 'a');
    expect((await first).value).toBe('a');
  });

  test('knows its kind and length', () => {
    const { message } = made();
    expect([message.isText, message.length]).toEqual([true, 7]);
  });
});

describe('dropped', () => {
  test('by return(): what waits and what comes is taken, and the end comes', async () => {
    const { message, taken } = made();
    pushPiece(message, 'a');
    expect(await iterator(message).return!()).toEqual({ done: true, value: undefined });
    expect(taken).toEqual(['a']);
    pushPiece(message, 'b');
    expect(taken).toEqual(['a', 'b']);
    expect((await iterator(message).next()).done).toBe(true);
    cutPieces(message, new Error('gone'));
    expect((await iterator(message).next()).done).toBe(true);
  });

  test('by the inbox: who still reads is told why', async () => {
    const { message, taken } = made();
    pushPiece(message, 'a');
    dropPieces(message);
    expect(taken).toEqual(['a']);
    pushPiece(message, 'b');
    expect(taken).toEqual(['a', 'b']);
    await expect(iterator(message).next()).rejects.toThrow(TypeError);
  });

  test('by the inbox, while a reader waits', async () => {
    const { message } = made();
    const next = iterator(message).next();
    dropPieces(message);
    await expect(next).rejects.toThrow(TypeError);
  });

  test('read to its end, it is not dropped', async () => {
    const { message } = made();
    pushPiece(message, 'a');
    await iterator(message).next();
    endPieces(message);
    dropPieces(message);
    expect((await iterator(message).next()).done).toBe(true);
  });
});
