import type { RunSpec, Scenario, ServiceSpec, Step } from './scenario.ts';

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

interface Told {
  value(value: unknown): void;
  failure(failure: Failure): void;
}

/** Something under way that can be let go. */
interface Under {
  letGo(why?: Failure): void;
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
  const see = (...what: unknown[]): void => void seen.push([now, ...what]);

  function startRun(
    path: string,
    spec: RunSpec,
    ctx: { deadline: number; kept: number | undefined; aborted: boolean },
    told: Told,
  ): Under {
    const started = now;
    const names = spec.services.map((_, index) => String.fromCharCode(97 + index));
    const event = (type: string, service?: string, error?: unknown): void => {
      see('event', path, type, ...(service === undefined ? [] : [service]), ...(error === undefined ? [] : [error]));
    };
    let ended = false as boolean; // callbacks change it
    let asked = false;
    const waiting = names.map((name, index) => ({ name, spec: spec.services[index]! }));
    const under = new Map<string, Under>();
    const answers = new Map<string, unknown>();
    let clock: Moment | undefined;

    /** The end of what still runs, then the signal, the events and the subscriber. */
    const end = (failure: Failure, culprit?: { name: string; raw: unknown }): void => {
      if (ended) return;
      ended = true;
      if (clock) clock.gone = true;
      for (const one of under.values()) one.letGo();
      if (asked) see('aborted', path);
      if (culprit) event('failed', culprit.name, culprit.raw);
      for (const name of under.keys()) if (name !== culprit?.name) event('canceled', name);
      event(failure.is === 'canceled' ? 'canceled' : 'failed', undefined, failure);
      if (failure !== unsubscribing) told.failure(failure);
    };
    const succeed = (): void => {
      if (ended) return;
      ended = true;
      if (clock) clock.gone = true;
      event('succeeded');
      told.value(Object.fromEntries(names.map((name) => [name, answers.get(name)])));
    };
    const pending = (): string[] => names.filter((name) => !answers.has(name));

    const settle = (name: string, outcome: { value: unknown } | { raw: unknown; failure?: Failure }): void => {
      if (ended) return;
      if ('value' in outcome) {
        under.delete(name);
        answers.set(name, outcome.value);
        event('succeeded', name);
        startMore();
        if (answers.size === names.length) succeed();
        return;
      }
      const { raw, failure } = outcome;
      const inner = failure?.is === 'service' ? failure : undefined;
      end(
        {
          is: 'service',
          service: inner ? `${name}.${inner.service}` : name,
          elapsed: now - started,
          cause: inner ? inner.cause : raw,
        },
        { name, raw },
      );
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
      const hold: Under & { real?: Under } = { letGo: () => hold.real?.letGo() };
      under.set(name, hold);
      event('started', name);
      see('asked', own);
      asked = true;
      const outcome = (what: Parameters<typeof settle>[1]): void => {
        if (inside)
          later = () => {
            settle(name, what);
          };
        else settle(name, what);
      };
      if (service.kind === 'throws') outcome({ raw: `${own} threw` });
      else if (service.kind === 'script') hold.real = play(own, service.steps, outcome);
      else {
        hold.real = startRun(
          own,
          service.run,
          { deadline, kept: deadline, aborted: false },
          {
            value: (value) => {
              outcome({ value });
            },
            failure: (failure) => {
              outcome({ raw: failure, failure });
            },
          },
        );
      }
      inside = false;
      later?.();
    };

    event('started');
    const deadline = Math.min(ctx.deadline, started + (spec.timeout ?? Infinity));
    const keptOutside = ctx.kept !== undefined && ctx.kept <= deadline;
    const handle: Under = {
      letGo: (why = unsubscribing) => {
        end(why);
      },
    };
    if (ctx.aborted) {
      end({ is: 'canceled', by: 'caller' });
      return handle;
    }
    const late = (): void => {
      end({ is: 'deadline', pending: pending(), elapsed: now - started });
    };
    if (deadline <= now) {
      if (!keptOutside) late();
      return handle;
    }
    startMore();
    if (!ended && !keptOutside && deadline !== Infinity) clock = at(deadline, late);
    return handle;
  }

  function play(
    own: string,
    steps: readonly Step[],
    outcome: (what: { value: unknown } | { raw: unknown }) => void,
  ): Under {
    let last: { value: unknown } | undefined;
    let open = true as boolean; // callbacks change it
    const mine: Moment[] = [];
    const close = (): void => {
      if (!open) return;
      open = false;
      for (const moment of mine) moment.gone = true;
      see('torn down', own);
    };
    for (const [index, { after, does }] of steps.entries()) {
      const act = (): void => {
        if (!open) return;
        if (does === 'next') {
          last = { value: `${own}#${String(index)}` };
          return;
        }
        close();
        if (does === 'error') outcome({ raw: `${own} failed` });
        else outcome(last ?? { raw: 'empty' });
      };
      if (after === 'sync') act();
      else if (open) mine.push(at(now + after, act));
    }
    return { letGo: close };
  }

  // What the caller will do is set before it asks: at a tie it comes first.
  const { deadline = Infinity, abort, unsubscribe } = caller;
  if (typeof abort === 'number') {
    at(abort, () => {
      under.letGo({ is: 'canceled', by: 'caller' });
    });
  }
  if (unsubscribe !== undefined) {
    at(unsubscribe, () => {
      under.letGo();
    });
  }
  const under = startRun(
    'run',
    run,
    { deadline, kept: undefined, aborted: abort === 'before' },
    {
      value: (value) => {
        see('value', value);
      },
      failure: (failure) => {
        see('failure', failure);
      },
    },
  );
  for (;;) {
    const due = moments.filter(({ gone }) => !gone).sort((a, b) => a.frame - b.frame)[0]; // stable: the first set is first
    if (!due) return seen;
    due.gone = true;
    now = due.frame;
    due.act();
  }
}
