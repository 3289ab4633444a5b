import type { Observable } from 'rxjs';
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
import { marbles } from './marbles.ts';
import { keeping } from './recording.ts';

/** The events of what `tell` gives, asked once in virtual time: of all aggregates that have the `watched` option. */
export function story(
  tell: (watched: AggregateOption, helpers: RunHelpers) => (ctx: Context) => Observable<unknown>,
): readonly RunEvent[] {
  const { events, next } = keeping();
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
