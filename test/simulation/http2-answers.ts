/** Whether an answer on a stream is the one that its request must have, and may end as it does. */
import {
  CANCEL, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, errorName,
} from '../../src/http2/frame.ts';
import type { Limits } from '../../src/limits.ts';
import type { SimulatedClient } from './http2-client.ts';
import type { Http2Plan } from './http2-plans.ts';
import type { StreamRecord, WrittenHead } from './http2-record.ts';

/** What else happened on the connection. */
export interface Circumstances {
  readonly limits: Limits;
  readonly reasons: ReadonlySet<string>;
  readonly client: SimulatedClient;
}

/** What is wrong with what was written so far, or undefined. */
export function checkAnswer(record: StreamRecord, around: Circumstances): string | undefined {
  return interimFault(record, around) ?? headFault(record, around) ?? contentFault(record) ??
    trailersFault(record);
}

function interimFault(
  { plan, interims }: StreamRecord, { limits }: Circumstances,
): string | undefined {
  if (interims.length > limits.interimResponses) return `has ${interims.length} interim answers`;
  const hundreds = interims.filter(({ status }) => status === 100).length;
  if (hundreds > 1) return 'is 100 twice';
  if (hundreds > 0 && !plan.expects) return 'is 100, which it did not ask for';
  const own = [undefined, String(plan.id)];
  const other = interims.find(({ fields }) => !own.includes(fields.get('x-id')));
  return other === undefined ? undefined : `is ${other.status} of another`;
}

function headFault({ plan, head }: StreamRecord, around: Circumstances): string | undefined {
  if (head === undefined) return undefined;
  const { status, fields } = head;
  if (status !== plan.behaviour.status && !isRefusal(plan, status, around)) return `is ${status}`;
  const of = fields.get('x-id');
  return of === undefined || of === String(plan.id) ? undefined : `is that of ${of}`;
}

/** A status of the wire's, in the handler's place. */
function isRefusal(plan: Http2Plan, status: number, { limits, reasons }: Circumstances): boolean {
  if (status === 413) return plan.content.length + 1 > limits.contentBytes;
  return status === 408 && reasons.has('time');
}

function isOwn({ behaviour }: Http2Plan, { status }: WrittenHead): boolean {
  return status === behaviour.status && status < 400;
}

function contentFault({ plan, head, written, serverEnded }: StreamRecord): string | undefined {
  if (head === undefined || !isOwn(plan, head)) return undefined;
  const content = plan.method === 'HEAD' ? '' : plan.behaviour.content(plan);
  // What a client lied about is refused in the end, and nobody can say what was read of it.
  if (plan.lie !== 0 && plan.behaviour.reads) return undefined;
  if (!content.startsWith(written)) return 'has other content';
  const whole = written.length === content.length;
  const tunnelEnds = plan.connects && head.status === 200;
  if (serverEnded && !whole && !tunnelEnds) return `ends after ${written.length} octets`;
  return serverEnded && plan.behaviour.fails && plan.method !== 'HEAD' && !plan.connects
    ? 'ends in order, and its body failed' : undefined;
}

function trailersFault(record: StreamRecord): string | undefined {
  const { plan, head, trailers, serverEnded } = record;
  if (head === undefined || !serverEnded || !isOwn(plan, head)) return undefined;
  if (plan.lie !== 0 && plan.behaviour.reads) return undefined;
  const due = plan.method === 'HEAD' ? undefined : trailersOf(plan);
  const given = trailers?.get('x-sum');
  return given === due ? undefined : `has trailers of ${given}, ${due} are due`;
}

/** The trailers that a behaviour gives. */
function trailersOf({ id, trailers, behaviour: { name } }: Http2Plan): string | undefined {
  if (name === 'streams at length') return String(id);
  if (name.startsWith('echoes')) return trailers ? String(id) : undefined;
  const streams = ['streams', 'streams later', 'waits, then streams'].includes(name);
  return streams && id % 3 === 0 ? String(id) : undefined;
}

/** Why the server may not reset this stream so, or undefined. */
export function checkEnding(record: StreamRecord, around: Circumstances): string | undefined {
  const { plan, resetCode: code } = record;
  if (code === undefined) return undefined;
  const { reasons, client } = around;
  const isMeant = code === NO_ERROR ? record.serverEnded && !record.isPushed
    : code === INTERNAL_ERROR ? record.head !== undefined && breaksOff(plan, around)
      : code === PROTOCOL_ERROR ? plan.lie !== 0
        : code === REFUSED_STREAM ? isFull(around)
          : code === CANCEL ? reasons.has('time') || reasons.has('FIN') ||
            (plan.connects && plan.behaviour.fails)
            : false;
  if (isMeant) return undefined;
  return `was reset with ${errorName(code)}${client.offended ? ' after an offence' : ''}`;
}

/** Whether an answer may break after its head: an echo does where its content is too much. */
function breaksOff({ behaviour, content, lie }: Http2Plan, { limits }: Circumstances): boolean {
  return behaviour.fails || (behaviour.reads && content.length + lie > limits.contentBytes);
}

/** Handlers that have not settled hold their places, whatever became of their streams. */
function isFull({ limits, client, reasons }: Circumstances): boolean {
  const others = client.resets > 0 || client.openedUnheard || client.hasPushes ||
    client.hasLies ||
    reasons.has('time') || limits.contentBytes < Infinity;
  return others && limits.http2Streams < 100;
}
