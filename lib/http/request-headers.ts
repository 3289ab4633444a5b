import { asyncScheduler } from 'rxjs';
import { connectionHeaders, describeType, isToken, mismatch } from '../core/assert.ts';
import { shortName } from '../errors/foreign.ts';
import type { Context } from '../core/context.ts';
import { enforces, runOf } from '../core/run-handle.ts';
import { trimmedValue } from './sendable.ts';

export type Header = [name: string, value: string];

/** A copy for a transport, which may change it. */
export function copyOfHeaders(headers: readonly Header[]): Header[] {
  return headers.map(([name, value]) => [name, value]);
}

/**
 * The headers of a request: its own, then the time that is left, those of `ctx.propagate`, then those of the reader. A header is left
 * out if there is one with its name before it.
 *
 * A stream goes on after the timeout of an `aggregateLatest`, which bounds only the first values: then only `ctx.deadline` counts.
 *
 * They are pairs with names in lower case. A `Headers` costs more, and the transport makes its own.
 *
 * @param own - From {@link ownHeaders}.
 * @throws TypeError for a name or a value that HTTP cannot carry. The platform would throw too, but it quotes the value.
 */
export function requestHeaders(
  ctx: Context,
  own: readonly Header[],
  { headers: defaults, isStream }: { readonly headers: readonly Header[]; readonly isStream?: boolean },
): readonly Header[] {
  let headers = own;
  const timeLeft = timeLeftHeader(ctx, isStream);
  if (timeLeft) headers = joined(headers, [timeLeft]);
  if (ctx.propagate) {
    // Frameworks type a header that may be missing as `string | undefined`.
    const propagated = Object.entries(ctx.propagate).filter(([, value]) => value !== undefined);
    headers = joined(headers, validHeaders(propagated as Header[]));
  }
  return joined(headers, defaults);
}

/** The headers of an `init`, then `idempotency-key`, then the `content-type` of a JSON body. */
export function ownHeaders(
  headers: RequestInit['headers'],
  idempotencyKey?: string,
  hasJson = false,
): readonly Header[] {
  let own = validHeaders(headers);
  if (idempotencyKey !== undefined) own = joined(own, [validHeader('idempotency-key', idempotencyKey)]);
  return hasJson ? joined(own, [['content-type', 'application/json']]) : own;
}

/** A header replaces one of the `others` with the same name. */
function joined(headers: readonly Header[], others: readonly Header[]): readonly Header[] {
  if (headers.length === 0) return others;
  return [...headers, ...others.filter(([name]) => !headers.some(([own]) => own === name))];
}

/** One list for all: a request in flight keeps its own headers. */
const none: readonly Header[] = [];

function validHeaders(headers: RequestInit['headers']): readonly Header[] {
  if (headers == null) return none;
  if (typeof headers !== 'object') {
    throw new TypeError(mismatch('fetch: headers', 'a record, pairs or a Headers', headers));
  }
  const entries = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  return entries.map((entry: unknown) => {
    if (!Array.isArray(entry) || (entry.length !== 2 && entry.length !== 0)) {
      throw new TypeError('fetch: headers: expected pairs of a name and a value, got another item: use a record');
    }
    const [name = '', value] = entry as readonly unknown[];
    return validHeader(String(name), value);
  });
}

/** @throws TypeError for a header that `fetch` cannot send. */
export function validHeader(name = '', given: unknown = ''): Header {
  if (!isToken(name)) {
    const [token] = /^[!#$%&'*+.^_`|~\w-]*/.exec(name) ?? [''];
    const start = JSON.stringify(shortName(`${token}…`));
    throw new TypeError(`fetch: header name: expected an HTTP token, got ${start}: use letters, digits and hyphens`);
  }
  if (typeof given === 'symbol') throw new TypeError(mismatch(`fetch: header ${name}`, 'text', given));
  const value = String(given);
  const lowerName = name.toLowerCase();
  if (connectionHeaders.has(lowerName) || (lowerName === 'content-length' && !/^\s*\d+\s*$/.test(value))) {
    throw new TypeError(`fetch: header ${lowerName}: expected a header that fetch can send, got another: leave it out`);
  }
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw new TypeError(
      `fetch: header ${shortName(name)}: expected one line of Latin-1 text, got another character: encode the value`,
    );
  }
  return [lowerName, trimmedValue(value)];
}

/** The units of `grpc-timeout`, the finest first. A unit has `multiplier / divisor` milliseconds; the divisor is exact. */
export const grpcUnits: Readonly<Record<string, readonly [multiplier: number, divisor: number]>> = {
  n: [1, 1_000_000],
  u: [1, 1_000],
  m: [1, 1],
  S: [1_000, 1],
  M: [60_000, 1],
  H: [3_600_000, 1],
};

/** The header of `withDeadlineHeader`. It never says more than the time that is left. */
function timeLeftHeader(ctx: Context, isStream = false): Header | undefined {
  const run = runOf(ctx);
  if (run?.deadlineHeader === undefined) return undefined;
  // A context that is made from the signal of the run has no deadline of its own.
  const deadline = Math.min(ctx.deadline ?? Infinity, isStream ? Infinity : run.currentDeadline());
  const ms = deadline - asyncScheduler.now();
  // The clock has jumped, and only the timer of the run knows the time that is left.
  const jumped = (ms < 0 && enforces(run, deadline)) || ms > deadline - run.startedAt;
  if (deadline === Infinity || jumped) return undefined;
  return [run.deadlineHeader, run.deadlineHeader === 'grpc-timeout' ? grpcTimeout(ms) : integerUpTo(9_999_999_999, ms)];
}

/** At most 8 digits and the finest unit that fits. */
function grpcTimeout(ms: number): string {
  for (const [unit, [multiplier, divisor]] of Object.entries(grpcUnits)) {
    const count = (ms * divisor) / multiplier;
    if (count < 100_000_000) return integerUpTo(99_999_999, count) + unit;
  }
  return '99999999H';
}

/** Zero would mean that the deadline has passed, but the run is in flight. */
function integerUpTo(max: number, value: number): string {
  return String(Math.min(max, Math.max(1, Math.floor(value))));
}

/**
 * Returns the option `idempotencyKey` as the value of a header, or a new UUID for `true`.
 *
 * @throws TypeError for another value.
 */
export function idempotencyKeyOf(option: unknown): string {
  if (typeof option === 'string' && option.trim() !== '') return option;
  if (option === true) return randomUuid();
  const got = typeof option === 'string' ? 'an empty text' : describeType(option);
  throw new TypeError(`fetch: idempotencyKey: expected true or a text, got ${got}: pass true for a new UUID`);
}

/** Pages without TLS have no `randomUUID`. */
function randomUuid(): string {
  const { crypto } = globalThis as { readonly crypto?: Pick<Crypto, 'getRandomValues'> & Partial<Crypto> };
  if (!crypto) throw new TypeError('fetch: idempotencyKey: expected a platform with crypto, got none: pass a text');
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5'); // version 4, variant 1
}
