import { joinPath } from '../../errors/service-error.ts';
import type { RunEvent } from '../events.ts';
import { type Span, timeline } from './timeline.ts';

/** nginx takes 4 KiB for all headers of a response together, by default. */
const MOST = 2_048;

/**
 * Gives the value of a `Server-Timing` header, which the developer tools of browsers draw: how long a run and each of its
 * services took, in milliseconds, and what became of those that did not succeed.
 *
 * The first metric, `total`, is the run itself; a service has its name, or as in errors `dashboard.profile` where its run is
 * nested. What is no token of HTTP in a name is percent-encoded. A description is `failed`, `canceled`, `deadline exceeded` or
 * `running`, and never a word of an error: the header goes to the client. The value is ASCII on one line, of 2,048 characters
 * at the most: what does not fit is left out. Without events it is empty.
 *
 * @param events - Of one run, or of all that were asked for one response, in the order in which a sink was told.
 * @remarks Server Timing (https://w3c.github.io/server-timing/). Scripts of another origin's page see it only with
 * `Timing-Allow-Origin`.
 *
 * @example
 * ```ts
 * import { delay, NEVER, of } from 'rxjs';
 * import { TestScheduler } from 'rxjs/testing';
 * import { aggregate, background, type RunEvent, silent, withEvents, withLogger, withTimeout } from 'forkfast';
 * import { serverTiming } from 'forkfast/report';
 *
 * const events: RunEvent[] = [];
 * const ask = aggregate(
 *   { profile: () => of('Alice').pipe(delay(12)), orders: () => NEVER },
 *   withTimeout(40),
 *   withEvents({ next: (event) => events.push(event) }),
 *   withLogger(silent),
 * );
 *
 * new TestScheduler(() => {}).run(() => {
 *   ask(background).subscribe({ error: () => console.log(serverTiming(events)) });
 * });
 * // => total;dur=40;desc="deadline exceeded", profile;dur=12, orders;dur=40;desc="canceled"
 * ```
 */
export function serverTiming(events: readonly RunEvent[]): string {
  let value = '';
  for (const root of timeline(events)) {
    for (const metric of [metricOf('total', root), ...metricsOf(root.inside, '')]) {
      const longer = value === '' ? metric : `${value}, ${metric}`;
      if (longer.length <= MOST) value = longer;
    }
  }
  return value;
}

/** A nested run is timed by the service that it was asked in; one of which that is not known has a metric of its own. */
function metricsOf(spans: readonly Span[], outer: string): readonly string[] {
  return spans.flatMap((span) => {
    const name = outer === '' ? span.name : joinPath(outer, span.name);
    const { inside } = span;
    const within = inside.flatMap((inner) =>
      span.kind === 'service' ? metricsOf(inner.inside, name) : metricsOf([inner], name),
    );
    return [metricOf(name, span), ...within];
  });
}

function metricOf(name: string, { from, to, outcome }: Span): string {
  const metric = `${token(name)};dur=${String(Math.round((to - from) * 10) / 10)}`;
  return outcome === 'ok' ? metric : `${metric};desc="${outcome}"`;
}

/** A token cannot be empty, and a `%` alone stands for no other name. */
function token(name: string): string {
  return name.replace(/[^\w!#$&'*+.^`|~-]/gu, percent) || '%';
}

/** Not `encodeURIComponent`, which leaves parentheses, and throws for half of a surrogate pair. */
function percent(character: string): string {
  const bytes = [...new TextEncoder().encode(character)];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
