/**
 * Whether the peer lives, and whether anybody reads what it says. Asked at each tick.
 *
 * A silent peer is asked by a Ping (RFC 6455 §5.5.2) and given up when it does not answer. Where
 * the program does not read, the peer cannot be heard: then its silence is not its own, and a
 * program that has never read is told so. Called by protocol.ts.
 */
import type { Limits } from '../limits.ts';
import type { Transport } from '../protocol.ts';
import type { Inbox } from './inbox.ts';

export interface KeepAliveHost {
  readonly transport: Transport;
  readonly limits: Limits;
  readonly inbox: Pick<Inbox, 'isWanted'>;
  /** Sends a Ping. */
  askForLife(): void;
  programFailed(error: unknown): void;
}

export class KeepAlive {
  /** When the peer was last heard. */
  heardAt: number;
  readonly #host: KeepAliveHost;
  /** When it was first asked since, and last. */
  #askedAt = -1;
  #askedAgainAt = -1;
  /** How long it could not be heard since a message was last taken. */
  unreadMs = 0;

  constructor(host: KeepAliveHost, now: number) {
    this.#host = host;
    this.heardAt = now;
  }

  /** `paused`: we do not read. */
  tick(now: number, paused: boolean): void {
    if (paused) this.#standStill(now);
    // Behind output that stands no ping comes through: that is the write stall's to end.
    else if (this.#host.transport.queuedBytes === 0) this.#listen(now);
  }

  #listen(now: number): void {
    const { webSocketPingMs, webSocketDeadMs } = this.#host.limits;
    const silentMs = now - this.heardAt;
    const isAsked = this.#askedAt > this.heardAt || webSocketPingMs >= webSocketDeadMs;
    const askedMs = now - Math.max(this.#askedAt, this.heardAt);
    if (silentMs >= webSocketDeadMs && isAsked && askedMs >= webSocketDeadMs - webSocketPingMs) {
      const why = `the peer was silent for webSocketDeadMs, ${webSocketDeadMs}`;
      this.#host.transport.destroy(new Error(why));
    } else if (silentMs >= webSocketPingMs && now - this.#askedAgainAt >= webSocketPingMs) {
      if (this.#askedAt <= this.heardAt) this.#askedAt = now;
      this.#ask(now);
    }
  }

  #standStill(now: number): void {
    const { webSocketPingMs, webSocketDeadMs, webSocketUnreadMs } = this.#host.limits;
    this.unreadMs += Math.max(0, now - this.heardAt);
    this.heardAt = now;
    // TCP finds out by itself whether these come there.
    if (now - this.#askedAgainAt >= webSocketPingMs) this.#ask(now);
    const most = this.#host.inbox.isWanted ? webSocketUnreadMs : webSocketDeadMs;
    if (this.unreadMs < most) return;
    const why = this.#host.inbox.isWanted
      ? `messages stood unread for webSocketUnreadMs, ${most}`
      : 'nobody reads the messages of this session: iterate it, or say session.onMessage(() => {})';
    this.#host.programFailed(new Error(why));
  }

  #ask(now: number): void {
    this.#askedAgainAt = now;
    if (this.#host.transport.queuedBytes === 0) this.#host.askForLife();
  }
}
