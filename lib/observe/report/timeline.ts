import { DeadlineExceededError } from '../../errors/deadline-exceeded-error.ts';
import type { RunEvent } from '../events.ts';

/** What became of a run or a service, in a word that says nothing of its error. */
export type Outcome = 'ok' | 'failed' | 'canceled' | 'deadline exceeded' | 'running';

/** A run, or a service of one. */
export interface Span {
  readonly kind: 'run' | 'service';
  readonly name: string;
  /** In epoch milliseconds, as `to`. */
  readonly from: number;
  readonly to: number;
  readonly outcome: Outcome;
  /** What it failed with. */
  readonly error: unknown;
  /** Whether one of its teardowns threw. */
  readonly torn: boolean;
  /** The services of a run, and the runs that were asked in it; of a run in no known service of the run, after those. */
  readonly inside: readonly Span[];
}

interface Draft {
  readonly kind: 'run' | 'service';
  readonly name: string;
  from: number;
  to?: number;
  outcome: Outcome;
  error?: unknown;
  torn: boolean;
  readonly services: Map<string | undefined, Draft>;
  readonly runs: Draft[];
}

/**
 * The runs that events tell of, each with what was asked inside it: those that no other of them is around, in order.
 *
 * Of a run that is in flight, or of whose events some are missing, it is what there is: a service without an end ends with
 * its run, and a run without one at the last event of all.
 */
export function timeline(events: readonly RunEvent[]): readonly Span[] {
  const runs = new Map<number, Draft>();
  const parents = new Map<Draft, RunEvent['parent']>();
  let last = -Infinity;
  for (const event of events) {
    const { run: id, parent, name, service, at, elapsed } = event;
    last = Math.max(last, at);
    const run = runs.get(id) ?? draft('run', name, at - elapsed);
    runs.set(id, run);
    parents.set(run, parent);
    if (service === undefined) {
      note(run, event);
    } else {
      const member = run.services.get(service) ?? draft('service', service, run.from);
      run.services.set(service, member);
      note(member, event);
    }
  }

  const roots: Draft[] = [];
  for (const [run, parent] of parents) {
    const outer = parent && runs.get(parent.run);
    const host = (parent && outer?.services.get(parent.service)) ?? outer;
    (host?.runs ?? roots).push(run);
  }
  return roots.map((root) => finished(root, last));
}

function draft(kind: Draft['kind'], name: string, from: number): Draft {
  return { kind, name, from, outcome: 'running', torn: false, services: new Map(), runs: [] };
}

function note(span: Draft, event: RunEvent): void {
  const { type, at } = event;
  if (type === 'started') {
    span.from = at;
  } else if (type === 'teardown-failed') {
    span.torn = true;
  } else {
    span.to = at;
    span.outcome = type === 'succeeded' ? 'ok' : type;
    if (type !== 'failed') return;
    span.error = event.error;
    if (event.error instanceof DeadlineExceededError) span.outcome = 'deadline exceeded';
  }
}

/** `to` is never before `from`, whatever the wall clock did. */
function finished({ services, runs, ...span }: Draft, last: number): Span {
  const to = Math.max(span.from, span.to ?? last);
  const inside = [...services.values(), ...runs].map((inner) => finished(inner, to));
  return { ...span, to, error: span.error, inside };
}
