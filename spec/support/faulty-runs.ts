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
  silent,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { transports } from './transports.ts';

/** What the program prints, as JSON, when nothing keeps it alive any more; then it ends by itself. */
export interface Report {
  /** How often the runs of a kind came to what. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** What keeps the process alive, before the runs and after them. Connections that undici pools while idle do not. */
  readonly resources: { readonly before: readonly string[]; readonly after: readonly string[] };
  readonly listeners: number;
  readonly rejections: readonly string[];
  readonly warnings: readonly string[];
  /** What of the runs is in use when the garbage has been collected. */
  readonly inUse: { readonly subscriptions: number; readonly signals: number; readonly promises: number };
}

interface Run {
  /** The faults of its services. */
  readonly services: readonly string[];
  readonly timeout: number;
  /** When the caller leaves: when so many requests, of all runs, have been answered. */
  readonly abort?: number | undefined;
  readonly unsubscribe?: number | undefined;
}

const [name, seed, urls] = process.argv.slice(2) as [string, string, string];
const at = JSON.parse(urls) as Record<string, string>;
const { ctx, faults } = transports.find((transport) => transport.name === name)!;

const all = Object.keys(faults);
const hanging = all.filter((name) => faults[name]!.json === 'nothing');
const failing = all.filter((name) => name !== 'healthy' && !hanging.includes(name));
const patient = ['healthy', ...hanging];

const services = (one: readonly string[], others: readonly string[]): fc.Arbitrary<string[]> =>
  fc
    .tuple(fc.constantFrom(...one), fc.array(fc.constantFrom(...others), { minLength: 1, maxLength: 3 }))
    .chain(([name, names]) => fc.shuffledSubarray([name, ...names], { minLength: names.length + 1 }));
const soon = fc.integer({ min: 1, max: 400 });
/** A timer that is left behind keeps the process alive. */
const far = fc.constant(2 ** 31 - 1);
/** At least 125 are answered: those of the runs that answer, and one of each that fails. */
const moment = fc.integer({ min: 0, max: 125 });

let dealt = 0;
/** How a run has to end, however slow the machine is. */
const kinds: Readonly<Record<string, () => fc.Arbitrary<Run>>> = {
  answers: () => fc.record({ services: services(['healthy'], ['healthy']), timeout: far }),
  fails: () => fc.record({ services: services([failing[dealt++ % failing.length]!], patient), timeout: far }),
  'times out': () => fc.record({ services: services(hanging, patient), timeout: soon }),
  'is aborted': () => fc.record({ services: services(hanging, patient), timeout: far, abort: moment }),
  'is left': () => fc.record({ services: services(hanging, patient), timeout: far, unsubscribe: moment }),
  'is anything': () =>
    fc.record({
      services: services(all, all),
      timeout: fc.oneof(soon, far),
      abort: fc.option(moment, { nil: undefined }),
      unsubscribe: moment,
    }),
};
const turns = ['answers', 'fails', 'times out', 'fails', 'is aborted', 'fails', 'is left', 'is anything'];
const runs = Array.from({ length: 200 }, (_, index) => {
  const kind = turns[index % turns.length]!;
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

/** The caller's signal of all runs, as a server has one. */
const shutdown = new AbortController();
const answered = new BehaviorSubject(0);
const counting: Fetch = async (url, init) => {
  try {
    return await (ctx.fetch ?? fetch)(url, init);
  } finally {
    if (!init.signal!.aborted) answered.next(answered.value + 1);
  }
};
const shared: Context = { ...ctx, fetch: counting, signal: shutdown.signal };

const before = process.getActiveResourcesInfo();
for (const { kind, run } of runs) {
  start(run, (outcome) => {
    const counts = (outcomes[kind] ??= {});
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  });
}
process.once('beforeExit', () => {
  const after = process.getActiveResourcesInfo();
  // What a task has had in hand is not collected before its end, and what a finalizer holds not before that has run.
  const collect = (rounds: number): void => {
    globalThis.gc!();
    if (rounds > 0) setImmediate(collect, rounds - 1);
    else console.log(JSON.stringify(report(after)));
  };
  setImmediate(collect, 5);
});
// Only where something is left: it keeps nothing alive itself.
AbortSignal.timeout(90_000).addEventListener('abort', () => {
  throw new Error(`alive still: ${JSON.stringify(report(process.getActiveResourcesInfo()))}`);
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

function start({ services, timeout, abort, unsubscribe }: Run, tell: (outcome: string) => void): void {
  const ask = aggregate(
    services.map((name) => (ctx: Context) => {
      signals.push(new WeakRef(ctx.signal!));
      return fetchJson(ctx, at[name]!, { maxBytes: 2 ** 16 });
    }),
    withTimeout(timeout),
    withLogger(silent),
  );
  const own = new AbortController();
  const asked = abort === undefined ? ask(shared) : fromAbortable(shared, () => ask({ ...shared, signal: own.signal }));
  const subscription = asked.subscribe({
    next: () => {
      tell('an answer');
    },
    error: (error: Error) => {
      if (!(error instanceof ServiceError)) tell(error.name);
      else tell(`${services[Number(error.service.slice(1, -1))]!}: ${(error.cause as Error).name}`);
    },
  });
  subscriptions.push(new WeakRef(subscription));
  when(abort, () => {
    own.abort('the user left');
  });
  when(unsubscribe, () => {
    if (!subscription.closed) tell('nothing');
    subscription.unsubscribe();
  });
}

function when(moment: number | undefined, act: () => void): void {
  if (moment !== undefined) answered.pipe(first((count) => count >= moment)).subscribe(act);
}
