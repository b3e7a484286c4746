/** HTTP dates (RFC 9110 §5.6.7): one form is written, three are read. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MONTH = MONTHS.join('|');
const DAY = 'Mon|Tue|Wed|Thu|Fri|Sat|Sun';
const LONG_DAY = 'Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday';
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';

const FORMS = [
  // IMF-fixdate, RFC 850, asctime
  `(?:${DAY}), (?<day>\\d\\d) (?<month>${MONTH}) (?<year>\\d{4}) ${TIME} GMT`,
  `(?:${LONG_DAY}), (?<day>\\d\\d)-(?<month>${MONTH})-(?<year>\\d\\d) ${TIME} GMT`,
  `(?:${DAY}) (?<month>${MONTH}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/** Milliseconds since 1970 as IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function formatDate(ms: number): string {
  return new Date(ms).toUTCString();
}

/** An HTTP date of any of the three forms as ms since 1970; NaN for anything else. */
export function parseDate(text: string, now: number = Date.now()): number {
  for (const form of FORMS) {
    const parts = form.exec(text)?.groups;
    if (parts !== undefined) return fromParts(parts, now);
  }
  return NaN;
}

function fromParts(parts: Record<string, string>, now: number): number {
  const [day, hour, minute, second] = ['day', 'hour', 'minute', 'second']
    .map((name) => Number(parts[name])) as [number, number, number, number];
  const month = MONTHS.indexOf(parts['month'] ?? '');
  // 60 is a leap second, which POSIX time does not have.
  if (hour > 23 || minute > 59 || second > 60) return NaN;
  const time = ((hour * 60 + minute) * 60 + Math.min(second, 59)) * 1000;
  const year = Number(parts['year']);
  if (parts['year']?.length !== 2) return midnight(year, month, day) + time;
  // A time over 50 years ahead is the latest past one with those two digits (RFC 9110 §5.6.7).
  const ahead = new Date(now);
  ahead.setUTCFullYear(ahead.getUTCFullYear() + 50);
  const century = new Date(now).getUTCFullYear() - new Date(now).getUTCFullYear() % 100;
  const candidates = [century + 100, century, century - 100]
    .map((base) => midnight(base + year, month, day) + time);
  return candidates.find((candidate) => candidate <= ahead.getTime()) ?? NaN;
}

/** The start of a day, or NaN where the month has no such day. */
function midnight(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date.getUTCDate() === day ? date.getTime() : NaN;
}
