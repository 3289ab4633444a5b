import { nameOf, type RunSpec, type Scenario, type ServiceSpec, type Step } from './scenario.ts';

/*
 * What must be seen, said a second time and in another way: a queue of moments, and runs that are told what happens. It
 * shares no code with lib/, and no idea of Observables.
 */

/** What is seen, in order. */
export type Seen = readonly unknown[];

type Failure =
  | { readonly is: 'service'; readonly service: string; readonly elapsed: number; readonly cause: unknown }
  | { readonly is: 'deadline'; readonly pending: readonly string[]; readonly elapsed: number }
  | { readonly is: 'canceled'; readonly by: 'caller' | 'unsubscribing' };

/** Is told what a service or a run says. */
interface Told {
  value(value: unknown): void;
  complete(): void;
  /** What it failed with. */
  failure(what: unknown): void;
}

/** A run, as those inside it see its deadline. */
interface Keeper {
  /** Whether it, or one around it, ends all inside it by then. */
  keeps(deadline: number): boolean;
}

/** Something under way that can be let go, once it has begun. */
interface Under {
  letGo?: (why?: Failure) => void;
}

const unsubscribing: Failure = { is: 'canceled', by: 'unsubscribing' };

interface Moment {
  readonly frame: number;
  readonly act: () => void;
  gone: boolean;
}

export function expected({ run, caller }: Scenario): Seen {
  const seen: unknown[] = [];
  let now = 0;
  const moments: Moment[] = [];
  const at = (frame: number, act: () => void): Moment => {
    const moment = { frame, act, gone: false };
    moments.push(moment);
    return moment;
  };
  /** What is to be looked at again when the clock of a run has stopped. */
  const wanting = new Set<() => void>();
  const see = (...what: unknown[]): void => void seen.push([now, ...what]);

  function startRun(
    path: string,
    spec: RunSpec,
    ctx: { deadline: number; outer: Keeper | undefined; aborted: boolean },
    told: Told,
    self: Under,
  ): void {
    const started = now;
    const names = spec.services.map((_, index) => nameOf(spec, index));
    const growing = spec.joins === 'latest';
    const event = (type: string, service?: string, error?: unknown): void => {
      see('event', path, type, ...(service === undefined ? [] : [service]), ...(error === undefined ? [] : [error]));
    };
    let ended = false as boolean; // callbacks change it
    let asked = false;
    const waiting = names.map((name, index) => ({ name, spec: spec.services[index]! }));
    const under = new Map<string, Under>();
    const values = new Map<string, unknown>();
    const answered = new Set<string>();
    let clock: Moment | undefined;
    let stopped = false as boolean;

    /** The end of what still runs, then the signal, the events and the subscriber. */
    const end = (failure: Failure, culprit?: { name: string; raw: unknown }): void => {
      if (ended) return;
      ended = true;
      if (clock) clock.gone = true;
      for (const one of under.values()) one.letGo?.();
      if (asked) see('aborted', path);
      if (culprit) event('failed', culprit.name, culprit.raw);
      for (const name of under.keys()) if (name !== culprit?.name) event('canceled', name);
      event(failure.is === 'canceled' ? 'canceled' : 'failed', undefined, failure);
      if (failure !== unsubscribing) told.failure(failure);
    };
    const picture = (): unknown => {
      const there = names.filter((name) => values.has(name));
      const all = there.map((name) => [name, values.get(name)] as const);
      return spec.joins === 'each' ? all.map(([, value]) => value) : Object.fromEntries(all);
    };
    const succeed = (): void => {
      if (ended) return;
      ended = true;
      if (clock) clock.gone = true;
      event('succeeded');
      if (!growing) told.value(picture());
      told.complete();
    };
    /** Whom the clock is waiting for. */
    const pending = (): string[] => names.filter((name) => !(growing ? values.has(name) : answered.has(name)));

    const emitted = (name: string, value: unknown): void => {
      if (ended) return;
      values.set(name, value);
      if (!growing) return;
      told.value(picture());
      if (stopped || values.size < names.length) return;
      stopped = true;
      if (clock) clock.gone = true;
      for (const look of [...wanting]) look();
    };
    const completed = (name: string): void => {
      if (ended) return;
      if (!values.has(name)) {
        failed(name, 'empty');
        return;
      }
      under.delete(name);
      answered.add(name);
      event('succeeded', name);
      startMore();
      if (answered.size === names.length) succeed();
    };
    const failed = (name: string, raw: unknown): void => {
      const inner = isServiceFailure(raw) ? raw : undefined;
      const service = inner ? (inner.service.startsWith('[') ? name : `${name}.`) + inner.service : name;
      end({ is: 'service', service, elapsed: now - started, cause: inner ? inner.cause : raw }, { name, raw });
    };

    let starting = false;
    const startMore = (): void => {
      if (starting) return;
      starting = true;
      while (!ended && waiting.length > 0 && under.size < (spec.concurrency ?? Infinity)) {
        const { name, spec: service } = waiting.shift()!;
        startService(name, service);
      }
      starting = false;
    };

    const startService = (name: string, service: ServiceSpec): void => {
      const own = `${path}.${name}`;
      let later: (() => void) | undefined;
      let inside = true;
      const begun: Under = {};
      under.set(name, begun);
      event('started', name);
      see('asked', own);
      asked = true;
      const end = (settle: () => void): void => {
        if (inside) later = settle;
        else settle();
      };
      const heard: Told = {
        value: (value) => {
          emitted(name, value);
        },
        complete: () => {
          end(() => {
            completed(name);
          });
        },
        failure: (raw) => {
          end(() => {
            failed(name, raw);
          });
        },
      };
      if (service.kind === 'throws') heard.failure(`${own} threw`);
      else if (service.kind === 'script') play(own, service.steps, heard, begun);
      else {
        // A growing run hands no deadline of its own on, since its clock stops before it ends.
        const inner = { deadline: growing ? ctx.deadline : deadline, outer: keeper, aborted: false };
        startRun(own, service.run, inner, heard, begun);
      }
      inside = false;
      later?.();
    };

    event('started');
    const deadline = Math.min(ctx.deadline, started + (spec.timeout ?? Infinity));
    const keeper: Keeper = {
      keeps: (asked) => (deadline <= asked && !stopped) || ctx.outer?.keeps(asked) === true,
    };
    self.letGo = (why = unsubscribing) => {
      end(why);
    };
    if (ctx.aborted) {
      end({ is: 'canceled', by: 'caller' });
      return;
    }
    const late = (): void => {
      end({ is: 'deadline', pending: pending(), elapsed: now - started });
    };
    /** The clock strikes: unless somebody around keeps the deadline, and then when that one lets go of it. */
    const strike = (): void => {
      if (ended || (growing && stopped)) return;
      if (ctx.outer?.keeps(deadline)) wanting.add(strike);
      else late();
    };
    if (deadline > now) {
      startMore();
      if (!ended && !stopped && deadline !== Infinity) clock = at(deadline, strike);
    } else strike();
  }

  function play(own: string, steps: readonly Step[], told: Told, self: Under): void {
    let open = true as boolean; // callbacks change it
    const mine: Moment[] = [];
    const close = (): void => {
      if (!open) return;
      open = false;
      for (const moment of mine) moment.gone = true;
      see('torn down', own);
    };
    self.letGo = close;
    for (const [index, { after, does }] of steps.entries()) {
      const act = (): void => {
        if (!open) return;
        if (does === 'next') {
          told.value(`${own}#${String(index)}`);
          return;
        }
        close();
        if (does === 'error') told.failure(`${own} failed`);
        else told.complete();
      };
      if (after === 'sync') act();
      else if (open) mine.push(at(now + after, act));
    }
  }

  // What the caller will do is set before it asks: at a tie it comes first.
  const { deadline = Infinity, abort, unsubscribe, first } = caller;
  const under: Under = {};
  if (typeof abort === 'number') {
    at(abort, () => {
      under.letGo?.({ is: 'canceled', by: 'caller' });
    });
  }
  if (unsubscribe !== undefined) {
    at(unsubscribe, () => {
      under.letGo?.();
    });
  }
  let left = false as boolean; // callbacks change it
  startRun(
    'run',
    run,
    { deadline, outer: undefined, aborted: abort === 'before' },
    {
      value: (value) => {
        see('value', value);
        if (!first) return;
        left = true;
        see('complete');
        under.letGo?.();
      },
      complete: () => {
        if (!left) see('complete');
      },
      failure: (failure) => {
        see('failure', failure);
      },
    },
    under,
  );
  for (;;) {
    const due = moments.filter(({ gone }) => !gone).sort((a, b) => a.frame - b.frame)[0]; // stable: the first set is first
    if (!due) return seen;
    due.gone = true;
    now = due.frame;
    due.act();
  }
}

function isServiceFailure(what: unknown): what is Failure & { readonly is: 'service' } {
  return typeof what === 'object' && (what as Failure).is === 'service';
}
