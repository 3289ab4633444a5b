import { type Observable, switchMap, throwError, timer } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import {
  type AggregateOption,
  background,
  type Context,
  type RunEvent,
  silent,
  withEvents,
  withLogger,
} from '../../lib/index.ts';
import { marbles, recordEvents } from '../../lib/testing/index.ts';

/** Answers after `ms`. */
export const after = (ms: number) => (): Observable<0> => timer(ms);

/** Fails after `ms`. */
export const failing = (ms: number, error: unknown) => (): Observable<never> =>
  timer(ms).pipe(switchMap(() => throwError(() => error)));

/** The events of what `tell` gives, asked once in virtual time: of all aggregates that have the `watched` option. */
export function story(
  tell: (watched: AggregateOption, helpers: RunHelpers) => (ctx: Context) => Observable<unknown>,
): readonly RunEvent[] {
  const { events, next } = recordEvents();
  const watched: AggregateOption = (config) => withEvents({ next })(withLogger(silent)(config));
  marbles((helpers) => {
    tell(watched, helpers)(background).subscribe({ error: () => undefined });
    helpers.flush();
  });
  return events;
}

/** An event as a sink is told it, of run 1 unless `fields` say otherwise. */
export function event(fields: Partial<RunEvent>): RunEvent {
  return { type: 'started', run: 1, name: 'run', at: 0, elapsed: 0, ctx: background, ...fields } as RunEvent;
}
