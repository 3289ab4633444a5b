import { Observable } from 'rxjs';
import type { Context } from '../../core/context.ts';
import { circleError, Flight, labelOf } from './flight.ts';
import { shareCall, type SharedCall } from './shared-call.ts';

/** A call to share. It holds nothing of the caller that starts it, who may leave while others wait. */
interface KeyedCall<In, Out> {
  readonly combinator: string;
  readonly service: (ctx: never, input: In) => PromiseLike<Out> | Observable<Out>;
  /** The context of the call, apart from its signal. */
  readonly ctx: Context;
  readonly input: In;
  /** The key of the input. */
  readonly inputKey: string;
}

/** Shares one call among all who subscribe under the same key at the same time. */
export type ShareByKey = <In, Out>(key: string, caller: Context, call: KeyedCall<In, Out>) => Observable<Out>;

/**
 * An entry is removed when the work fails and when the last subscriber unsubscribes before the answer. It is also removed
 * when the work has answered, unless answers are kept. An entry is replaced if its flight is hung.
 */
export function shareByKey({ keepAnswers }: { readonly keepAnswers: boolean }): ShareByKey {
  const entries = new Map<string, SharedCall<never>>();
  const table = {}; // not the entries: a context that is kept must keep no answer

  const start = <In, Out>(key: string, call: KeyedCall<In, Out>): SharedCall<Out> => {
    const flight = new Flight(table, key, labelOf(call.service, call.combinator, call.inputKey));
    const shared = shareCall(flight, call, (answered) => {
      const kept = answered && keepAnswers;
      if (!kept && entries.get(key)?.flight === flight) entries.delete(key);
    });
    entries.set(key, shared);
    return shared;
  };

  return <In, Out>(key: string, caller: Context, call: KeyedCall<In, Out>) =>
    new Observable<Out>((subscriber) => {
      const existing = entries.get(key) as SharedCall<Out> | undefined;
      const circle = existing?.flight.ended === false && circleError(call.combinator, caller, existing.flight);
      if (circle) {
        subscriber.error(circle);
        return undefined;
      }
      const joins = existing && (existing.flight.ended || !existing.flight.hung);
      return (joins ? existing : start(key, call)).subscribe(caller, subscriber);
    });
}
