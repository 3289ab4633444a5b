import { context, propagation, trace } from '@opentelemetry/api';
import type { Context } from '../../core/context.ts';
// eslint-disable-next-line @typescript-eslint/no-restricted-imports -- only core knows the run that a context belongs to
import { runOf } from '../../core/run-handle.ts';
import { spanOf } from './tracing.ts';

/**
 * Returns a copy of `ctx` whose `propagate` contains `traceparent`, or the headers that the global propagator writes.
 *
 * Use it with a `fetch` that is not instrumented: an instrumented one adds the headers itself. Call it inside a service:
 * the headers name the service's span. If the active context is lost, as in browsers after an asynchronous call, they
 * name the run's span. They replace headers of the same name, in any case, and the other headers of the propagator.
 * `baggage` stays if the propagator writes none. Without an active span or a propagator, returns `ctx` itself.
 *
 * @param ctx - The context that the service received.
 *
 * @example
 * ```ts
 * import { background, type Context, fetchJson } from 'forkfast';
 * import { propagateTrace } from 'forkfast/opentelemetry';
 *
 * const profile = (ctx: Context) => fetchJson(propagateTrace(ctx), 'http://profile.test/profiles/42');
 *
 * console.log(propagateTrace(background) === background); // => true
 * ```
 */
export function propagateTrace<Ctx extends Context>(ctx: Ctx): Ctx {
  const active = context.active();
  const span = trace.getSpan(active) ?? spanOfRun(ctx);
  const headers: Record<string, string> = {};
  propagation.inject(span ? trace.setSpan(active, span) : active, headers);
  if (Object.keys(headers).length === 0) return ctx;
  const owned = propagation.fields().filter((name) => name !== 'baggage');
  const replaced = new Set([...owned, ...Object.keys(headers)].map((name) => name.toLowerCase()));
  const kept = Object.entries(ctx.propagate ?? {}).filter(([name]) => !replaced.has(name.toLowerCase()));
  return { ...ctx, propagate: { ...Object.fromEntries(kept), ...headers } };
}

/** The span of the run that `ctx` belongs to, or of the service that this run is calling. */
function spanOfRun(ctx: Context): ReturnType<typeof spanOf> {
  const run = runOf(ctx);
  return run && spanOf({ run: run.run, ...(run.currentService !== undefined && { service: run.currentService }) });
}
