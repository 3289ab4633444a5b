import fc from 'fast-check';

/** One action of a service: synchronous, or a number of frames after the subscription. */
export interface Step {
  readonly after: number | 'sync';
  readonly does: 'next' | 'error' | 'complete';
}

/** A service that follows a script, a service that throws, or a nested run. */
export type ServiceSpec =
  | { readonly kind: 'script'; readonly steps: readonly Step[] }
  | { readonly kind: 'throws' }
  | { readonly kind: 'run'; readonly run: RunSpec };

export interface RunSpec {
  /** `aggregate`, `aggregateEach` or `aggregateLatest`. */
  readonly join: 'record' | 'each' | 'latest';
  readonly services: readonly ServiceSpec[];
  /** Which services are optional, by their index. With `each`, the first decides for all. */
  readonly optional: readonly boolean[];
  /** `undefined` for none. */
  readonly timeout: number | undefined;
  readonly concurrency: number | undefined;
}

interface CallerSpec {
  readonly deadline: number | undefined;
  /** The frame in which the caller's signal aborts; `'before'`: it has aborted before the run starts. */
  readonly abort: number | 'before' | undefined;
  /** The frame in which the subscriber unsubscribes. */
  readonly unsubscribe: number | undefined;
  /** Whether the subscriber unsubscribes on the first value, as `take(1)` does. */
  readonly first: boolean;
}

export interface Scenario {
  readonly run: RunSpec;
  readonly caller: CallerSpec;
}

// Few frames make many ties.
const frame = fc.integer({ min: 0, max: 6 });
const when: fc.Arbitrary<number | 'sync'> = fc.oneof(
  { arbitrary: frame, weight: 3 },
  { arbitrary: fc.constant('sync'), weight: 1 },
);

const script: fc.Arbitrary<ServiceSpec> = fc
  .record({
    values: fc.array(when, { maxLength: 3 }),
    end: fc.oneof(
      { arbitrary: fc.record({ after: when, does: fc.constant('complete' as const) }), weight: 5 },
      { arbitrary: fc.record({ after: when, does: fc.constant('error' as const) }), weight: 2 },
      { arbitrary: fc.constant(undefined), weight: 1 },
    ),
  })
  .map(({ values, end }) => ({
    kind: 'script',
    steps: [...values.map((after): Step => ({ after, does: 'next' })), ...(end ? [end] : [])],
  }));

const runOf = (service: fc.Arbitrary<ServiceSpec>): fc.Arbitrary<RunSpec> =>
  fc.record({
    join: fc.oneof(
      { arbitrary: fc.constant('record' as const), weight: 4 },
      { arbitrary: fc.constant('latest' as const), weight: 3 },
      { arbitrary: fc.constant('each' as const), weight: 1 },
    ),
    services: fc.array(service, { minLength: 1, maxLength: 6 }),
    optional: fc.oneof(
      { arbitrary: fc.constant([]), weight: 2 },
      { arbitrary: fc.array(fc.boolean(), { maxLength: 6 }), weight: 1 },
      { arbitrary: fc.constant(Array<boolean>(6).fill(true)), weight: 1 },
    ),
    timeout: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
    concurrency: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 3 }),
  });

const leaf: fc.Arbitrary<ServiceSpec> = fc.oneof(
  { arbitrary: script, weight: 12 },
  { arbitrary: fc.constant<ServiceSpec>({ kind: 'throws' }), weight: 1 },
);
const orNested = (service: fc.Arbitrary<ServiceSpec>): fc.Arbitrary<ServiceSpec> =>
  fc.oneof(
    { arbitrary: leaf, weight: 5 },
    { arbitrary: runOf(service).map((run): ServiceSpec => ({ kind: 'run', run })), weight: 1 },
  );

export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  run: runOf(orNested(orNested(leaf))),
  caller: fc.record({
    deadline: fc.option(fc.integer({ min: -1, max: 8 }), { nil: undefined, freq: 2 }),
    abort: fc.option(
      fc.oneof({ arbitrary: frame, weight: 6 }, { arbitrary: fc.constant('before' as const), weight: 1 }),
      { nil: undefined, freq: 2 },
    ),
    unsubscribe: fc.option(frame, { nil: undefined, freq: 2 }),
    first: fc.oneof({ arbitrary: fc.constant(false), weight: 4 }, { arbitrary: fc.constant(true), weight: 1 }),
  }),
});

export function isOptional({ join, optional }: RunSpec, index: number): boolean {
  return optional[join === 'each' ? 0 : index] === true;
}

/** The name of a service in errors and events. */
export function nameOf({ join }: RunSpec, index: number): string {
  return join === 'each' ? `[${String(index)}]` : String.fromCharCode(97 + index);
}
