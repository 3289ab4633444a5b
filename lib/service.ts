import { from, isObservable, Observable, type Subscribable } from 'rxjs';
import { hasMethod, kindOf } from './check.ts';
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
  throw new TypeError(`expected an Observable, got ${kindOf(given)}: wrap it in of(...) or fromAbortable(...)`);
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return hasMethod(value, 'then');
}

/** Marks a promise that nobody waits for as handled. */
export function hush(answer: unknown): void {
  if (isPromiseLike(answer)) answer.then(undefined, () => undefined);
}

/** The method that gives an Observable. A polyfill may have come after RxJS, which goes by what was there before. */
function interopOf(value: unknown): PropertyKey | undefined {
  const polyfilled = (Symbol as { observable?: symbol }).observable;
  return ['@@observable', ...(polyfilled ? [polyfilled] : [])].find((key) => hasMethod(value, key));
}
