/**
 * What RFC 9113 says that a client makes of each frame: the model of http2-model.ts with the roles
 * changed. Heads of responses (§8.1, §8.3.2), promises (§6.6, §8.4), GOAWAY (§6.8).
 */
import {
  COMPRESSION_ERROR, PROTOCOL_ERROR, SETTINGS_ENABLE_PUSH, STREAM_CLOSED,
} from '../../src/http2/frame.ts';
import { uint31At } from './http2-form.ts';
import {
  Model, ModelStream, OK, connectionError, type BlockFacts, type SentFrame, type Verdict,
} from './http2-model.ts';

export class ClientModel extends Model {
  /** The client said that it takes pushes. */
  mayPush = true;
  /** Streams that GOAWAY said were not looked at: the client gives them up. */
  readonly givenUp = new Set<number>();
  readonly #heads = new Set<number>();

  override isRemote(streamId: number): boolean {
    return streamId % 2 === 0;
  }

  /** The client sent a request; a response to HEAD has no content (§8.1.1). */
  asked(streamId: number, isHead: boolean): ModelStream {
    this.lastLocal = streamId;
    const stream = new ModelStream(streamId, 'open', this.initialReceive, this.initialSend);
    this.live.set(streamId, stream);
    if (isHead) this.#heads.add(streamId);
    return stream;
  }

  protected override block(
    streamId: number, facts: BlockFacts, endStream: boolean, dependency: number,
  ): Verdict {
    if (facts.broken === true) return connectionError(COMPRESSION_ERROR);
    const stream = this.live.get(streamId);
    if (stream === undefined) {
      return this.isIdle(streamId)
        ? connectionError(PROTOCOL_ERROR) : this.headersOnClosed(streamId);
    }
    if (stream.state === 'reserved (remote)') stream.state = 'half-closed (local)';
    const isSelf = dependency === streamId;
    if (stream.hasHead) return this.trailers(stream, facts, endStream, isSelf);
    if (!stream.canReceive) return this.fail(stream, STREAM_CLOSED, PROTOCOL_ERROR);
    const { response = 'malformed' } = facts;
    if (isSelf || response === 'malformed') return this.fail(stream, PROTOCOL_ERROR);
    return this.#head(stream, facts, endStream);
  }

  #head(stream: ModelStream, facts: BlockFacts, endStream: boolean): Verdict {
    if (facts.response === 'interim') return endStream ? this.fail(stream, PROTOCOL_ERROR) : OK;
    stream.hasHead = true;
    if (!this.#heads.has(stream.id)) stream.expected = facts.contentLength;
    if (!endStream) return OK;
    if ((stream.expected ?? 0) > 0) return this.fail(stream, PROTOCOL_ERROR);
    this.receivedEnd(stream);
    return OK;
  }

  /** DATA comes after a head (§8.1). */
  protected override contentFaults({ hasHead }: ModelStream): number[] {
    return hasHead ? [] : [PROTOCOL_ERROR];
  }

  protected override promise({ streamId, payload, block }: SentFrame): Verdict {
    const promised = uint31At(payload, 0);
    const parent = this.live.get(streamId);
    const cause = this.cause(streamId);
    const faults: number[] = [];
    if (block?.broken === true) faults.push(COMPRESSION_ERROR);
    const isOpen = parent !== undefined && parent.canReceive;
    if (!this.mayPush || promised % 2 !== 0 || promised <= this.lastRemote) {
      faults.push(PROTOCOL_ERROR);
    } else if (this.isRemote(streamId) || !(isOpen || cause === 'we reset')) {
      faults.push(PROTOCOL_ERROR);
    }
    if (faults.length > 0) return connectionError(...faults);
    this.leaveIdle(promised);
    if (parent === undefined || block?.request === 'malformed') {
      this.close(promised, 'we reset');
      return { scope: 'stream', streamId: promised, codes: [PROTOCOL_ERROR] };
    }
    this.live.set(promised, new ModelStream(
      promised, 'reserved (remote)', this.initialReceive, this.initialSend,
    ));
    return OK;
  }

  protected override goneAway(last: number): Verdict {
    for (const { id } of [...this.live.values()]) {
      if (this.isRemote(id) || id <= last) continue;
      this.close(id, 'we reset');
      this.givenUp.add(id);
    }
    return OK;
  }

  /** A server does not prioritize (RFC 9218 §7.1). */
  protected override priorityUpdate(): Verdict {
    return connectionError(PROTOCOL_ERROR);
  }

  protected override roleFaults(settings: ReadonlyMap<number, number>): number[] {
    return settings.get(SETTINGS_ENABLE_PUSH) === 1 ? [PROTOCOL_ERROR] : [];
  }
}
