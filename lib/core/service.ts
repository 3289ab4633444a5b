import { from, isObservable, Observable, type Observer, type Subscribable, type Subscriber } from 'rxjs';
import { describeType, hasMethod, isPromiseLike } from './assert.ts';
import type { Context } from './context.ts';

/**
 * A question you can ask: a function from a context and an input to a cold Observable that emits its answer and
 * completes, and that is canceled by unsubscribing.
 *
 * At run time a service may return a promise too (its type says an Observable: `defer` makes one of an `async` function); the
 * Observables may come from any copy of RxJS.
 *
 * @typeParam In - The input; `void` for a service that needs none.
 * @typeParam Out - The answer.
 * @typeParam Ctx - The context that it needs, where that is more than {@link Context}.
 *
 * @remarks "Your Server as a Function" (Eriksen, 2013), where services combine into services.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { background, type Service } from 'forkfast';
 *
 * const greet: Service<string, string> = (_ctx, name) => of(`hello ${name}`);
 *
 * greet(background, 'Alice').subscribe(console.log); // => hello Alice
 * ```
 */
export type Service<In, Out, Ctx extends Context = Context> = (ctx: Ctx, input: In) => Observable<Out>;

/**
 * Any service. Written as a method, which TypeScript compares loosely: an inline service's `ctx` is inferred as `Context`,
 * and one that asks for a wider context or for an input of its own fits too.
 */
export type AnyService = { ask(ctx: Context, input: unknown): Observable<unknown> }['ask'];

type Values<T> = T extends readonly unknown[] ? T[number] : T[keyof T];
/** The intersection of what the parameters `P` of all services ask for; `unknown` where none asks. */
type Needed<P> = [Values<P>] extends [(needed: infer All) => void] ? All : unknown;

/** The context that all of the services need together. */
export type ContextOf<S> = Context &
  Needed<{ [K in keyof S]: S[K] extends (ctx: infer Ctx, input: never) => unknown ? (needed: Ctx) => void : never }>;

/** The input that all of the services need together; `void` where none needs one. */
export type InputOf<S> = Optional<
  Needed<{
    [K in keyof S]: S[K] extends (ctx: never, input: infer In) => unknown
      ? (needed: [In] extends [never] ? In : [In] extends [void] ? unknown : In) => void
      : never;
  }>
>;
type Optional<In> = unknown extends In ? void : In;

/** The answers by name, or in order for a tuple of services. */
export type OutputOf<S> = {
  -readonly [K in keyof S]: S[K] extends (ctx: never, input: never) => Observable<infer Out> ? Out : never;
};

/**
 * What a factory returned, as an Observable of this copy of RxJS.
 *
 * Narrower than `from` on purpose: `from('Alice')` would answer `'e'`, and an array its last element.
 */
export function toObservable<T>(answer: Observable<T> | PromiseLike<T>): Observable<T> {
  const given: unknown = answer;
  if (given instanceof Observable) return answer as Observable<T>;
  // Another copy of RxJS may name its interop symbol otherwise: subscribe to it as what it is.
  if (isObservable(given)) return new Observable((subscriber) => given.subscribe(subscriber as never));
  const key = interopOf(given);
  if (key !== undefined) {
    const interop = given as Record<PropertyKey, () => Subscribable<T>>;
    return new Observable((subscriber) => interop[key]?.().subscribe(subscriber));
  }
  if (isPromiseLike(given)) return from(answer);
  throw new TypeError(`expected an Observable, got ${describeType(given)}: wrap it in of(...) or fromAbortable(...)`);
}

/** Receives what a source emits, and what its teardown throws. */
export interface SourceObserver<T> extends Observer<T> {
  /** Assigned before the source is subscribed to, so that an endless synchronous source can be unsubscribed from. */
  source: Subscriber<T> | undefined;
  /** Called where a source that has already ended throws while it is being subscribed to. */
  onTeardownError(error: unknown): void;
}

/** Subscribes to `source`. A `subscribe` that throws is an error of the source. */
export function subscribeTo<T>(source: Observable<T>, observer: SourceObserver<T>): void {
  new Observable<T>((subscriber) => {
    observer.source = subscriber;
    try {
      source.subscribe(subscriber);
    } catch (error) {
      if (subscriber.closed) observer.onTeardownError(error);
      else subscriber.error(error);
    }
  }).subscribe(new ForwardingObserver(observer));
}

/**
 * Calls the same methods of another observer. With `config.useDeprecatedNextContext` RxJS calls the methods on a copy, which has
 * no private fields. An object with three closures would do too, and weigh eight times as much.
 */
export class ForwardingObserver<T> implements Observer<T> {
  private readonly to: Observer<T>;

  constructor(to: Observer<T>) {
    this.to = to;
  }

  next(value: T): void {
    this.to.next(value);
  }

  error(error: unknown): void {
    this.to.error(error);
  }

  complete(): void {
    this.to.complete();
  }
}

/** The method that gives an Observable. A polyfill may have come after RxJS, which goes by what was there before. */
function interopOf(value: unknown): PropertyKey | undefined {
  const polyfilled = (Symbol as { observable?: symbol }).observable;
  return ['@@observable', ...(polyfilled ? [polyfilled] : [])].find((key) => hasMethod(value, key));
}
