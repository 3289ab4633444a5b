import { asyncScheduler } from 'rxjs';

type Grammar = (text: string) => number | undefined;

const milliseconds =
  (digits: RegExp): Grammar =>
  (text) =>
    digits.test(text) ? Number(text) : undefined;

/** How many milliseconds the units of gRPC have: a multiplier and, for units below a millisecond, an exact divisor. */
const grpcUnits: Readonly<Record<string, readonly [multiplier: number, divisor: number]>> = {
  H: [3_600_000, 1],
  M: [60_000, 1],
  S: [1_000, 1],
  m: [1, 1],
  u: [1, 1_000],
  n: [1, 1_000_000],
};

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
