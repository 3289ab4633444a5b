import { joinPath } from '../../errors/service-error.ts';
import type { RunEvent } from '../events.ts';
import { type Span, timeline } from './timeline.ts';

/** By default nginx accepts 4 KiB for all headers of a response together. */
const maxLength = 2_048;

/**
 * Returns the value of a `Server-Timing` header, which browsers show in their developer tools: the durations of a run and of
 * its services in milliseconds, and the outcome of those that did not succeed.
 *
 * The first metric, `total`, is the run. The metric of a service has the name of the service, or as in errors
 * `dashboard.profile` if its run is nested. Characters that HTTP does not allow in a token are percent-encoded. A
 * description is `stale`, `failed`, `canceled`, `deadline exceeded` or `running`. The header goes to the client, so it never
 * contains error text. The value is one line of ASCII, at most 2,048 characters long: metrics that do not fit are left
 * out. Without events it is empty.
 *
 * @param events - The events of one run, or of all runs for one response, in the order in which a sink received them.
 * @remarks Server Timing (https://w3c.github.io/server-timing/). Scripts of another origin can read the header only with
 * `Timing-Allow-Origin`.
 *
 * @example
 * ```ts
 * import { delay, NEVER, of } from 'rxjs';
 * import { TestScheduler } from 'rxjs/testing';
 * import { aggregate, background, type RunEvent, withEvents, withTimeout } from 'forkfast';
 * import { serverTiming } from 'forkfast/report';
 *
 * const events: RunEvent[] = [];
 * const dashboard = aggregate(
 *   { profile: () => of('Alice').pipe(delay(12)), orders: () => NEVER },
 *   withTimeout(40),
 *   withEvents({ next: (event) => events.push(event) }),
 * );
 *
 * new TestScheduler(() => {}).run(() => {
 *   dashboard(background).subscribe({ error: () => console.log(serverTiming(events)) });
 * });
 * // => total;dur=40;desc="deadline exceeded", profile;dur=12, orders;dur=40;desc="canceled"
 * ```
 */
export function serverTiming(events: readonly RunEvent[]): string {
  let value = '';
  for (const root of timeline(events)) {
    for (const metric of [metricOf('total', root), ...metricsOf(root.children, '')]) {
      const longer = value === '' ? metric : `${value}, ${metric}`;
      if (longer.length <= maxLength) value = longer;
    }
  }
  return value;
}

/**
 * A nested run has a metric of its own only if its service is unknown: otherwise the metric of the service times the run.
 */
function metricsOf(spans: readonly Span[], path: string): readonly string[] {
  return spans.flatMap((span) => {
    const name = path === '' ? span.name : joinPath(path, span.name);
    const nested = span.kind === 'service' ? span.children.flatMap((run) => run.children) : span.children;
    return [metricOf(name, span), ...metricsOf(nested, name)];
  });
}

function metricOf(name: string, { start, end, outcome }: Span): string {
  const metric = `${token(name)};dur=${String(Math.round((end - start) * 10) / 10)}`;
  return outcome === 'ok' ? metric : `${metric};desc="${outcome}"`;
}

/** A token must not be empty. `%` alone stands for no other name. */
function token(name: string): string {
  return name.replace(/[^\w!#$&'*+.^`|~-]/gu, percentEncode) || '%';
}

/** Unlike `encodeURIComponent`, encodes parentheses, and does not throw for half of a surrogate pair. */
function percentEncode(character: string): string {
  const bytes = [...new TextEncoder().encode(character)];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
