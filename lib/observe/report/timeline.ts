import { DeadlineExceededError } from '../../errors/deadline-exceeded-error.ts';
import type { RunEvent } from '../events.ts';

/** How a run or a service ended. Contains no text of an error. */
export type Outcome = 'ok' | 'stale' | 'failed' | 'canceled' | 'deadline exceeded' | 'running';

/** A run, or one service of a run. */
export interface Span {
  readonly kind: 'run' | 'service';
  readonly name: string;
  /** Epoch milliseconds. */
  readonly start: number;
  /** Epoch milliseconds, never before `start`. */
  readonly end: number;
  readonly outcome: Outcome;
  /** The error, if the outcome is `failed` or `deadline exceeded`. */
  readonly error: unknown;
  readonly teardownFailed: boolean;
  /** A run has its services, and then the nested runs whose service is unknown. A service has the runs started in it. */
  readonly children: readonly Span[];
}

interface Draft {
  readonly kind: 'run' | 'service';
  readonly name: string;
  start: number;
  end?: number;
  outcome: Outcome;
  error?: unknown;
  teardownFailed: boolean;
  stale: boolean;
  readonly services: Map<string | undefined, Draft>;
  readonly runs: Draft[];
}

/**
 * Returns the outermost runs in `events`, in order, each with everything that was started inside it.
 *
 * Events may be missing, as for a run in flight. A service without a start starts with its run. A service without an end
 * ends with its run, and a run without an end ends at the latest event of all.
 */
export function timeline(events: readonly RunEvent[]): readonly Span[] {
  const runs = new Map<number, Draft>();
  const parents = new Map<Draft, RunEvent['parent']>();
  let latest = -Infinity;
  for (const event of events) {
    const { run: id, parent, name, service, at, elapsed } = event;
    latest = Math.max(latest, at);
    const run = runs.get(id) ?? draft('run', name, at - elapsed);
    runs.set(id, run);
    parents.set(run, parent);
    if (service === undefined) {
      update(run, event);
    } else {
      const call = run.services.get(service) ?? draft('service', service, run.start);
      run.services.set(service, call);
      update(call, event);
    }
  }

  const roots: Draft[] = [];
  for (const [run, parent] of parents) {
    const outerRun = parent && runs.get(parent.run);
    const outer = (parent && outerRun?.services.get(parent.service)) ?? outerRun;
    (outer?.runs ?? roots).push(run);
  }
  return roots.map((root) => spanOf(root, latest));
}

function draft(kind: Draft['kind'], name: string, start: number): Draft {
  return { kind, name, start, outcome: 'running', teardownFailed: false, stale: false, services: new Map(), runs: [] };
}

function update(span: Draft, event: RunEvent): void {
  const { type, at } = event;
  if (type === 'started') {
    span.start = at;
  } else if (type === 'teardown-failed') {
    span.teardownFailed = true;
  } else if (type === 'stale') {
    span.stale = true;
  } else if (type !== 'store-failed' && type !== 'reconnecting') {
    span.end = at;
    span.outcome = type !== 'succeeded' ? type : span.stale ? 'stale' : 'ok';
    if (type !== 'failed') return;
    span.error = event.error;
    if (event.error instanceof DeadlineExceededError) span.outcome = 'deadline exceeded';
  }
}

function spanOf({ services, runs, ...span }: Draft, latest: number): Span {
  const end = Math.max(span.start, span.end ?? latest); // the wall clock may jump back
  const children = [...services.values(), ...runs].map((child) => spanOf(child, end));
  return { ...span, end, error: span.error, children };
}
