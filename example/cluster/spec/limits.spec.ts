import { expect } from 'chai';
import { aggregate, background, lastGood, type Service, ServiceError, withEvents } from 'forkfast';
import { recordEvents } from 'forkfast/testing';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { defer, lastValueFrom, NEVER, of, throwError } from 'rxjs';
import { failureOf } from '../../../spec/support/failure.ts';
import { expectNoUnhandledRejections } from '../../../spec/support/rejections.ts';
import { type Limit, limited, problemFor, RateLimitedError } from '../worker/limits.ts';

const memory = (points: number): RateLimiterMemory => new RateLimiterMemory({ points, duration: 60 });

describe('example: cluster: a limit in front of a service', () => {
  expectNoUnhandledRejections();

  let calls: number;
  const orders: Service<void, number> = () => defer(() => of(++calls));
  const limit = (main: RateLimiterMemory, more: Partial<Limit<object>> = {}): Limit<object> => ({
    limiters: { main, spare: undefined },
    keyOf: () => 'acme',
    status: 429,
    ...more,
  });
  beforeEach(() => {
    calls = 0;
  });

  it('subscribes to the service while there are points, and refuses afterwards', async () => {
    const page = limited(orders, limit(memory(2)));
    expect(await lastValueFrom(page(background))).to.equal(1);
    expect(await lastValueFrom(page(background))).to.equal(2);
    const { retryAfter } = await failureOf(page(background), RateLimitedError);
    expect(retryAfter).to.be.within(1, 60_000);
    expect(calls).to.equal(2);
  });

  it('counts the callers of each key together, and no others', async () => {
    const main = memory(1);
    await lastValueFrom(limited(orders, limit(main))(background));
    await lastValueFrom(limited(orders, limit(main, { keyOf: () => 'other' }))(background));
    await failureOf(limited(orders, limit(main))(background), RateLimitedError);
  });

  for (const status of [429, 503] as const) {
    it(`maps a refusal to ${String(status)} with retry-after, in an aggregate, too`, async () => {
      const page = aggregate({
        orders: limited(orders, limit(memory(0), { status })),
        profile: () => NEVER,
      });
      const error = await failureOf(page(background), ServiceError);
      expect(error.service).to.equal('orders');
      const problem = problemFor(error);
      expect(problem).to.have.property('status', status);
      expect(problem.body).to.have.property('status', status);
      expect(Number(problem.headers['retry-after'])).to.be.within(1, 60);
    });
  }

  it('leaves all other errors to problemOf', () => {
    expect(problemFor(new ServiceError({ service: 'orders', elapsed: 1, cause: new Error('boom') }))).to.have.property(
      'status',
      502,
    );
    expect(problemFor(new Error('boom'))).to.have.property('status', 500);
  });

  const broken: Readonly<Record<string, () => Promise<never>>> = {
    fails: async () => Promise.reject(new Error('no connection')),
    hangs: () => new Promise(() => undefined),
  };
  for (const [how, consume] of Object.entries(broken)) {
    it(`counts in this process while the shared limiter ${how}, and reports it`, async () => {
      const errors: unknown[] = [];
      const main = Object.assign(memory(5), { consume });
      const page = limited(orders, {
        ...limit(main),
        limiters: { main, spare: memory(1) },
        onSpare: (error) => errors.push(error),
      });
      expect(await lastValueFrom(page(background))).to.equal(1);
      await failureOf(page(background), RateLimitedError);
      expect(errors).to.have.length(2);
    });
  }

  it('calls the service as a part of its run, so that its events have its name', async () => {
    const recorded = recordEvents();
    let up = true;
    const service = lastGood(() => (up ? of(5) : throwError(() => new Error('down'))), { maxAge: 60_000 });
    const page = aggregate({ orders: limited(service, limit(memory(2))) }, withEvents(recorded));
    await lastValueFrom(page(background));
    up = false;
    expect(await lastValueFrom(page(background))).to.deep.equal({ orders: 5 });
    expect(recorded.brief()).to.include('stale orders');
  });
});
