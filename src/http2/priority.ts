/**
 * Priorities (RFC 9218): how urgent an answer is, and whether parts of it are of use. Read from the
 * `priority` field and from PRIORITY_UPDATE; what is not understood is as if it were not there
 * (§4).
 */

/** Urgency 0 to 7, lower first (§4.1); incremental: a part is of use before the whole (§4.2). */
export interface Priority {
  readonly urgency: number;
  readonly incremental: boolean;
}

export const DEFAULT_PRIORITY: Priority = Object.freeze({ urgency: 3, incremental: false });
export const URGENCIES = 8;

/** A dictionary member: key, and a value of which integers and booleans matter (RFC 8941 §3.2). */
const MEMBER = /^[ \t]*([a-z*][a-z0-9_\-.*]*)(?:=([^;,]*))?(?:;[^,]*)?[ \t]*$/;

/** Reads a Priority field value; parameters at their default where it does not say. */
export function parsePriority(value: string | undefined): Priority {
  if (value === undefined) return DEFAULT_PRIORITY;
  let { urgency, incremental } = DEFAULT_PRIORITY;
  for (const member of value.split(',')) {
    const parts = MEMBER.exec(member);
    // A dictionary that fails to parse is ignored whole (RFC 8941 §4.2).
    if (parts === null) return DEFAULT_PRIORITY;
    const [, key, item] = parts;
    if (key === 'u' && item !== undefined && /^[0-7]$/.test(item)) urgency = Number(item);
    if (key === 'i' && (item === undefined || item === '?1')) incremental = true;
    if (key === 'i' && item === '?0') incremental = false;
  }
  return { urgency, incremental };
}
