import { context, propagation, trace } from '@opentelemetry/api';
import type { Context } from '../../core/context.ts';
import { runOf } from '../../core/run-handle.ts';
import { spanOf } from './tracing.ts';

/**
 * Adds `traceparent`, or whatever the global propagator writes, to what `ctx.propagate` sends upstream.
 *
 * For a `fetch` that is not instrumented: one that is adds the headers itself, and they would be there twice. Called inside a
 * service, it is the service's span that they name; where contexts are lost on the way (in browsers, after an asynchronous
 * call), it is the run's. The headers of the same names that came with the caller are replaced, in whatever case they are
 * written, and so are the other headers of the propagator, which belong to them; `baggage` stays where there is none to
 * write. Without an active span or a propagator, `ctx` comes back as it is.
 *
 * @param ctx - The context that a service was given.
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
  const run = runOf(ctx);
  const span =
    trace.getSpan(active) ??
    spanOf(run && { run: run.run, ...(run.currentService !== undefined && { service: run.currentService }) });
  const headers: Record<string, string> = {};
  propagation.inject(span ? trace.setSpan(active, span) : active, headers);
  if (Object.keys(headers).length === 0) return ctx;
  const owned = propagation.fields().filter((name) => name !== 'baggage');
  const replaced = new Set([...owned, ...Object.keys(headers)].map((name) => name.toLowerCase()));
  const kept = Object.entries(ctx.propagate ?? {}).filter(([name]) => !replaced.has(name.toLowerCase()));
  return { ...ctx, propagate: { ...Object.fromEntries(kept), ...headers } };
}
