import type { Observable } from 'rxjs';
import { assertTimerMs, mismatch } from '../../core/assert.ts';
import type { Context, Fetch } from '../../index.ts';
import type { Leak } from './leak.ts';
import { leaksIn, type TestedService } from './leaks-in.ts';
import { scenariosOf } from './scenarios.ts';
import { timersAreFaked } from './timers.ts';

/** Configures {@link expectNoLeaks}. */
export interface LeakOptions {
  /**
   * The `ctx.fetch` of the service.
   *
   * @defaultValue none: the service uses the platform's `fetch`
   */
  readonly fetch?: Fetch;
  /**
   * A service that fails, such as the same service with another input; `false` if the service cannot fail.
   *
   * @defaultValue the service itself, while all its requests fail
   */
  readonly fails?: ((ctx: Context) => Observable<unknown> | PromiseLike<unknown>) | false;
  /**
   * Milliseconds within which the service must succeed, and fail.
   *
   * @defaultValue 1_000
   */
  readonly timeout?: number;
}

/**
 * Ends a service in every way in which it can end, and rejects if something outlives the service.
 *
 * The service succeeds; fails; is called with an aborted signal; is unsubscribed at once, while it runs, and at its first value;
 * and is aborted while it runs. A few tasks after each end, nothing may be left. Otherwise the promise rejects with an `Error`
 * that says of each leak after which ends it was found, and how to fix it. Leaks are:
 *
 * - listeners on `ctx.signal`
 * - requests of `ctx.fetch` and `globalThis.fetch` that are in flight, and requests that are sent after the abort or the end
 * - unread bodies
 * - timers of the platform and of RxJS
 * - sources that still emit values
 *
 * It detects nothing else, such as a query that a database driver continues. It runs in real time, and rejects if the test
 * runner fakes the timers. It replaces `fetch`, the timers and RxJS's `config.onStoppedNotification` while it runs, so
 * other code that uses them at the same time counts as the service. Concurrent calls wait for each other.
 *
 * @param service - A service without an input: `(ctx) => profile(ctx, 42)`.
 * @param options - The transport of the service, how it fails, and how long it may take.
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
 * // => expectNoLeaks: expected no leaks, got 1: - a listener on ctx.signal
 * ```
 */
export async function expectNoLeaks(
  service: (ctx: Context) => Observable<unknown> | PromiseLike<unknown>,
  options: LeakOptions = {},
): Promise<void> {
  const { fails } = options;
  assertService('service', service);
  if (fails) assertService('fails', fails);
  const checked = lastCheck.then(() => check(service, options));
  lastCheck = checked.catch(() => undefined);
  return checked;
}

let lastCheck: Promise<unknown> = Promise.resolve();

function assertService(name: string, service: unknown): void {
  if (typeof service === 'function') return;
  throw new TypeError(`${mismatch(`expectNoLeaks: ${name}`, 'a service', service)}: pass (ctx) => …`);
}

async function check(service: TestedService, { fetch, fails, timeout = 1_000 }: LeakOptions): Promise<void> {
  assertTimerMs('expectNoLeaks: timeout', timeout, 1);
  if (timersAreFaked()) {
    throw new Error(
      'expectNoLeaks: expected real timers, got fake ones: call vi.useRealTimers() or jest.useRealTimers() first',
    );
  }
  const found = new Map<string, FoundLeak>();
  for (const [scenario, tested] of scenariosOf(service, fails)) {
    for (const leak of await leaksIn(scenario, tested, fetch, timeout)) {
      const known = found.get(leak.what) ?? { ...leak, ends: new Set() };
      found.set(leak.what, known);
      known.ends.add(scenario.when);
    }
  }
  if (found.size > 0) throw new Error(report([...found.values()]));
}

/** A leak, and the ends after which it was found. */
interface FoundLeak extends Leak {
  readonly ends: Set<string>;
}

function report(found: readonly FoundLeak[]): string {
  const items = found.map(({ what, ends, fix }) => `- ${what}\n  when the service ${[...ends].join(', ')}\n  ${fix}`);
  return `expectNoLeaks: expected no leaks, got ${String(found.length)}:\n\n${items.join('\n')}`;
}
