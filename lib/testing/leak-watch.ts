import { config, Subscription } from 'rxjs';
import type { Fetch, FetchResponse } from '../context.ts';
import { requestOf } from './request-of.ts';

/** Something that was left behind, and what to do about it. */
export interface Leak {
  readonly what: string;
  readonly fix: string;
}

/** What becomes of requests: they are answered, they fail at once, or they are in flight until they are aborted. */
export type Wire = 'answers' | 'fails' | 'hangs';

/** What one run of a service does to the world, seen from outside. */
export interface LeakWatch {
  readonly signal: AbortSignal;
  readonly abort: () => void;
  readonly fetch: (transport: Fetch) => Fetch;
  /** Whether any request was made. */
  readonly asked: () => boolean;
  /** From now on, whatever starts is too late. */
  readonly over: () => void;
  readonly leaks: () => readonly Leak[];
  /** Puts the globals back. */
  readonly stop: () => void;
}

const ours = 'as fetchJson does, and fromAbortable(ctx, (signal) => …) for whatever takes a signal';

/** Watches until `stop` is called, and sees whatever else goes on at that time. */
export function watchLeaks(wire: Wire): LeakWatch {
  const controller = new AbortController();
  const { signal } = controller;
  let over = false;
  let gone = false;
  const late = (): string | undefined => {
    if (signal.aborted) return 'though ctx.signal had aborted';
    return over ? 'after it was over' : undefined;
  };
  const replaced = new Subscription();
  const replace = (name: string, wrap: (real: AnyFunction) => AnyFunction): void => {
    const real: unknown = Reflect.get(globalThis, name);
    if (typeof real !== 'function') return;
    Reflect.set(globalThis, name, wrap(real as AnyFunction));
    replaced.add(() => {
      Reflect.set(globalThis, name, real);
    });
  };
  const requests = watchRequests(wire, late);
  replace('fetch', requests.watch);
  const watched = [watchListeners(signal), requests, watchTimers(replace), watchValues(() => gone, replaced)];
  return {
    signal,
    abort: () => {
      controller.abort();
    },
    fetch: (transport) => requests.watch(transport as AnyFunction) as Fetch,
    asked: requests.asked,
    over: () => {
      over = true;
      void Promise.resolve().then(() => (gone = true));
    },
    leaks: () => watched.flatMap(({ leaks }) => leaks()),
    stop: () => {
      replaced.unsubscribe();
    },
  };
}

interface Watched {
  readonly leaks: () => readonly Leak[];
}

type AnyFunction = (...args: unknown[]) => unknown;

/** A function with all that hangs on it, such as what `promisify` looks for. */
function around(real: AnyFunction, call: (...args: unknown[]) => unknown): AnyFunction {
  return new Proxy(real, { apply: (_real, _this, args: unknown[]) => call(...args) });
}

/** Listeners on a signal that has not aborted: those of one that has are done with. */
function watchListeners(signal: AbortSignal): Watched {
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const listeners = new Set<unknown>();
  signal.addEventListener = (type: string, listener: unknown, options?: boolean | AddEventListenerOptions) => {
    add(type, listener as EventListener, options);
    if (type !== 'abort') return;
    listeners.add(listener);
    // Node goes through removeEventListener here, browsers do not.
    const until = typeof options === 'object' ? options.signal : undefined;
    until?.addEventListener('abort', () => listeners.delete(listener), { once: true });
  };
  signal.removeEventListener = (type: string, listener: unknown, options?: boolean | EventListenerOptions) => {
    remove(type, listener as EventListener, options);
    listeners.delete(listener);
  };
  const leak = {
    what: 'a listener on ctx.signal',
    fix: `Remove it in the teardown, ${ours}.`,
  };
  return {
    leaks: () => (signal.aborted || (listeners.size === 0 && signal.onabort === null) ? [] : [leak]),
  };
}

/** A request that the service made. */
interface Asked {
  /** `GET http://profile.test/profiles/42` */
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  readonly late: string | undefined;
  settled: boolean;
  response?: FetchResponse & { readonly bodyUsed?: boolean };
}

function watchRequests(
  wire: Wire,
  late: () => string | undefined,
): Watched & { readonly watch: (real: AnyFunction) => AnyFunction; readonly asked: () => boolean } {
  const all: Asked[] = [];
  const send = async (asked: Asked, answer: () => unknown): Promise<unknown> => {
    try {
      if (wire === 'fails') throw new TypeError('fetch failed');
      const response = await (wire === 'hangs' ? hanging(asked.signal) : answer());
      asked.response = response as FetchResponse;
      return response;
    } finally {
      asked.settled = true;
    }
  };
  const watch = (real: AnyFunction): AnyFunction =>
    around(real, (input, init?) => {
      const { url, method, signal } = requestOf(input, init as RequestInit | undefined);
      const asked = { name: `${method} ${url}`, signal, late: late(), settled: false };
      all.push(asked);
      return send(asked, () => real(input, init));
    });
  const leaksOf = ({ name, signal, late: tooLate, settled, response }: Asked): Leak[] => {
    if (tooLate !== undefined) {
      return [{ what: `${name}, asked ${tooLate}`, fix: `Ask no more when it is over or aborted, ${ours}.` }];
    }
    if (signal?.aborted) return [];
    if (!settled) return [{ what: `${name}, in flight`, fix: `Abort it in the teardown, ${ours}.` }];
    if (!response?.body || response.bodyUsed !== false) return [];
    return [
      {
        what: `the body of ${name}, unread, and its connection with it`,
        fix: 'Read it or cancel it (response.body?.cancel()) before failing, as fetchJson does.',
      },
    ];
  };
  return { watch, asked: () => all.length > 0, leaks: () => all.flatMap(leaksOf) };
}

/** In flight until it is aborted. */
function hanging(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as fetch does
      reject(signal?.reason);
    };
    if (signal?.aborted) end();
    // Past the watch: where it is ctx.signal, this listener is not the service's.
    else if (signal) EventTarget.prototype.addEventListener.call(signal, 'abort', end, { once: true });
  });
}

/** Timers of the platform, and so those of RxJS, which are made of them. */
function watchTimers(replace: (name: string, wrap: (real: AnyFunction) => AnyFunction) => void): Watched {
  /** The milliseconds of each that runs. */
  const running = new Map<unknown, number>();
  for (const clear of ['clearTimeout', 'clearInterval']) {
    replace(clear, (real) =>
      around(real, (handle) => {
        running.delete(handle);
        return real(handle);
      }),
    );
  }
  for (const set of ['setTimeout', 'setInterval']) {
    replace(set, (real) =>
      around(real, (callback, ms, ...given) => {
        const call = (...args: unknown[]): unknown => {
          if (set === 'setTimeout') running.delete(handle);
          return (callback as AnyFunction)(...args);
        };
        const handle: unknown = real(call, ms, ...given);
        // What is due at once is no timer to speak of; RxJS uses one to tell of what came too late.
        if (set === 'setInterval' || ms) running.set(handle, Number(ms ?? 0));
        return handle;
      }),
    );
  }
  return {
    leaks: () =>
      [...running]
        .filter(([handle]) => holdsProcess(handle))
        .map(([, ms]) => ({
          what: `a timer of ${String(ms)} ms`,
          fix: 'Clear it in the teardown, or make it of timer and interval of RxJS, and unsubscribe from those.',
        })),
  };
}

/** As Jest, Vitest and Sinon mark those that they fake: under them no task would ever come. */
export function timersAreFaked(): boolean {
  return Object.hasOwn(Reflect.get(globalThis, 'setTimeout') as AnyFunction, 'clock');
}

/** Node's own, such as those of its `fetch`, are let go of with `unref`. */
function holdsProcess(handle: unknown): boolean {
  return (handle as { hasRef?: () => boolean }).hasRef?.() !== false;
}

/** Who has been sent a value too late: whatever goes on with that is no leak of a service that is asked after it. */
const blamed = new WeakSet();

/**
 * Values that are sent to who has gone. RxJS drops them and tells nobody but its hook, a task later; that it looks for the
 * hook is when it drops one. What is sent in the stack of the end does not count: a loop that emits once more is no leak.
 */
function watchValues(gone: () => boolean, replaced: Subscription): Watched {
  let hook = config.onStoppedNotification;
  let values = 0;
  const watching: typeof hook = (notification, subscriber) => {
    // An error is how a promise ends that was aborted.
    if (notification.kind === 'N' && !blamed.has(subscriber)) {
      blamed.add(subscriber);
      values++;
    }
    hook?.(notification, subscriber);
  };
  const property = { configurable: true, enumerable: true };
  Object.defineProperty(config, 'onStoppedNotification', {
    ...property,
    get: () => (gone() ? watching : hook),
    set: (other: typeof hook) => {
      hook = other;
    },
  });
  replaced.add(() => {
    Object.defineProperty(config, 'onStoppedNotification', { ...property, value: hook, writable: true });
  });
  const leak = {
    what: 'something that still emits values',
    fix: 'Stop it in the teardown: new Observable((subscriber) => { …; return () => stop(); })',
  };
  return { leaks: () => (values === 0 ? [] : [leak]) };
}
