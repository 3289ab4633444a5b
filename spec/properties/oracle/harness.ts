import { expect } from 'chai';
import { asyncScheduler, EmptyError, identity, Observable, take } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  CanceledError,
  type Context,
  DeadlineExceededError,
  type Service,
  ServiceError,
  silent,
  withConcurrency,
  withEvents,
  withLogger,
  withName,
  withTimeout,
} from '../../../lib/index.ts';
import type { Seen } from './model.ts';
import { nameOf, type RunSpec, type Scenario, type ServiceSpec, type Step } from './scenario.ts';

/** What is seen, in order, when the library runs a scenario in virtual time. */
export function observed({ run, caller }: Scenario): Seen {
  const seen: unknown[] = [];
  const see = (...what: unknown[]): void => void seen.push([asyncScheduler.now(), ...what]);
  const heard = new Set<AbortSignal>();
  let outermost: AbortSignal | undefined;

  const runOf = (path: string, spec: RunSpec): Service<void, unknown> => {
    const { joins, services, timeout, concurrency } = spec;
    const hear = (ctx: Context): void => {
      const { signal } = ctx;
      if (signal === undefined || heard.has(signal)) return;
      heard.add(signal);
      if (path === 'run') outermost = signal;
      signal.addEventListener('abort', () => {
        see('aborted', path);
      });
    };
    const asked = services.map((service, index): Service<void, unknown> => {
      const own = `${path}.${nameOf(spec, index)}`;
      const ask = serviceOf(own, service);
      return (ctx) => {
        see('asked', own);
        hear(ctx);
        return ask(ctx);
      };
    });
    const options = [
      withName(path),
      withLogger(silent),
      withTimeout(timeout ?? Infinity),
      ...(concurrency === undefined ? [] : [withConcurrency(concurrency)]),
      withEvents({
        next: (event) => {
          const service = event.service === undefined ? [] : [event.service];
          see('event', path, event.type, ...service, ...('error' in event ? [plain(event.error)] : []));
        },
      }),
    ];
    if (joins === 'each') {
      const each = aggregateEach((ctx, ask: Service<void, unknown>) => ask(ctx), ...options);
      return (ctx) => each(ctx, asked);
    }
    const join = joins === 'latest' ? aggregateLatest : aggregate;
    return join(Object.fromEntries(asked.map((ask, index) => [nameOf(spec, index), ask])), ...options);
  };

  const serviceOf = (own: string, service: ServiceSpec): ((ctx: Context) => Observable<unknown>) => {
    if (service.kind === 'run') return runOf(own, service.run);
    if (service.kind === 'script') return () => scripted(own, service.steps);
    return () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw `${own} threw`;
    };
  };

  const scripted = (own: string, steps: readonly Step[]): Observable<string> =>
    new Observable((subscriber) => {
      subscriber.add(() => {
        see('torn down', own);
      });
      for (const [index, { after, does }] of steps.entries()) {
        const act = (): void => {
          if (does === 'next') subscriber.next(`${own}#${String(index)}`);
          else if (does === 'error') subscriber.error(`${own} failed`);
          else subscriber.complete();
        };
        if (after === 'sync') act();
        else if (!subscriber.closed) subscriber.add(asyncScheduler.schedule(act, after));
      }
    });

  new TestScheduler(() => undefined).run(({ flush }) => {
    const { deadline, abort, unsubscribe, first } = caller;
    const controller = new AbortController();
    if (abort === 'before') controller.abort('reason');
    const { signal } = controller;
    const leave: { yes: () => void } = { yes: () => undefined };
    if (typeof abort === 'number')
      asyncScheduler.schedule(() => {
        controller.abort('reason');
      }, abort);
    if (unsubscribe !== undefined)
      asyncScheduler.schedule(() => {
        leave.yes();
      }, unsubscribe);
    const answers = runOf('run', run)({ signal, deadline });
    const subscription = answers.pipe(first ? take(1) : identity).subscribe({
      next: (value) => {
        see('value', value);
      },
      complete: () => {
        see('complete');
      },
      error: (error: unknown) => {
        see('failure', plain(error));
        if (outermost !== undefined) expect(outermost.reason, 'the reason is the very error').to.equal(error);
      },
    });
    leave.yes = () => {
      subscription.unsubscribe();
    };
    flush();
  });
  return seen;
}

/** An error as the model speaks of it. */
function plain(error: unknown): unknown {
  if (error instanceof ServiceError) {
    const { service, elapsed, cause } = error;
    return { is: 'service', service, elapsed, cause: plain(cause) };
  }
  if (error instanceof DeadlineExceededError) {
    const { pending, elapsed, cause } = error;
    expect(cause).to.have.property('name', 'TimeoutError');
    return { is: 'deadline', pending, elapsed };
  }
  if (error instanceof CanceledError) {
    if ('cause' in error) expect(error.cause).to.equal('reason');
    return { is: 'canceled', by: 'cause' in error ? 'caller' : 'unsubscribing' };
  }
  return error instanceof EmptyError ? 'empty' : error;
}
