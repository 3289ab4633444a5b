import {
  defer,
  firstValueFrom,
  identity,
  type MonoTypeOperatorFunction,
  type Observable,
  ReplaySubject,
  Subscription,
  take,
  timeout,
  timer,
} from 'rxjs';
import { assertTimerMs, describeType } from '../core/assert.ts';
import type { Context, Fetch } from '../core/context.ts';
import { toObservable } from '../core/service.ts';
import { watchLeaks } from './leak-watch.ts';
import type { Wire } from './watch/requests.ts';
import { timersAreFaked } from './watch/timers.ts';
import type { Leak } from './watch/watched.ts';
import { show } from './values.ts';

/** How {@link expectNoLeaks} asks. */
export interface LeakOptions {
  /** The `ctx.fetch` of the service. By default there is none, and it uses the platform's. */
  readonly fetch?: Fetch;
  /**
   * The service as it fails, such as for another input; `false` where it cannot.
   *
   * @defaultValue the service itself, while all its requests fail
   */
  readonly fails?: ((ctx: Context) => Observable<unknown>) | false;
  /**
   * Milliseconds that the service may take to succeed or to fail.
   *
   * @defaultValue 1_000
   */
  readonly within?: number;
}

/**
 * Asks a service in every way in which it can end, and rejects where something outlives it.
 *
 * It is let succeed and fail, asked on a signal that has aborted, unsubscribed at once, while it runs and at its first value,
 * and aborted while it runs. Resolves where nothing is left a few tasks later. Else it rejects with an `Error` that says
 * of each thing that was left when that was, and what to do about it:
 *
 * - listeners on `ctx.signal`
 * - requests of `ctx.fetch` and `globalThis.fetch` that are in flight, bodies that nobody reads, and requests that are made
 *   though the signal has aborted, or after the end
 * - timers of the platform and of RxJS
 * - sources that still emit values
 *
 * What goes through neither of these, such as a query that a driver goes on with, it cannot see. It runs in real time, and
 * has the process to itself: `fetch`, the timers and RxJS's `config.onStoppedNotification` are watched while it runs, and what
 * others do with them is held against the service. Timers that the runner fakes are refused. Those who call it at the same
 * time wait for each other.
 *
 * @param service - A service that needs no input: `(ctx) => profile(ctx, 42)`.
 * @param options - Its transport, and how it fails.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import type { Context } from 'forkfast';
 * import { expectNoLeaks } from 'forkfast/testing';
 *
 * const leaky = (ctx: Context) => {
 *   ctx.signal?.addEventListener('abort', () => {});
 *   return of('Alice');
 * };
 *
 * expectNoLeaks(leaky, { fails: false }).catch((error) => console.log(error.message.split('\n  when')[0]));
 * // => The service leaves something behind: - a listener on ctx.signal
 * ```
 */
export async function expectNoLeaks(
  service: (ctx: Context) => Observable<unknown>,
  options: LeakOptions = {},
): Promise<void> {
  const { fails = service } = options;
  for (const ask of [service, fails || service]) {
    if (typeof ask !== 'function') throw new TypeError(`expectNoLeaks: a service, not ${describeType(ask)}`);
  }
  const before = underWay;
  const checked = before.then(() => check(service, options));
  underWay = checked.catch(() => undefined);
  return checked;
}

let underWay: Promise<unknown> = Promise.resolve();

type Ask = (ctx: Context) => Observable<unknown>;

/** A service that is asked once, while it is watched. */
interface Stage {
  readonly subscribe: (shape?: MonoTypeOperatorFunction<unknown>) => void;
  readonly abort: () => void;
  /** How it ended; rejects where it has not in time. */
  readonly end: () => Promise<{ readonly error?: unknown }>;
  readonly asked: () => boolean;
}

async function check(service: Ask, { fetch, fails, within = 1_000 }: LeakOptions): Promise<void> {
  assertTimerMs('expectNoLeaks: within', within, 1);
  if (timersAreFaked()) {
    throw new Error(
      'expectNoLeaks: the timers are faked, and it needs real ones: vi.useRealTimers(), jest.useRealTimers()',
    );
  }
  const left = new Map<string, { readonly leak: Leak; readonly when: string[] }>();
  const scene = async (when: string, ask: Ask, wire: Wire, play: (stage: Stage) => Promise<void> | void) => {
    for (const leak of await leaksOf(ask, wire, { fetch, within }, play)) {
      const known = left.get(leak.what) ?? { leak, when: [] };
      if (!known.when.includes(when)) known.when.push(when);
      left.set(leak.what, known);
    }
  };

  await scene('succeeds', service, 'answers', async ({ subscribe, end }) => {
    subscribe();
    const outcome = await end();
    if ('error' in outcome) {
      const message = `expectNoLeaks: the service failed where it was to succeed: ${show(outcome.error)}`;
      throw new Error(message, { cause: outcome.error });
    }
  });
  if (fails !== false) {
    await scene('fails', fails ?? service, fails ? 'answers' : 'fails', async ({ subscribe, end, asked }) => {
      subscribe();
      const outcome = await end();
      // What makes the best of a failed request is fine too.
      if (!('error' in outcome) && (fails ?? !asked())) {
        throw new Error(
          'expectNoLeaks: the service succeeded where it was to fail: give { fails: (ctx) => … }, or { fails: false } where it cannot',
        );
      }
    });
  }
  await scene('is asked on an aborted signal', service, 'hangs', async ({ abort, subscribe }) => {
    abort();
    subscribe();
    await tasks();
  });
  await scene('is unsubscribed at once', service, 'hangs', ({ subscribe }) => {
    subscribe();
  });
  await scene('is unsubscribed while it runs', service, 'hangs', async ({ subscribe }) => {
    subscribe();
    await tasks();
  });
  await scene('is unsubscribed at its first value', service, 'answers', async ({ subscribe, end }) => {
    subscribe(take(1));
    await end();
  });
  await scene('is aborted while it runs', service, 'hangs', async ({ subscribe, abort }) => {
    subscribe();
    await tasks();
    abort();
    await tasks();
  });

  if (left.size > 0) throw new Error(report([...left.values()]));
}

/** Plays one scene, and says what is left when it is over, and when the signal aborts after that. */
async function leaksOf(
  ask: Ask,
  wire: Wire,
  { fetch, within }: { readonly fetch: Fetch | undefined; readonly within: number },
  play: (stage: Stage) => Promise<void> | void,
): Promise<readonly Leak[]> {
  const watch = watchLeaks(wire);
  const ctx = { signal: watch.signal, ...(fetch && { fetch: watch.fetch(fetch) }) };
  const subscription = new Subscription();
  const ended = new ReplaySubject<{ readonly error?: unknown }>(1);
  const overdue = (): never => {
    throw new Error(`expectNoLeaks: the service did not end within ${String(within)} ms: { within } may be more`);
  };
  try {
    await play({
      subscribe: (shape = identity) => {
        const asked = defer(() => toObservable(ask(ctx))).pipe(shape);
        const end = (outcome: { readonly error?: unknown }) => {
          watch.over();
          ended.next(outcome);
        };
        const error = (reason: unknown): void => {
          end({ error: reason });
        };
        const complete = (): void => {
          end({});
        };
        subscription.add(asked.subscribe({ error, complete }));
      },
      abort: watch.abort,
      end: () =>
        firstValueFrom(ended.pipe(timeout({ first: within, with: () => defer(overdue) })), { defaultValue: {} }),
      asked: watch.asked,
    });
    subscription.unsubscribe();
    watch.over();
    await tasks();
    const left = watch.leaks();
    watch.abort();
    await tasks();
    return [...left, ...watch.leaks()];
  } finally {
    subscription.unsubscribe();
    watch.abort();
    watch.stop();
  }
}

/** Lets happen what is due: a few tasks, and the promises between them. */
async function tasks(): Promise<void> {
  for (let task = 0; task < 5; task++) await firstValueFrom(timer(0), { defaultValue: 0 });
}

function report(left: readonly { readonly leak: Leak; readonly when: readonly string[] }[]): string {
  const items = left.map(({ leak, when }) => `- ${leak.what}\n  when it ${when.join(', ')}\n  ${leak.fix}`);
  return `The service leaves something behind:\n\n${items.join('\n')}`;
}
