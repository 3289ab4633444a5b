import { asyncScheduler } from 'rxjs';
import type { FetchResponse } from '../../core/context.ts';

const time = String.raw`(?<time>\d\d:\d\d:\d\d)`;
/** The three forms of a date in HTTP: IMF-fixdate, the obsolete form of RFC 850, and that of C's `asctime`. */
const dateForms = [
  String.raw`[a-z]{3}, (?<day>\d\d) (?<month>[a-z]{3}) (?<year>\d{4}) ${time} GMT`,
  String.raw`[a-z]{6,9}, (?<day>\d\d)-(?<month>[a-z]{3})-(?<year>\d\d) ${time} GMT`,
  String.raw`[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]\d) ${time} (?<year>\d{4})`,
].map((form) => new RegExp(`^${form}$`, 'i'));

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/**
 * Reads `retry-after-ms`, or else `Retry-After`, which is in seconds or a date, as milliseconds from now. Returns `undefined` for
 * other texts.
 *
 * @remarks RFC 9110, sections 10.2.3 and 5.6.7. Azure and OpenAI send `retry-after-ms`.
 */
export function retryAfterOf(headers: FetchResponse['headers']): number | undefined {
  const ms = String(headers.get('retry-after-ms')).trim();
  if (/^\d+(?:\.\d+)?$/.test(ms)) return Math.min(Number(ms), Number.MAX_SAFE_INTEGER);
  const value = String(headers.get('retry-after')).trim();
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1_000, Number.MAX_SAFE_INTEGER);
  const now = asyncScheduler.now();
  const date = parseDate(value, now);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** `Date.parse` alone reads `1.5` as a day in January, an `asctime` as local time, and 31 February as 3 March. */
function parseDate(text: string, now: number): number {
  const groups = dateForms.map((form) => form.exec(text)?.groups).find(Boolean);
  if (!groups) return NaN;
  const { day = '', month = '', year = '', time = '' } = groups;
  const monthNumber = String(months.indexOf(month.toLowerCase()) + 1).padStart(2, '0'); // 00, which parses as NaN, for another word
  const parse = (fullYear: number): number => {
    const date = `${String(fullYear).padStart(4, '0')}-${monthNumber}-${day.replace(' ', '0')}`;
    const parsed = Date.parse(`${date}T${time.replace(/:60$/, ':59')}Z`); // a leap second
    return new Date(parsed || 0).toISOString().startsWith(date) ? parsed : NaN;
  };
  if (year.length !== 2) return parse(Number(year));
  // A date with a year of two digits is at most 50 years ahead, and otherwise the latest in the past.
  const thisYear = new Date(now).getUTCFullYear();
  const latest = new Date(now).setUTCFullYear(thisYear + 50);
  const nextCentury = thisYear - (thisYear % 100) + 100 + Number(year);
  const dates = [nextCentury, nextCentury - 100, nextCentury - 200].map(parse);
  return dates.find((date) => date <= latest) ?? NaN;
}
