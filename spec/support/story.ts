import { type Observable, switchMap, throwError, timer } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { type AggregateOption, background, type Context, type RunEvent, withEvents } from '../../lib/index.ts';
import { marbles, recordEvents } from '../../lib/testing/index.ts';

/** A service that answers after `ms` milliseconds. */
export const after = (ms: number) => (): Observable<0> => timer(ms);

/** A service that fails after `ms` milliseconds. */
export const failing = (ms: number, error: unknown) => (): Observable<never> =>
  timer(ms).pipe(switchMap(() => throwError(() => error)));

/** Subscribes to a service once, in virtual time. Returns the events of all aggregates that have the option `recorded`. */
export function story(
  serviceOf: (recorded: AggregateOption, helpers: RunHelpers) => (ctx: Context) => Observable<unknown>,
): readonly RunEvent[] {
  const recorder = recordEvents();
  marbles((helpers) => {
    serviceOf(withEvents(recorder), helpers)(background).subscribe({ error: () => undefined });
    helpers.flush();
  });
  return recorder.events;
}

/** An event as a sink receives it, with these fields instead of the defaults. */
export function event(fields: Partial<RunEvent>): RunEvent {
  return { type: 'started', run: 1, name: 'run', at: 0, elapsed: 0, ctx: background, ...fields } as RunEvent;
}

/** A multi-line text without its indentation, as it is in the source: escapes stay. */
export function lines({ raw: [text = ''] }: TemplateStringsArray): string {
  const [, indent = ''] = /^\n( *)/.exec(text) ?? [];
  return text
    .split('\n')
    .slice(1, -1)
    .map((line) => line.slice(indent.length))
    .join('\n');
}
