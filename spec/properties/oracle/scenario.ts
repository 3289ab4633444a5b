import fc from 'fast-check';

/** One thing that a service does: at once, or so many frames after it was subscribed to. */
export interface Step {
  readonly after: number | 'sync';
  readonly does: 'next' | 'error' | 'complete';
}

/** A service that follows a script, one whose factory throws, or a run of services. */
export type ServiceSpec =
  | { readonly kind: 'script'; readonly steps: readonly Step[] }
  | { readonly kind: 'throws' }
  | { readonly kind: 'run'; readonly run: RunSpec };

export interface RunSpec {
  /** By `aggregate`, `aggregateEach` or `aggregateLatest`. */
  readonly joins: 'record' | 'each' | 'latest';
  readonly services: readonly ServiceSpec[];
  /** `undefined` for none. */
  readonly timeout: number | undefined;
  readonly concurrency: number | undefined;
}

/** What the caller does beside asking. */
interface CallerSpec {
  readonly deadline: number | undefined;
  /** When its signal aborts; at once: it had aborted before. */
  readonly abort: number | 'before' | undefined;
  readonly unsubscribe: number | undefined;
  /** Whether the first value is all that it wants. */
  readonly first: boolean;
}

export interface Scenario {
  readonly run: RunSpec;
  readonly caller: CallerSpec;
}

// Few frames, so that there are many ties.
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
    joins: fc.oneof(
      { arbitrary: fc.constant('record' as const), weight: 4 },
      { arbitrary: fc.constant('latest' as const), weight: 3 },
      { arbitrary: fc.constant('each' as const), weight: 1 },
    ),
    services: fc.array(service, { minLength: 1, maxLength: 6 }),
    timeout: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
    concurrency: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 3 }),
  });

const leaf: fc.Arbitrary<ServiceSpec> = fc.oneof(
  { arbitrary: script, weight: 12 },
  { arbitrary: fc.constant<ServiceSpec>({ kind: 'throws' }), weight: 1 },
);
const nested = (inside: fc.Arbitrary<ServiceSpec>): fc.Arbitrary<ServiceSpec> =>
  fc.oneof(
    { arbitrary: leaf, weight: 5 },
    { arbitrary: runOf(inside).map((run): ServiceSpec => ({ kind: 'run', run })), weight: 1 },
  );

export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  run: runOf(nested(nested(leaf))),
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

/** What a service of a run is called in errors and events. */
export function nameOf({ joins }: RunSpec, index: number): string {
  return joins === 'each' ? `[${String(index)}]` : String.fromCharCode(97 + index);
}
