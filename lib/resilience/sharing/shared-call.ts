import type { Observable } from 'rxjs';
import { finalize, ReplaySubject, share, type Subscriber, tap, type TeardownLogic } from 'rxjs';
import { withoutSignal } from '../../core/abort/with-signal.ts';
import { captureAsyncContext, type Context, type RunInContext } from '../../core/context.ts';
import { abortableInRun } from '../../core/from-abortable.ts';
import { detached } from '../../core/run-handle.ts';
import { type SourceObserver, subscribeTo } from '../../core/service-call.ts';
import { type Flight, flightKey, markSignal } from './flight.ts';

/** A call to share. It holds nothing of the caller that starts it, who may leave while others wait. */
interface CallToShare<In, Out> {
  readonly service: (ctx: never, input: In) => PromiseLike<Out> | Observable<Out>;
  /** The context of the call, apart from its signal. */
  readonly ctx: Context;
  readonly input: In;
}

/** One call, and all who subscribe to its answer. */
export interface SharedCall<Out> {
  readonly flight: Flight;
  /** Runs an action in the async context of the caller that started the call. */
  readonly inContext: RunInContext;
  /** Adds a subscriber, which is notified in its own async context. The first one starts the call. */
  readonly subscribe: (caller: Context, subscriber: Subscriber<Out>) => TeardownLogic;
}

/**
 * Starts a call with its first subscriber, and cancels it when its last subscriber leaves.
 *
 * @param onEnd - Called once, before anyone is notified: a retry must not join work that has failed.
 */
export function shareCall<In, Out>(
  flight: Flight,
  call: CallToShare<In, Out>,
  onEnd: (answered: boolean) => void,
): SharedCall<Out> {
  const end = (answered: boolean): void => {
    flight.ended = true;
    onEnd(answered);
  };
  let teardownError: { readonly error: unknown } | undefined;
  const onTeardownError = (error: unknown): void => {
    teardownError = { error };
  };
  const answer = abortableInRun(call.ctx, startOf(call, flight), onTeardownError).pipe(
    tap({
      error: () => {
        end(false);
      },
      complete: () => {
        end(true);
      },
    }),
    finalize(() => {
      if (!flight.ended) end(false);
    }),
    share({ connector: () => new ReplaySubject<Out>(1), resetOnComplete: false }),
  );
  /** Called by all subscribers that tear down: the first throws what the teardown of the service has thrown. */
  const throwTeardownError = (): void => {
    const thrown = teardownError;
    teardownError = undefined;
    if (thrown) throw thrown.error;
  };
  const inContext = captureAsyncContext();
  const subscribe = (caller: Context, subscriber: Subscriber<Out>): TeardownLogic => {
    const observer = observerInOwnContext(subscriber);
    subscriber.add(flight.add(caller));
    subscriber.add(() => {
      inContext(() => observer.subscription?.unsubscribe());
    });
    subscribeTo(answer, observer);
    return throwTeardownError;
  };
  return { flight, inContext, subscribe };
}

/** The context of a call that may outlive its first caller: without the signal, the deadline and the run of that caller. */
export function sharedContext(ctx: Context): Context {
  const { deadline, ...rest } = detached(ctx);
  return rest;
}

/** Notifies the subscriber in the async context of the caller of this function. */
function observerInOwnContext<T>(subscriber: Subscriber<T>): SourceObserver<T> {
  const inContext = captureAsyncContext();
  return {
    subscription: undefined,
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
  { service, ctx, input }: CallToShare<In, Out>,
  flight: Flight,
): (signal: AbortSignal) => PromiseLike<Out> | Observable<Out> {
  return (signal) =>
    service({ ...withoutSignal(ctx), signal: markSignal(signal, flight), [flightKey]: flight } as never, input);
}
