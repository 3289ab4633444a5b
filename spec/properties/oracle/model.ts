import { isOptional, nameOf, type RunSpec, type Scenario, type ServiceSpec, type Step } from './scenario.ts';

/*
 * Predicts what happens in a run, in another way than the library: with a queue of timers, and functions that call each other.
 * It shares no code with lib/, and knows no Observables.
 */

/** The log of a run, in order: the frame, the kind, and the details. */
export type Log = readonly unknown[];

export type Failure =
  | { readonly is: 'service'; readonly service: string; readonly elapsed: number; readonly cause: unknown }
  | { readonly is: 'deadline'; readonly pending: readonly string[]; readonly elapsed: number }
  | { readonly is: 'canceled'; readonly by: 'caller' | 'unsubscribing' };

/** Receives the notifications of a service or of a run. */
interface Subscriber {
  onValue(value: unknown): void;
  onComplete(): void;
  onError(error: unknown): void;
}

/** A service or a run that has started. `cancel` is set as soon as it can be canceled. */
interface Started {
  cancel?: (failure?: Failure) => void;
}

/** The part of a run that its nested runs need. */
interface OuterRun {
  /** Whether this run, or a run around it, ends everything inside it no later than `deadline`. */
  enforces(deadline: number): boolean;
  readonly outer: OuterRun | undefined;
}

/** A run in flight. */
interface InnerRun {
  readonly handle: OuterRun;
  /** Replaces what is pending if all of it is optional. */
  replaceOptional(): void;
}

interface ModelContext {
  readonly deadline: number;
  readonly outer: OuterRun | undefined;
  readonly aborted: boolean;
}

interface Timer {
  readonly frame: number;
  readonly act: () => void;
  removed: boolean;
}

const unsubscribed: Failure = { is: 'canceled', by: 'unsubscribing' };

export function predict({ run, caller }: Scenario): Log {
  const log: unknown[] = [];
  let now = 0;
  const timers: Timer[] = [];
  /** In the order in which they started. */
  const inFlight = new Set<InnerRun>();
  const write = (...entry: unknown[]): void => void log.push([now, ...entry]);
  const setTimer = (frame: number, act: () => void): Timer => {
    const timer = { frame, act, removed: false };
    timers.push(timer);
    return timer;
  };

  function startRun(path: string, spec: RunSpec, ctx: ModelContext, subscriber: Subscriber, started: Started): void {
    const startedAt = now;
    const deadline = Math.min(ctx.deadline, startedAt + (spec.timeout ?? Infinity));
    const names = spec.services.map((_, index) => nameOf(spec, index));
    const emitsEach = spec.join === 'latest';
    const optional = new Set(names.filter((_, index) => isOptional(spec, index)));
    const queue = names.map((name, index) => ({ name, service: spec.services[index]! }));
    const running = new Map<string, Started>();
    const values = new Map<string, unknown>();
    const completed = new Set<string>();
    let ended = false as boolean; // callbacks change it
    let signalRead = false;
    let timer: Timer | undefined;
    let timerStopped = false as boolean; // callbacks change it

    const emitEvent = (type: string, service?: string, error?: unknown): void => {
      write('event', path, type, ...(service === undefined ? [] : [service]), ...(error === undefined ? [] : [error]));
    };
    const stop = (): void => {
      ended = true;
      inFlight.delete(self);
      if (timer) timer.removed = true;
    };

    /** Tears down, aborts, emits events, and notifies. */
    const endEarly = (failure: Failure, culprit?: { name: string; error: unknown }): void => {
      if (ended) return;
      stop();
      for (const service of running.values()) service.cancel?.();
      if (signalRead) write('aborted', path);
      if (culprit) emitEvent('failed', culprit.name, culprit.error);
      for (const name of running.keys()) if (name !== culprit?.name) emitEvent('canceled', name);
      emitEvent(failure.is === 'canceled' ? 'canceled' : 'failed', undefined, failure);
      if (failure !== unsubscribed) subscriber.onError(failure);
    };
    const answer = (): unknown => {
      const entries = names.filter((name) => values.has(name)).map((name) => [name, values.get(name)] as const);
      return spec.join === 'each' ? entries.map(([, value]) => value) : Object.fromEntries(entries);
    };
    const succeed = (): void => {
      if (ended) return;
      stop();
      emitEvent('succeeded');
      if (!emitsEach) subscriber.onValue(answer());
      subscriber.onComplete();
    };

    const onValue = (name: string, value: unknown): void => {
      if (ended) return;
      values.set(name, value);
      if (!emitsEach) return;
      subscriber.onValue(answer());
      if (timerStopped || values.size < names.length) return;
      timerStopped = true;
      if (timer) timer.removed = true;
    };
    const onComplete = (name: string): void => {
      if (ended) return;
      if (!values.has(name)) {
        onError(name, 'empty');
        return;
      }
      running.delete(name);
      completed.add(name);
      emitEvent('succeeded', name);
      startQueued();
      if (completed.size === names.length) succeed();
    };
    const onError = (name: string, error: unknown): void => {
      if (ended) return;
      if (optional.has(name)) {
        replace(name, error);
        return;
      }
      const inner = isServiceFailure(error) ? error : undefined;
      const service = inner ? (inner.service.startsWith('[') ? name : `${name}.`) + inner.service : name;
      const cause = inner ? inner.cause : error;
      endEarly({ is: 'service', service, elapsed: now - startedAt, cause }, { name, error });
    };

    /** Completes an optional service with a value for its error. */
    const replace = (name: string, error: unknown): void => {
      completed.add(name);
      if (running.delete(name)) write('event', path, 'failed', name, error, 'optional');
      onValue(name, { missing: error });
      startQueued();
      if (!ended && completed.size === names.length) succeed();
    };

    let starting = false;
    const startQueued = (): void => {
      if (starting) return;
      starting = true;
      while (!ended && queue.length > 0 && running.size < (spec.concurrency ?? Infinity)) {
        const { name, service } = queue.shift()!;
        startService(name, service);
      }
      starting = false;
    };

    const startService = (name: string, service: ServiceSpec): void => {
      const servicePath = `${path}.${name}`;
      const source: Started = {};
      running.set(name, {
        cancel: () => {
          source.cancel?.();
          abortOwnSignal();
        },
      });
      emitEvent('started', name);
      write('called', servicePath);
      if (!optional.has(name)) signalRead = true;
      let hasAborted = false as boolean; // callbacks change it
      const abortOwnSignal = (): void => {
        if (optional.has(name) && !hasAborted) write('aborted', servicePath);
        hasAborted = true;
      };
      // An end during the call takes effect after the call.
      let duringCall = true;
      let endAfterCall: (() => void) | undefined;
      const end = (settle: () => void): void => {
        if (duringCall) endAfterCall = settle;
        else settle();
      };
      const receiver: Subscriber = {
        onValue: (value) => {
          onValue(name, value);
        },
        onComplete: () => {
          end(() => {
            onComplete(name);
          });
        },
        onError: (error) => {
          abortOwnSignal();
          end(() => {
            onError(name, error);
          });
        },
      };
      if (service.kind === 'throws') receiver.onError(`${servicePath} threw`);
      else if (service.kind === 'script') startScript(servicePath, service.steps, receiver, source);
      else {
        // A run that emits each record does not pass its own deadline on, because its timer stops before the run ends.
        const inner = { deadline: emitsEach ? ctx.deadline : deadline, outer: handle, aborted: false };
        startRun(servicePath, service.run, inner, receiver, source);
      }
      duringCall = false;
      endAfterCall?.();
    };

    const handle: OuterRun = {
      outer: ctx.outer,
      enforces: (other) => (deadline <= other && !timerStopped) || ctx.outer?.enforces(other) === true,
    };
    const pendingNames = (): string[] => names.filter((name) => !(emitsEach ? values.has(name) : completed.has(name)));
    const deadlineExceeded = (): Failure => ({ is: 'deadline', pending: pendingNames(), elapsed: now - startedAt });
    const self: InnerRun = {
      handle,
      replaceOptional: () => {
        const pending = pendingNames();
        if (pending.length === 0 || !pending.every((name) => optional.has(name))) return;
        const failure = deadlineExceeded();
        queue.length = 0;
        for (const name of pending) running.get(name)?.cancel?.();
        for (const name of pending) if (!ended) replace(name, failure);
      },
    };
    const waitsNoMore = (): boolean => ended || (emitsEach && timerStopped);
    /** Waits for a run around this one that is about to end it: first for the rest of this frame, then frame by frame. */
    const onDeadline = (replaces: boolean, wait: number): void => {
      if (waitsNoMore()) return;
      const visited = new Set<InnerRun>();
      const unvisited = (): InnerRun[] => [...inFlight].filter((run) => isInside(run, handle) && !visited.has(run));
      for (let runs = unvisited(); replaces && runs.length > 0; runs = unvisited()) {
        for (const run of runs.reverse()) {
          visited.add(run);
          if (inFlight.has(run)) run.replaceOptional();
        }
      }
      if (waitsNoMore()) return;
      if (ctx.outer?.enforces(deadline)) {
        timer = setTimer(now + wait, () => {
          onDeadline(replaces, 1);
        });
      } else endEarly(deadlineExceeded());
    };

    emitEvent('started');
    started.cancel = (failure = unsubscribed) => {
      endEarly(failure);
    };
    if (ctx.aborted) endEarly({ is: 'canceled', by: 'caller' });
    else if (deadline <= now) onDeadline(false, 0);
    else {
      inFlight.add(self);
      startQueued();
      if (!ended && !timerStopped && deadline !== Infinity) {
        timer = setTimer(deadline, () => {
          onDeadline(true, 0);
        });
      }
    }
  }

  function startScript(path: string, steps: readonly Step[], subscriber: Subscriber, started: Started): void {
    let open = true as boolean; // callbacks change it
    const own: Timer[] = [];
    const tearDown = (): void => {
      if (!open) return;
      open = false;
      for (const timer of own) timer.removed = true;
      write('torn down', path);
    };
    started.cancel = tearDown;
    for (const [index, { after, does }] of steps.entries()) {
      const act = (): void => {
        if (!open) return;
        if (does === 'next') {
          subscriber.onValue(`${path}#${String(index)}`);
          return;
        }
        tearDown();
        if (does === 'error') subscriber.onError(`${path} failed`);
        else subscriber.onComplete();
      };
      if (after === 'sync') act();
      else if (open) own.push(setTimer(now + after, act));
    }
  }

  // The caller sets its timers before it subscribes, so it wins ties.
  const { deadline = Infinity, abort, unsubscribe, first } = caller;
  const outermost: Started = {};
  if (typeof abort === 'number') setTimer(abort, () => outermost.cancel?.({ is: 'canceled', by: 'caller' }));
  if (unsubscribe !== undefined) setTimer(unsubscribe, () => outermost.cancel?.());
  let unsubscribedOnValue = false as boolean; // callbacks change it
  const subscriber: Subscriber = {
    onValue: (value) => {
      write('value', value);
      if (!first) return;
      unsubscribedOnValue = true;
      write('complete');
      outermost.cancel?.();
    },
    onComplete: () => {
      if (!unsubscribedOnValue) write('complete');
    },
    onError: (error) => {
      write('error', error);
    },
  };
  startRun('run', run, { deadline, outer: undefined, aborted: abort === 'before' }, subscriber, outermost);
  for (;;) {
    const next = timers.filter(({ removed }) => !removed).sort((a, b) => a.frame - b.frame)[0]; // the sort is stable
    if (!next) return log;
    next.removed = true;
    now = next.frame;
    next.act();
  }
}

function isInside({ handle }: InnerRun, outer: OuterRun): boolean {
  let run: OuterRun | undefined = handle;
  while (run && run !== outer) run = run.outer;
  return run !== undefined;
}

function isServiceFailure(error: unknown): error is Failure & { readonly is: 'service' } {
  return typeof error === 'object' && (error as Failure).is === 'service';
}
