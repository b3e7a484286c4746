/**
 * The deadlines of one connection (RFC 9113 §3.4, §6.5.3, §6.7, §9.1): what it waits for, and when
 * that is late. What follows is connection.ts's and the role's.
 *
 * While output stands we read nothing, so nothing that we wait to read is late.
 */
import { Deadlines } from '../deadlines.ts';
import type { Limits } from '../limits.ts';
import type { Clock } from '../protocol.ts';

export type Moment = 'preface' | 'settings' | 'frame' | 'block' | 'idle' | 'pong' | 'goaway';

/** How long a peer has to see the first GOAWAY, where PING does not tell (§6.8). */
const GOAWAY_MS = 1000;

/** What is the peer's to bring, and its limit. */
const THE_PEERS: Partial<Record<Moment, keyof Limits>> = {
  preface: 'http2PrefaceMs', settings: 'http2SettingsMs', frame: 'headMs', block: 'headMs',
  pong: 'http2PingMs',
};

export class Moments {
  /** The last measured round trip, ms of the coarse clock; undefined before the first. */
  roundTripMs: number | undefined;
  readonly #deadlines = new Deadlines<Moment>();
  readonly #limits: Limits;
  readonly #clock: Clock;
  #awaitsFrame = false;
  #pingAt = 0;
  #pings = 0;
  /** Streams ever opened, as of the last look: they may have ended since. */
  #opened = 0;

  constructor(limits: Limits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Our SETTINGS have left: the peer's are due, and their acknowledgement. */
  greeted(): void {
    this.#set('preface', this.#limits.http2PrefaceMs);
    this.#set('settings', this.#limits.http2SettingsMs);
  }

  settingsReceived(): void {
    this.#deadlines.clear('preface');
  }

  settingsAcknowledged(): void {
    this.#deadlines.clear('settings');
  }

  /** A part of a frame is here: whatever the progress, it ends in time (CVE-2007-6750). */
  frameBegan(): void {
    if (this.#awaitsFrame) return;
    this.#awaitsFrame = true;
    this.#set('frame', this.#limits.headMs);
  }

  frameCame(): void {
    if (!this.#awaitsFrame) return;
    this.#awaitsFrame = false;
    this.#deadlines.clear('frame');
  }

  blockBegan(): void {
    this.#set('block', this.#limits.headMs);
  }

  blockEnded(): void {
    this.#deadlines.clear('block');
  }

  /** The number of the PING that is due, from 1; 0: one is on its way, and that is enough. */
  pinged(anew: boolean): number {
    if (this.#deadlines.at('pong') !== undefined && !anew) return 0;
    this.#pingAt = this.#clock.now();
    this.#set('pong', this.#limits.http2PingMs);
    return ++this.#pings;
  }

  /** Whether the PING of that number is the one that is awaited. */
  ponged(number: number): boolean {
    if (this.#deadlines.at('pong') === undefined || number !== this.#pings) return false;
    this.#deadlines.clear('pong');
    this.roundTripMs = this.#clock.now() - this.#pingAt;
    return true;
  }

  /** The first GOAWAY has left; the second follows (§6.8). */
  warned(): void {
    this.#set('goaway', GOAWAY_MS);
  }

  saidGoodbye(): void {
    this.#deadlines.clear('goaway');
  }

  busy(): void {
    this.#deadlines.clear('idle');
  }

  /** No stream lives; `opened` tells whether there were any since the last time. */
  idle(opened: number): void {
    if (this.#deadlines.at('idle') === undefined || opened !== this.#opened) {
      this.#set('idle', this.#limits.idleMs);
    }
    this.#opened = opened;
  }

  none(): void {
    this.#awaitsFrame = false;
    this.#deadlines.clearAll();
  }

  /** The next moment that has come; `stands`: nothing is read, `blocked`: output does not leave. */
  expired(now: number, stands: boolean, blocked: boolean): Moment | undefined {
    for (;;) {
      const moment = this.#deadlines.expired(now);
      const limit = moment && THE_PEERS[moment];
      // A PING stands behind the output, too.
      const excused = stands || (moment === 'pong' && blocked);
      if (moment === undefined || limit === undefined || !excused) return moment;
      this.#set(moment, this.#limits[limit] as number);
    }
  }

  #set(moment: Moment, ms: number): void {
    this.#deadlines.set(moment, this.#clock.now() + ms);
  }
}
