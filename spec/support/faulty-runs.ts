import { createHook } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { BehaviorSubject, first } from 'rxjs';
import {
  aggregate,
  type Context,
  type Fetch,
  fetchJson,
  fromAbortable,
  ServiceError,
  withTimeout,
} from '../../lib/index.ts';
import { faults } from './faults.ts';
import { transports } from './transports.ts';

/** The program prints a report as JSON once nothing keeps it alive, and then exits. */
export interface Report {
  /** The number of runs by kind and outcome. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** The resources that keep the process alive, before and after the runs. Idle connections of undici do not. */
  readonly resources: { readonly before: readonly string[]; readonly after: readonly string[] };
  readonly listeners: number;
  readonly rejections: readonly string[];
  readonly warnings: readonly string[];
  /** The objects of the runs that are still in use after a garbage collection. */
  readonly inUse: { readonly subscriptions: number; readonly signals: number; readonly promises: number };
}

interface Run {
  /** The faults of its services. */
  readonly services: readonly string[];
  readonly timeout: number;
  /** When the caller aborts or unsubscribes: after so many responses to all runs. */
  readonly abort?: number | undefined;
  readonly unsubscribe?: number | undefined;
}

const [name, seed, urls] = process.argv.slice(2) as [string, string, string];
const at = JSON.parse(urls) as Record<string, string>;
const transport = transports.find((each) => each.name === name)!;

const all = Object.keys(faults);
const pending = all.filter((name) => faults[name]!.json === 'pending');
const failing = all.filter((name) => name !== 'healthy' && !pending.includes(name));
const withoutFailure = ['healthy', ...pending];

const services = (one: readonly string[], others: readonly string[]): fc.Arbitrary<string[]> =>
  fc
    .tuple(fc.constantFrom(...one), fc.array(fc.constantFrom(...others), { minLength: 1, maxLength: 3 }))
    .chain(([name, names]) => fc.shuffledSubarray([name, ...names], { minLength: names.length + 1 }));
const soon = fc.integer({ min: 1, max: 400 });
/** A timer that is not cleared keeps the process alive. */
const never = fc.constant(2 ** 31 - 1);
/** There are at least 125 responses: those of the runs that answer, and one for each run that fails. */
const responses = fc.integer({ min: 0, max: 125 });

let failure = 0;
/** The kinds of runs. Each kind but the last has one outcome, however slow the machine is. */
const kinds: Readonly<Record<string, () => fc.Arbitrary<Run>>> = {
  answers: () => fc.record({ services: services(['healthy'], ['healthy']), timeout: never }),
  fails: () =>
    fc.record({ services: services([failing[failure++ % failing.length]!], withoutFailure), timeout: never }),
  'times out': () => fc.record({ services: services(pending, withoutFailure), timeout: soon }),
  'is aborted': () => fc.record({ services: services(pending, withoutFailure), timeout: never, abort: responses }),
  'is unsubscribed': () =>
    fc.record({ services: services(pending, withoutFailure), timeout: never, unsubscribe: responses }),
  'has any outcome': () =>
    fc.record({
      services: services(all, all),
      timeout: fc.oneof(soon, never),
      abort: fc.option(responses, { nil: undefined }),
      unsubscribe: responses,
    }),
};
const order = ['answers', 'fails', 'times out', 'fails', 'is aborted', 'fails', 'is unsubscribed', 'has any outcome'];
const runs = Array.from({ length: 200 }, (_, index) => {
  const kind = order[index % order.length]!;
  return { kind, run: fc.sample(kinds[kind]!(), { seed: Number(seed) + index, numRuns: 1 })[0]! };
});

const outcomes: Record<string, Record<string, number>> = {};
const rejections: string[] = [];
const warnings: string[] = [];
const subscriptions: WeakRef<object>[] = [];
const signals: WeakRef<object>[] = [];
const promises = new Map<number, WeakRef<object>>();
process.on('unhandledRejection', (reason) => rejections.push(String(reason)));
process.on('warning', (warning) => warnings.push(String(warning)));
createHook({
  init: (id, type, _trigger, resource) => {
    if (type === 'PROMISE') promises.set(id, new WeakRef(resource));
  },
  promiseResolve: (id) => promises.delete(id),
}).enable();

/** The signal of all runs, such as the shutdown signal of a server. */
const shutdown = new AbortController();
const responded = new BehaviorSubject(0);
const countingFetch: Fetch = async (url, init) => {
  try {
    return await transport.fetch(url, init);
  } finally {
    if (!init.signal!.aborted) responded.next(responded.value + 1);
  }
};
const shared: Context = { fetch: countingFetch, signal: shutdown.signal };

const before = process.getActiveResourcesInfo();
for (const { kind, run } of runs) {
  start(run, (outcome) => {
    const counts = (outcomes[kind] ??= {});
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  });
}
process.once('beforeExit', () => {
  const after = process.getActiveResourcesInfo();
  // Objects that the current task has used are not collected before it ends, nor those of a finalizer before it has run.
  const collect = (rounds: number): void => {
    globalThis.gc!();
    if (rounds > 0) setImmediate(collect, rounds - 1);
    else console.log(JSON.stringify(report(after)));
  };
  setImmediate(collect, 5);
});
// This timer does not keep the process alive, so it only fires if something else does.
AbortSignal.timeout(90_000).addEventListener('abort', () => {
  throw new Error(`the process is still alive: ${JSON.stringify(report(process.getActiveResourcesInfo()))}`);
});

function report(after: readonly string[]): Report {
  globalThis.gc!();
  const inUse = (refs: Iterable<WeakRef<object>>): number => [...refs].filter((ref) => ref.deref()).length;
  return {
    outcomes,
    resources: { before, after },
    listeners: getEventListeners(shutdown.signal, 'abort').length,
    rejections,
    warnings,
    inUse: { subscriptions: inUse(subscriptions), signals: inUse(signals), promises: inUse(promises.values()) },
  };
}

function start({ services, timeout, abort, unsubscribe }: Run, onEnd: (outcome: string) => void): void {
  const run = aggregate(
    services.map((name) => (ctx: Context) => {
      signals.push(new WeakRef(ctx.signal!));
      return fetchJson(ctx, at[name]!, { maxBytes: 2 ** 16 });
    }),
    withTimeout(timeout),
  );
  const own = new AbortController();
  const answer =
    abort === undefined ? run(shared) : fromAbortable(shared, () => run({ ...shared, signal: own.signal }));
  const subscription = answer.subscribe({
    next: () => {
      onEnd('answer');
    },
    error: (error: Error) => {
      if (!(error instanceof ServiceError)) onEnd(error.name);
      else onEnd(`${services[Number(error.service.slice(1, -1))]!}: ${(error.cause as Error).name}`);
    },
  });
  subscriptions.push(new WeakRef(subscription));
  afterResponses(abort, () => {
    own.abort('the user left');
  });
  afterResponses(unsubscribe, () => {
    if (!subscription.closed) onEnd('nothing');
    subscription.unsubscribe();
  });
}

function afterResponses(count: number | undefined, act: () => void): void {
  if (count !== undefined) responded.pipe(first((value) => value >= count)).subscribe(act);
}
