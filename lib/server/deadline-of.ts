import { asyncScheduler } from 'rxjs';
import { grpcUnits } from '../http/request-headers.ts';

type Grammar = (text: string) => number | undefined;

const milliseconds =
  (digits: RegExp): Grammar =>
  (text) =>
    digits.test(text) ? Number(text) : undefined;

const grpcTimeout: Grammar = (text) => {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const [multiplier = NaN, divisor = 1] = grpcUnits[unit] ?? [];
  return digits === undefined ? undefined : (Number(digits) * multiplier) / divisor;
};

/** The grammar of any other header. */
const anyMilliseconds = milliseconds(/^\d+$/);

/** The headers that are always read. A header that is repeated arrives as `100, 200`, which no grammar allows. */
const grammars: ReadonlyMap<string, Grammar> = new Map([
  ['grpc-timeout', grpcTimeout],
  ['connect-timeout-ms', milliseconds(/^\d{1,10}$/)],
  ['x-envoy-expected-rq-timeout-ms', anyMilliseconds],
  ['x-request-timeout-ms', anyMilliseconds],
]);

/**
 * The sooner of `atMost` and the times that the headers give, as a point in time. `undefined` if there is none.
 *
 * @param names - Headers with milliseconds, in addition to those that are always read.
 */
export function deadlineOf(
  header: (name: string) => string | undefined,
  atMost: number | undefined = Infinity,
  names: readonly string[],
): number | undefined {
  let timeout = atMost;
  for (const name of new Set([...grammars.keys(), ...names.map((name) => name.toLowerCase())])) {
    const text = header(name);
    const ms = text === undefined ? undefined : (grammars.get(name) ?? anyMilliseconds)(text);
    if (ms !== undefined && ms < timeout) timeout = ms;
  }
  return timeout === Infinity ? undefined : asyncScheduler.now() + timeout;
}
