import { finalize, Observable, ReplaySubject, share, type Subscriber, tap } from 'rxjs';
import { withoutSignal } from '../../core/abort.ts';
import { mismatch } from '../../core/assert.ts';
import { captureAsyncContext, type Context, type RunInContext } from '../../core/context.ts';
import { abortableInRun } from '../../core/from-abortable.ts';
import { detached } from '../../core/run-handle.ts';
import { type SourceObserver, subscribeTo } from '../../core/service-call.ts';
import { circleOf, Flight, flightKey, labelOf, markSignal } from './flight.ts';

/** An input that is its own key. */
export type Primitive = string | number | bigint | boolean | symbol | null | undefined | void;

/** How `perRun` and `singleFlight` recognize equal inputs. */
export interface KeyConfig<In> {
  /** Returns the same primitive for equal inputs. */
  readonly key: (input: In) => Primitive;
}

/** A call to share. It holds nothing of the caller that starts it, who may leave while others wait. */
interface SharedCall<In, Out> {
  readonly combinator: string;
  readonly service: (ctx: never, input: In) => PromiseLike<Out> | Observable<Out>;
  /** The context of the call, apart from its signal. */
  readonly ctx: Context;
  readonly input: In;
  /** The key of the input. */
  readonly inputKey: string;
}

/** Shares one call among all who subscribe under the same key at the same time. */
export type ShareByKey = <In, Out>(key: string, caller: Context, call: SharedCall<In, Out>) => Observable<Out>;

interface Entry {
  readonly flight: Flight;
  readonly answer: Observable<unknown>;
  /** Runs an action in the async context of the caller that started the call. */
  readonly inContext: RunInContext;
  /** Called by all subscribers that tear down: the first throws what the teardown of the service has thrown. */
  readonly throwTeardownError: () => void;
}

/**
 * An entry is removed when the work fails and when the last subscriber unsubscribes before the answer. It is also removed
 * when the work has answered, unless answers are kept. An entry is replaced if its flight is hung.
 */
export function shareByKey({ keepAnswers }: { readonly keepAnswers: boolean }): ShareByKey {
  const entries = new Map<string, Entry>();
  const table = {}; // not the entries: a context that is kept must keep no answer

  const start = <In, Out>(key: string, call: SharedCall<In, Out>): Entry => {
    const flight = new Flight(table, key, labelOf(call.service, call.combinator, call.inputKey));
    const end = (): void => {
      flight.ended = true;
      if (entries.get(key) === entry) entries.delete(key);
    };
    const onComplete = (): void => {
      if (keepAnswers) flight.ended = true;
      else end();
    };
    let teardownError: { readonly error: unknown } | undefined;
    const onTeardownError = (error: unknown): void => {
      teardownError = { error };
    };
    const answer = abortableInRun(call.ctx, startOf(call, flight), onTeardownError).pipe(
      tap({ error: end, complete: onComplete }), // before anyone is notified: a retry must not join work that has failed
      finalize(() => {
        if (!flight.ended) end();
      }),
      share({ connector: () => new ReplaySubject<Out>(1), resetOnComplete: false }),
    );
    const throwTeardownError = (): void => {
      const thrown = teardownError;
      teardownError = undefined;
      if (thrown) throw thrown.error;
    };
    const entry: Entry = { flight, answer, inContext: captureAsyncContext(), throwTeardownError };
    entries.set(key, entry);
    return entry;
  };

  return <In, Out>(key: string, caller: Context, call: SharedCall<In, Out>) =>
    new Observable<Out>((subscriber) => {
      const existing = entries.get(key);
      const circle = existing?.flight.ended === false && circleOf(caller, existing.flight);
      if (circle) {
        const message = `${call.combinator}: expected no circle of calls, got ${circle}: let no call wait for itself`;
        subscriber.error(new TypeError(message));
        return;
      }
      const joins = existing && (existing.flight.ended || !existing.flight.hung);
      const { flight, answer, inContext, throwTeardownError } = joins ? existing : start(key, call);
      const observer = observerInOwnContext(subscriber);
      subscriber.add(flight.add(caller));
      subscriber.add(() => {
        inContext(() => observer.source?.unsubscribe());
      });
      subscribeTo(answer as Observable<Out>, observer);
      return throwTeardownError;
    });
}

/** Notifies the subscriber in the async context of the caller of this function. */
function observerInOwnContext<T>(subscriber: Subscriber<T>): SourceObserver<T> {
  const inContext = captureAsyncContext();
  return {
    source: undefined,
    next: (value) => {
      inContext(() => {
        subscriber.next(value);
      });
    },
    error: (error) => {
      inContext(() => {
        subscriber.error(error);
      });
    },
    complete: () => {
      inContext(() => {
        subscriber.complete();
      });
    },
    onTeardownError: () => undefined, // `throwTeardownError` throws them
  };
}

/** A function of its own, because its closure must hold neither the first caller nor its signal. */
function startOf<In, Out>(
  { service, ctx, input }: SharedCall<In, Out>,
  flight: Flight,
): (signal: AbortSignal) => PromiseLike<Out> | Observable<Out> {
  return (signal) =>
    service({ ...withoutSignal(ctx), signal: markSignal(signal, flight), [flightKey]: flight } as never, input);
}

/** Returns a function that makes the key of an input. Inputs have the same key only if they are equal. */
export function inputKey<In>(
  combinator: string,
  service: unknown,
  { key: keyOf }: Partial<KeyConfig<In>> = {},
): (input: In) => string {
  if (typeof service !== 'function') throw new TypeError(mismatch(`${combinator}: service`, 'a function', service));
  if (keyOf !== undefined && typeof keyOf !== 'function') {
    throw new TypeError(mismatch(`${combinator}: key`, 'a function', keyOf));
  }
  return (input) => {
    const key: unknown = keyOf === undefined ? input : keyOf(input);
    if (!isReference(key)) return textOf(key);
    throw new TypeError(
      keyOf === undefined
        ? `${mismatch(`${combinator}: input`, 'a primitive', key)}: pass a key, such as { key: (input) => input.id }`
        : `${mismatch(`${combinator}: key`, 'to return a primitive', key)}: return a string or a number`,
    );
  };
}

/** The key of a context: of all its fields but the signal, the deadline, the run and the flight. */
export function contextKey(ctx: Context): string {
  const { deadline, propagate, [flightKey]: unused, ...rest } = detached(ctx) as Context & { [flightKey]?: Flight };
  const fields = rest as Record<PropertyKey, unknown>;
  const carried = Reflect.ownKeys(fields)
    .filter((name) => fields[name] !== undefined)
    .map((name) => `${textOf(name)} ${textOf(fields[name])}`);
  const headers = Object.entries(propagate ?? {}).map(([name, value]) => `${textOf(name)} ${textOf(value)}`);
  return JSON.stringify([carried.sort(), headers.sort()]);
}

const objectIds = new WeakMap<object, number>();
const symbolIds = new Map<symbol, number>();
let lastId = 0;

/** Two values have the same text only if they are the same primitive or the same object. */
function textOf(value: unknown): string {
  if (isReference(value)) return `object ${String(identityOf(objectIds, value))}`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (typeof value === 'symbol') return `symbol ${String(identityOf(symbolIds, value))}`;
  return String(value);
}

function isReference(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function identityOf<K>(ids: { get(key: K): number | undefined; set(key: K, id: number): unknown }, key: K): number {
  const id = ids.get(key) ?? ++lastId;
  ids.set(key, id);
  return id;
}
