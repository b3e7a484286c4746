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

// The parts of a dictionary (RFC 8941 §3.2); no two begin alike, so that matching is linear.
const KEY = '[a-z*][a-z0-9_\\-.*]*';
const STRING = '"(?:[^"\\\\]|\\\\["\\\\])*"';
const BARE_ITEM =
  `(?:-?\\d+(?:\\.\\d+)?|${STRING}|[A-Za-z*][!#$%&'*+\\-.^_\`|~:/\\w]*|:[\\w+/=]*:|\\?[01])`;
const INNER_LIST = `\\((?:[^()"]|${STRING})*\\)`;
const MEMBER = new RegExp(
  `[ \\t]*(${KEY})(?:=(${BARE_ITEM}|${INNER_LIST}))?(?:; *${KEY}(?:=${BARE_ITEM})?)*[ \\t]*(,|$)`,
  'y',
);
/** An Integer (RFC 8941 §3.3.1) of a range that holds all urgencies. */
const URGENCY = /^(?:0{0,14}[0-7]|-0{1,15})$/;

/** What was read before: browsers send few different values. */
const known = new Map<string, Priority>();
const KNOWN_MAX = 64;

/** Reads a Priority field value; parameters at their default where it does not say. */
export function parsePriority(value: string | undefined): Priority {
  if (value === undefined) return DEFAULT_PRIORITY;
  let priority = known.get(value);
  if (priority === undefined) {
    priority = readDictionary(value);
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(value, priority);
  }
  return priority;
}

/** The last member of a key counts (RFC 8941 §4.2.2); without a meaning, it is not there (§4). */
function readDictionary(value: string): Priority {
  const { urgency: byDefault } = DEFAULT_PRIORITY;
  let { urgency, incremental } = DEFAULT_PRIORITY;
  let more = value.trim() !== '';
  MEMBER.lastIndex = 0;
  while (more) {
    const parts = MEMBER.exec(value);
    // A dictionary that fails to parse is ignored whole (RFC 8941 §4.2).
    if (parts === null) return DEFAULT_PRIORITY;
    const [, key, item = '?1', end] = parts;
    if (key === 'u') urgency = URGENCY.test(item) ? Math.abs(Number(item)) : byDefault;
    if (key === 'i') incremental = item === '?1';
    more = end === ',';
  }
  return { urgency, incremental };
}
