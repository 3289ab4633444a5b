import { type Context as ActiveContext, context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { expect } from 'chai';
import { AsyncLocalStorage } from 'node:async_hooks';
import { concat, defer, NEVER, Observable, of, retry, Subject, Subscription, throwError } from 'rxjs';
import {
  aggregate,
  background,
  bulkhead,
  type Context,
  hedge,
  perRun,
  singleFlight,
  withConcurrency,
} from '../../lib/index.ts';
import { exporting } from '../support/exported.ts';
import { nextTask } from '../support/tasks.ts';

const boom = new Error('boom');
const tenants = ['A', 'B', 'C'] as const;

interface Store {
  /** Runs the action for a tenant. */
  readonly run: (tenant: string, action: () => void) => void;
  /** The tenant for whom the caller runs. */
  readonly tenant: () => string | undefined;
}

const storage = new AsyncLocalStorage<string>();
const { provider } = exporting();
const tracer = provider.getTracer('a test');
const spans = new Map<string, string>();

const stores: Readonly<Record<string, Store>> = {
  AsyncLocalStorage: {
    run: (tenant, action) => {
      storage.run(tenant, action);
    },
    tenant: () => storage.getStore(),
  },
  'the active span of OpenTelemetry': {
    run: (tenant, action) => {
      const active: ActiveContext = trace.setSpan(ROOT_CONTEXT, tracer.startSpan(tenant));
      spans.set(trace.getSpan(active)?.spanContext().spanId ?? '', tenant);
      context.with(active, action);
    },
    tenant: () => spans.get(trace.getSpan(context.active())?.spanContext().spanId ?? ''),
  },
};

for (const [name, { run, tenant }] of Object.entries(stores)) {
  describe(`the async context: ${name}`, () => {
    before(() => {
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    });
    after(() => {
      context.disable();
    });

    let log: string[];
    beforeEach(() => {
      log = [];
    });
    const record = (event: string): void => void log.push(`${event} as ${String(tenant())}`);
    /** Subscribes for each tenant, and records in which context it is notified. */
    const subscribeAll = (sourceOf: (who: string) => Observable<unknown>): readonly Subscription[] =>
      tenants.map((who) => {
        const subscription = new Subscription();
        run(who, () => {
          const subscriber = {
            next: () => {
              record(`${who} next`);
            },
            error: () => {
              record(`${who} error`);
            },
            complete: () => {
              record(`${who} complete`);
            },
          };
          subscription.add(sourceOf(who).subscribe(subscriber));
        });
        return subscription;
      });
    const notifiedAs = (kind: string): string[] => tenants.map((who) => `${who} ${kind} as ${who}`);
    /** A bulkhead's callers, and the sources that they wait for. */
    const queue = (): { readonly sources: Subject<void>[]; readonly sourceOf: (who: string) => Observable<void> } => {
      const limit = bulkhead(1);
      const sources: Subject<void>[] = [];
      const sourceOf = (who: string): Observable<void> =>
        new Observable<void>((subscriber) => {
          record(`${who} starts`);
          const source = new Subject<void>();
          sources.push(source);
          subscriber.add(source.subscribe(subscriber));
        });
      return { sources, sourceOf: (who) => limit(sourceOf(who)) };
    };
    it('of its own subscriber starts a queued source when another completes', () => {
      const { sources, sourceOf } = queue();
      subscribeAll(sourceOf);
      for (let index = 0; index < 3; index++) run('D', () => sources[index]?.complete());
      expect(log.filter((entry) => entry.includes('starts'))).to.deep.equal(notifiedAs('starts'));
    });

    it('of its own subscriber starts a queued source when another fails, is retried or is unsubscribed', async () => {
      const { sources, sourceOf } = queue();
      const [, second] = subscribeAll((who) => sourceOf(who).pipe(retry(who === 'A' ? 1 : 0)));
      run('A', () => {
        sources[0]?.error(boom); // its retry waits behind B and C
      });
      await nextTask();
      run('D', () => second?.unsubscribe());
      await nextTask();
      run('D', () => sources[2]?.error(boom));
      await nextTask();
      const starts = log.filter((entry) => entry.includes('starts'));
      expect(starts).to.deep.equal(['A starts as A', 'B starts as B', 'C starts as C', 'A starts as A']);
    });

    it('of each caller receives the answer of a single flight, whose service runs in that of the first', () => {
      const answer = new Subject<number>();
      const flight = singleFlight(() => {
        record('service');
        return answer;
      });
      subscribeAll(() => flight(background));
      run('D', () => {
        answer.next(1);
        answer.complete();
      });
      expect(log).to.deep.equal([
        'service as A',
        ...tenants.flatMap((who) => [`${who} next as ${who}`, `${who} complete as ${who}`]),
      ]);
    });

    it('of each caller receives the error of a single flight, and so each retry', () => {
      const answers: Subject<number>[] = [];
      const flight = singleFlight(() => {
        record('service');
        const answer = new Subject<number>();
        answers.push(answer);
        return answer;
      });
      subscribeAll(() => flight(background).pipe(retry(1)));
      for (const index of [0, 1]) run('D', () => answers[index]?.error(boom));
      expect(log).to.deep.equal(['service as A', 'service as A', ...notifiedAs('error')]);
    });

    it('of the first caller tears down a single flight after the last caller has left', () => {
      const flight = singleFlight(
        ({ signal }) =>
          new Observable((subscriber) => {
            signal?.addEventListener('abort', () => {
              record('abort');
            });
            subscriber.add(() => {
              record('teardown');
            });
          }),
      );
      const subscriptions = subscribeAll(() => flight(background));
      for (const [index, subscription] of subscriptions.entries()) {
        run(tenants[index] ?? '', () => {
          subscription.unsubscribe();
        });
      }
      expect(log).to.deep.equal(['teardown as A', 'abort as A']);
    });

    it('of each service receives the answer of perRun', () => {
      const answer = new Subject<number>();
      const account = perRun(() => {
        record('service');
        return answer;
      });
      const services = tenants.map(
        (who) => (ctx: Context) =>
          new Observable((subscriber) => {
            run(who, () => {
              const notify = {
                next: () => {
                  record(`${who} next`);
                },
                complete: () => {
                  subscriber.next(who);
                  subscriber.complete();
                },
              };
              subscriber.add(account(ctx).subscribe(notify));
            });
          }),
      );
      aggregate(services)(background).subscribe();
      run('D', () => {
        answer.next(1);
        answer.complete();
      });
      expect(log).to.deep.equal(['service as A', ...notifiedAs('next')]);
    });

    it('of its own subscriber starts each attempt of a hedge', async () => {
      let attempts = 0;
      await new Promise<void>((resolve) => {
        subscribeAll((who) =>
          defer(() => {
            record(`${who} attempt`);
            if (++attempts === 6) resolve();
            return NEVER;
          }).pipe(hedge({ after: 1 })),
        );
      });
      expect(log.slice(3).sort()).to.deep.equal(notifiedAs('attempt'));
    });

    it('of its run starts a queued service when the service before it completes in another', () => {
      const sources = [new Subject<void>(), new Subject<void>()];
      const service = (index: number) => () => {
        record(`service ${String(index)}`);
        return concat(of(1), sources[index]!);
      };
      const services = [service(0), service(1)];
      run('A', () => aggregate(services, withConcurrency(1))(background).subscribe());
      run('B', () => {
        for (const source of sources) source.complete();
      });
      expect(log).to.deep.equal(['service 0 as A', 'service 1 as A']);
    });

    it('of each caller receives the error of a service that throws', () => {
      const flight = singleFlight(() => throwError(() => boom));
      subscribeAll(() => flight(background));
      expect(log).to.deep.equal(notifiedAs('error'));
    });
  });
}
