import type { Observable } from 'rxjs';
import type { Context } from './context.ts';

/**
 * A function of a context and an input that returns a cold Observable.
 *
 * The Observable emits the answer and completes. Unsubscribing cancels the call. Every function of forkfast that makes a
 * service returns one of this type; a service that you write may return a promise instead, see {@link ServiceLike}.
 *
 * @typeParam In - The input; `void` for a service that needs none.
 * @typeParam Out - The value that the Observable emits.
 * @typeParam Ctx - The context that the service needs, if it needs more than {@link Context}.
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
 * A service that forkfast accepts: a {@link Service}, or a function that returns a promise.
 *
 * A promise cannot be unsubscribed from: pass `ctx.signal` to the work behind the promise, so that the work is canceled. The
 * Observable may come from any copy of RxJS.
 *
 * @example
 * ```ts
 * import { setTimeout } from 'node:timers/promises';
 * import { aggregate, background, type ServiceLike } from 'forkfast';
 *
 * const greet: ServiceLike<string, string> = async ({ signal }, name) => setTimeout(1, `hello ${name}`, { signal });
 *
 * aggregate({ greet })(background, 'Alice').subscribe(console.log); // => { greet: 'hello Alice' }
 * ```
 */
export type ServiceLike<In, Out, Ctx extends Context = Context> = (
  ctx: Ctx,
  input: In,
  // Without `& object`, TypeScript infers that `Out` is `never` from a service that returns `Subject<string> | Observable<never>`.
) => (Observable<Out> & object) | PromiseLike<Out>;

/**
 * The type of the values that a service emits.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background, type ValueOf } from 'forkfast';
 *
 * const dashboard = aggregate({ name: () => of('Alice'), orders: async () => 5 });
 * const show = ({ name, orders }: ValueOf<typeof dashboard>) => console.log(`${name}: ${orders}`);
 *
 * dashboard(background).subscribe(show); // => Alice: 5
 * ```
 */
export type ValueOf<F> = F extends ServiceLike<never, infer Out, never> ? Out : never;

/** The input that a record or a tuple of services needs: the intersection of their inputs, or `void` if no service needs one. */
export type InputOf<S> = VoidIfUnknown<Intersection<InputPart<Values<S>>>>;

/** The context that a record or a tuple of services needs: the intersection of their contexts. */
export type ContextOf<S> = AsContext<Intersection<ContextPart<Values<S>>>>;

/**
 * The constraint of a record or a tuple of services. It turns into a sentence for anything else, so that the compiler says what
 * is wrong where the aggregate is defined. You need it only to write a generic function around `aggregate`.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background, type Services, withTimeout } from 'forkfast';
 *
 * function quickly<const S extends Services<S>>(services: S) {
 *   return aggregate(services, withTimeout(500));
 * }
 *
 * quickly({ orders: () => of(5) })(background).subscribe(console.log); // => { orders: 5 }
 * ```
 */
export type Services<S> = IfNever<
  Exclude<S, NotARecord>,
  RecordHint<S>,
  { readonly [K in keyof S]: ServiceHint<S[K]> & (InlineService | AnyFunction) }
>;

type RecordHint<S> = `expected a record or a tuple of services${[S] extends [Observable<unknown>]
  ? ', got an Observable: wrap it in a service, as in { name: () => observable }'
  : [S] extends [PromiseLike<unknown>]
    ? ', got a promise: wrap it in a service, as in { name: () => promise }'
    : [S] extends [Callable]
      ? ', got a function: give the service a name, as in { name: service }'
      : ': pass { name: service }'}`;

/** `unknown` for a service, or else a sentence. */
type ServiceHint<F> = IfNever<
  Exclude<F, Observable<unknown>>,
  'expected a service, got an Observable: pass () => observable',
  IfNever<
    Exclude<F, PromiseLike<unknown>>,
    'expected a service, got a promise: pass () => promise',
    IfNever<
      Extract<F, AnyService>,
      FunctionHint<F>,
      IfNever<Input<F>, 'the type of the input is never: annotate it, as in (ctx, id: number) => ...', unknown>
    >
  >
>;

type FunctionHint<F> = IfNever<
  Extract<F, Callable>,
  'expected a service: pass (ctx, input) => an Observable or a promise',
  IfNever<
    Extract<F, (...args: never) => ObservableOrPromise>,
    'expected a service that returns an Observable or a promise: wrap a plain value in of(...)',
    'a service has two parameters, and the context is the first: write (ctx, id: number) => ...'
  >
>;

/** `unknown` if there can be an input and a context for all services in `S`, or else a sentence at one of the services. */
export type ConflictHint<S> = [S] extends [string] // the sentence of `Services`
  ? unknown
  : IfNever<PossibleInput<S>, true, false> extends true // computes the sentence, which costs more, only for a conflict
    ? SentenceFor<
        S,
        'inputs',
        'let each service read its own field of an object, as in (ctx, { id }: { id: number }) => ...'
      >
    : IfNever<PossibleContext<S>, true, false> extends true
      ? SentenceFor<S, 'contexts', 'give each field of the context one type'>
      : unknown;

/** Names two services in conflict, at one of them. If no two are, as with `1 | 2`, `2 | 3` and `1 | 3`, names none. */
type SentenceFor<S, Kind extends 'inputs' | 'contexts', Fix extends string> = IfNever<
  InConflict<S, Kind>,
  `the ${Kind} of the services contradict each other: ${Fix}`,
  { readonly [K in OneOf<InConflict<S, Kind>>]: SentenceAt<S, K, OneOf<InConflictWith<S, K, Kind>>, Kind, Fix> }
>;
type SentenceAt<
  S,
  A,
  B,
  Kind extends string,
  Fix extends string,
> = `the ${Kind} of ${Label<S, B>} and ${Label<S, A>} contradict each other: ${Fix}`;
type Label<S, K> = S extends readonly unknown[] ? `[${K & string}]` : K & (string | number);

/** The keys of the services that are in conflict with another service. Not computed unless there is a conflict. */
type InConflict<S, Kind> = { [K in Keys<S>]: IfNever<InConflictWith<S, K, Kind>, never, K> }[Keys<S>];
type InConflictWith<S, K extends keyof S, Kind> = {
  [J in Keys<S>]: IfNever<
    Kind extends 'inputs' ? PossibleInput<[S[K], S[J]]> : PossibleContext<[S[K], S[J]]>,
    J,
    never
  >;
}[Keys<S>];
/** The known keys: none of a `Record<string, …>`, of an array or of its methods. */
type Keys<S> = keyof S &
  keyof { [K in Exclude<keyof S, S extends readonly unknown[] ? keyof unknown[] : symbol> as KnownKey<K>]: K };
type KnownKey<K> = string extends K ? never : number extends K ? never : K & PropertyKey;
/** One member of a union, whichever: TypeScript infers from the last signature of an overloaded function. */
type OneOf<U> = Intersection<U extends unknown ? Part<() => U> : never> extends () => infer One ? One & U : never;

type PossibleContext<S> = Possible<ContextOf<S>>;
/** `string & { id: string }` is a type with no value, unless it is a brand. TypeScript does not say so. */
type PossibleInput<S> = Possible<InputOf<S>> &
  IfNever<Exclude<'primitive' | 'object', KindOf<Values<S>>>, never, unknown>;
type KindOf<F> = F extends unknown ? KindOfInput<Input<F>> : never;
type KindOfInput<In> = IfNever<
  Exclude<In, undefined | void>,
  never,
  IfNever<
    Exclude<In, string | number | bigint | boolean | symbol>,
    'primitive',
    IfNever<Exclude<In, object>, IfNever<keyof In, never, 'object'>, never>
  >
>;

type ObservableOrPromise = Observable<unknown> | PromiseLike<unknown>;
type Callable = (...args: never) => unknown;
type NotARecord = ObservableOrPromise | Callable | string | number | bigint | boolean | symbol | null | undefined;

/** A method, because TypeScript compares its parameters in both directions: a service may need more than a `Context`. */
type AnyService = { call(ctx: Context, input: never): ObservableOrPromise }['call'];

/**
 * Types the parameters of an inline service. An input without an annotation is `never`, by which `ServiceHint` finds it. For a
 * generic function around a service, TypeScript infers type arguments from the last signature, the inherited one: no input.
 */
interface InlineService extends ServiceWithoutInput {
  (ctx: Context, input: never): ObservableOrPromise;
}
type ServiceWithoutInput = (ctx: Context) => ObservableOrPromise;
/** Has no signature, so that `InlineService` alone types the parameters. */
interface AnyFunction {
  readonly apply: unknown;
}

type Values<S> = S extends readonly unknown[] ? S[number] : S[keyof S];

type Input<F> = F extends (ctx: never, input: infer In) => unknown ? In : unknown;
type InputPart<F> = F extends unknown ? Part<[Input<F>] extends [void] ? unknown : Input<F>> : never;
type VoidIfUnknown<In> = unknown extends In ? void : In;

type ContextPart<F> = F extends (ctx: infer Ctx, input: never) => unknown
  ? Part<Context extends Ctx ? unknown : Ctx>
  : never;
type AsContext<Ctx> = unknown extends Ctx
  ? Context
  : [Ctx] extends [Context]
    ? [keyof Context] extends [keyof Ctx]
      ? Ctx
      : Ctx & Context
    : Ctx & Context;

/** Parameters are contravariant: a function that is `Part<A> | Part<B>` takes `A & B`. */
type Part<T> = (part: T) => void;
type Intersection<Parts> = [Parts] extends [Part<infer All>] ? All : unknown;

/** `never` if no value fits `T`, also because of one field, as in `{ id: number } & { id: string }`. */
type Possible<T> = Intersection<Part<T> | Values<FieldParts<T>>>;
/** Without index signatures: `Record<string, never>` is the type of an empty object. */
type FieldParts<T> = { [K in keyof T & PropertyKey]: Part<string extends K ? unknown : IfNever<T[K], never, unknown>> };

/**
 * `[T] extends [never]` stays undecided for a type parameter `T`, so that a generic function could not call `aggregate`. Here
 * TypeScript compares for identity, and a type parameter is not identical with `never`.
 */
export type IfNever<T, Yes, No> = [T, <P>(p: P) => P extends [T] ? 1 : 2] extends [
  T,
  <P>(p: P) => P extends [never] ? 1 : 2,
]
  ? Yes
  : No;
