import { expect } from 'chai';
import { asyncScheduler, EmptyError, identity, Observable, take } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  type AggregateOption,
  CanceledError,
  type Context,
  DeadlineExceededError,
  optional,
  type Service,
  ServiceError,
  withConcurrency,
  withEvents,
  withName,
  withTimeout,
} from '../../../lib/index.ts';
import type { Failure, Log } from './model.ts';
import { isOptional, nameOf, type RunSpec, type Scenario, type ServiceSpec, type Step } from './scenario.ts';

/** Runs a scenario with the library, in virtual time. */
export function observe({ run, caller }: Scenario): Log {
  const log: unknown[] = [];
  const write = (...entry: unknown[]): void => void log.push([asyncScheduler.now(), ...entry]);
  const signals = new Set<AbortSignal>();
  let outermost: AbortSignal | undefined;

  /** Logs the abort of the signal of a run, once. */
  const watchSignal = (path: string, { signal }: Context): void => {
    if (signal === undefined || signals.has(signal)) return;
    signals.add(signal);
    if (path === 'run') outermost = signal;
    signal.addEventListener('abort', () => {
      write('aborted', path);
    });
  };

  const runOf = (path: string, spec: RunSpec): Service<void, unknown> => {
    const { join, timeout, concurrency } = spec;
    const services = spec.services.map((service, index): Service<void, unknown> => {
      const servicePath = `${path}.${nameOf(spec, index)}`;
      const call = serviceOf(servicePath, service);
      const hasOwnSignal = isOptional(spec, index);
      return (ctx) => {
        write('called', servicePath);
        watchSignal(hasOwnSignal ? servicePath : path, ctx);
        return call(ctx);
      };
    });
    const fallback = (error: unknown): object => ({ missing: failureOf(error) });
    const options: AggregateOption[] = [
      withName(path),
      withTimeout(timeout ?? Infinity),
      withEvents({
        next: (event) => {
          const service = event.service === undefined ? [] : [event.service];
          const failure = 'error' in event ? [failureOf(event.error)] : [];
          write('event', path, event.type, ...service, ...failure, ...('optional' in event ? ['optional'] : []));
        },
      }),
    ];
    if (concurrency !== undefined) options.push(withConcurrency(concurrency));
    if (join === 'each') {
      const call: Service<Service<void, unknown>, unknown> = (ctx, service) => service(ctx);
      const each = aggregateEach(isOptional(spec, 0) ? optional(call, fallback) : call, ...options);
      return (ctx) => each(ctx, services);
    }
    const record = Object.fromEntries(
      services.map((service, index) => [
        nameOf(spec, index),
        isOptional(spec, index) ? optional(service, fallback) : service,
      ]),
    );
    return (join === 'latest' ? aggregateLatest : aggregate)(record, ...options);
  };

  const serviceOf = (path: string, service: ServiceSpec): Service<void, unknown> => {
    if (service.kind === 'run') return runOf(path, service.run);
    if (service.kind === 'script') return () => scripted(path, service.steps);
    return () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- services may throw anything
      throw `${path} threw`;
    };
  };

  const scripted = (path: string, steps: readonly Step[]): Observable<string> =>
    new Observable((subscriber) => {
      subscriber.add(() => {
        write('torn down', path);
      });
      for (const [index, { after, does }] of steps.entries()) {
        const act = (): void => {
          if (does === 'next') subscriber.next(`${path}#${String(index)}`);
          else if (does === 'error') subscriber.error(`${path} failed`);
          else subscriber.complete();
        };
        if (after === 'sync') act();
        else if (!subscriber.closed) subscriber.add(asyncScheduler.schedule(act, after));
      }
    });

  new TestScheduler(() => undefined).run(({ flush }) => {
    const { deadline, abort, unsubscribe, first } = caller;
    const controller = new AbortController();
    const onAbort = (): void => {
      controller.abort('reason');
    };
    const onUnsubscribe = (): void => {
      subscription?.unsubscribe();
    };
    let subscription = undefined as { unsubscribe(): void } | undefined; // the timers are set before there is one
    if (abort === 'before') onAbort();
    else if (abort !== undefined) asyncScheduler.schedule(onAbort, abort);
    if (unsubscribe !== undefined) asyncScheduler.schedule(onUnsubscribe, unsubscribe);
    subscription = runOf(
      'run',
      run,
    )({ signal: controller.signal, deadline })
      .pipe(first ? take(1) : identity)
      .subscribe({
        next: (value) => {
          write('value', value);
        },
        complete: () => {
          write('complete');
        },
        error: (error: unknown) => {
          write('error', failureOf(error));
          if (outermost !== undefined) expect(outermost.reason, 'the reason is the error').to.equal(error);
        },
      });
    flush();
  });
  return log;
}

/** An error as the model describes it. */
function failureOf(error: unknown): unknown {
  if (error instanceof ServiceError) {
    const { service, elapsed, cause } = error;
    return { is: 'service', service, elapsed, cause: failureOf(cause) } satisfies Failure;
  }
  if (error instanceof DeadlineExceededError) {
    const { pending, elapsed, cause } = error;
    expect(cause).to.have.property('name', 'TimeoutError');
    return { is: 'deadline', pending, elapsed } satisfies Failure;
  }
  if (error instanceof CanceledError) {
    if ('cause' in error) expect(error.cause).to.equal('reason');
    return { is: 'canceled', by: 'cause' in error ? 'caller' : 'unsubscribing' } satisfies Failure;
  }
  return error instanceof EmptyError ? 'empty' : error;
}
