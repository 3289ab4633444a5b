import {
  asyncScheduler,
  identity,
  NEVER,
  Observable,
  queueScheduler,
  type Subscriber,
  Subscription,
  timeout,
} from 'rxjs';
import { canceled, tellAll } from './abort.ts';
import { type Context, type Fetch, refusal } from './context.ts';
import { CanceledError, DeadlineExceededError, nested, ServiceError } from './errors.ts';
import { type Emit, emitter, type RunIdentity } from './events.ts';
import { callersFields, logSink, silent, wantsDebug } from './logging.ts';
import { close, type Member, open } from './member.ts';
import type { Config } from './options.ts';
import { enter, give, type Scope, scopeOf } from './scope.ts';

/** Errors where its source has not emitted by the deadline. */
export type Bound = <T>(source: Observable<T>) => Observable<T>;

/** What a run asks, and how the answers are joined. */
export interface Plan<Out> {
  readonly config: Config;
  readonly names: readonly string[];
  /** Calls the factory of a service: gives what it returned, throws what it threw. */
  readonly ask: (index: number, ctx: Context, input: unknown) => unknown;
  /** Subscribes to all members in order, under the deadline. A member never errors: its failure ends the run. */
  readonly join: (members: readonly Observable<unknown>[], bound: Bound) => Observable<Out>;
  /** Whether what is joined goes out as it comes, or when the run has succeeded. */
  readonly growing: boolean;
}

let runs = 0;

/** One subscription is one run. It ends once, and what it started has ended before its subscriber is told. */
export function run<Out>(plan: Plan<Out>, caller: Context, input: unknown): Observable<Out> {
  return new Observable((subscriber) => {
    const { config, names } = plan;
    const startedAt = asyncScheduler.now();
    const elapsed = (): number => Math.max(0, asyncScheduler.now() - startedAt);
    const refused = refusal(caller);
    const outer = refused ? undefined : scopeOf(caller);
    const id = ++runs;
    const emit = observe(config, { run: id, name: config.name, ctx: caller, outer }, input, startedAt);
    /** The listener on the caller's signal, the joining and its timer. Closed: the run is over. */
    const held = new Subscription();
    const over = (): boolean => held.closed;
    /** In the order of the services. */
    const members: Member[] = [];
    let running = 0;
    const listeners = new Set<Subscriber<unknown>>();
    const controller = new AbortController();

    const tellTorn = ({ name, torn }: Member): void => {
      for (const error of torn?.splice(0) ?? []) emit('teardown-failed', name, { error });
    };

    /**
     * The one early end. Teardown comes before the abort, which would wake a `retry` in a service that is still
     * subscribed, and both before the notification, since its handler may take its time.
     */
    const end = (type: 'failed' | 'canceled', error: unknown, culprit?: Member, raw?: unknown): void => {
      if (over()) return;
      held.unsubscribe();
      const unanswered = members.filter(({ state }) => state === 'running');
      for (const member of unanswered) close(member);
      controller.abort(error);
      tellAll(listeners, error);
      if (culprit) emit('failed', culprit.name, { error: raw });
      for (const member of unanswered) {
        if (member !== culprit) emit('canceled', member.name);
      }
      for (const member of unanswered) tellTorn(member);
      emit(type, undefined, { error }, () => {
        if (!subscriber.closed) subscriber.error(error);
      });
    };

    emit('started');
    subscriber.add(() => {
      if (!over()) end('canceled', new CanceledError());
    });
    if (refused) end('failed', refused);
    else if (caller.signal) {
      held.add(
        canceled(caller).subscribe((reason) => {
          end('canceled', new CanceledError({ cause: reason }));
        }),
      );
    }
    if (over()) return;

    const asked = caller.deadline ?? Infinity;
    const deadline = Math.min(asked, startedAt + config.timeout);
    // The clock of a growing run stops when each service has emitted: it keeps no deadline for those inside.
    const ctx = derive(caller, plan.growing ? asked : deadline, config.fetch);
    const kept = plan.growing ? (outer?.deadline ?? Infinity) : deadline;
    const signal = (): AbortSignal => {
      enter(scope, controller.signal);
      return controller.signal;
    };
    const scope: Scope = { run: id, ctx, deadline: kept, outer, over, asking: undefined, signal, listeners };
    give(scope);

    const settle = (member: Member, failure?: { readonly error: unknown }): void => {
      if (over()) return;
      const { name } = member;
      if (failure) {
        end('failed', flat(name, elapsed(), failure.error), member, failure.error);
        return;
      }
      running--;
      member.state = 'answered';
      emit('succeeded', name);
      tellTorn(member);
      if (over()) return; // ended by who watched it
      member.port.complete();
      drain();
    };

    const start = (member: Member): void => {
      const { name } = member;
      running++;
      member.state = 'running';
      emit('started', name, undefined, () => {
        if (over()) return;
        const { asking } = scope;
        scope.asking = name;
        open(
          member,
          () => plan.ask(member.index, ctx, input),
          (failure) => {
            settle(member, failure);
          },
        );
        scope.asking = asking;
      });
      tellTorn(member); // what is left: it was ended while it was being subscribed to
    };

    let next = 0;
    let draining = false;
    /** A loop, not a recursion: 20,000 synchronous services may wait behind an asynchronous one. */
    const drain = (): void => {
      if (draining) return;
      draining = true;
      while (!over() && running < config.concurrency) {
        const member = members[next];
        if (!member) break;
        next++;
        start(member);
      }
      draining = false;
    };

    const ports = names.map(
      (name, index) =>
        new Observable<unknown>((port) => {
          members.push({ name, index, port, state: 'waiting' });
          drain();
        }),
    );
    const remaining = deadline - startedAt;
    // The run around this one keeps the same deadline, and will say that it was this service that was pending.
    const bound = outer && outer.deadline <= deadline ? identity : within(remaining);
    let result: { readonly value: Out } | undefined;
    held.add(
      (remaining > 0 ? plan.join(ports, bound) : bound(NEVER)).subscribe({
        next: (value) => {
          if (plan.growing) subscriber.next(value);
          else result = { value };
        },
        error: (cause: unknown) => {
          const pending = names.filter((_, index) => members[index]?.state !== 'answered');
          end('failed', new DeadlineExceededError({ pending, elapsed: elapsed(), cause }));
        },
        complete: () => {
          // Over before the answer is told: who unsubscribes on it cancels nothing.
          held.unsubscribe();
          emit('succeeded', undefined, undefined, () => {
            if (result) subscriber.next(result.value);
            subscriber.complete();
          });
        },
      }),
    );
  });
}

/** The deadline's timer: set when its source has been subscribed to, so that a value at the deadline wins. */
function within(remaining: number): Bound {
  if (remaining >= 2 ** 31) return identity; // a timer would fire at once
  return remaining > 0 ? timeout({ first: remaining }) : timeout({ first: 0, scheduler: queueScheduler });
}

/** The context of the services, but for the signal: all of the caller's, and what belongs to this run. */
function derive(caller: Context, deadline: number, transport: Fetch | undefined): Context {
  const { signal: other, deadline: replaced, fetch = transport, ...rest } = caller;
  return Object.assign(rest, deadline === Infinity ? {} : { deadline }, fetch === undefined ? {} : { fetch });
}

/** One flat error, however deep the aggregates are nested: `dashboard.profile`, `[0].orders`. */
function flat(name: string, elapsed: number, error: unknown): ServiceError {
  if (!(error instanceof ServiceError)) return new ServiceError(name, { elapsed, cause: error });
  return new ServiceError(nested(name, error.service), { elapsed, cause: error.cause });
}

/** The run's events to whoever listens; nothing is built where nobody does. */
function observe({ sinks, logger, fields }: Config, run: RunIdentity, input: unknown, startedAt: number): Emit {
  if (logger === silent) return emitter(sinks, run, startedAt);
  const debug = wantsDebug(logger);
  const log = logSink(logger, debug, callersFields(fields, run.ctx, input));
  return emitter([...sinks, log], run, startedAt, debug || sinks.length > 0);
}
