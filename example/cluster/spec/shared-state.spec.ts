import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { aggregate, background, lastGood, type RunEvent, type Service, ServiceError, withEvents } from 'forkfast';
import { filter, firstValueFrom, lastValueFrom, of, ReplaySubject, throwError } from 'rxjs';
import { failureOf } from '../../../spec/support/failure.ts';
import { expectNoUnhandledRejections } from '../../../spec/support/rejections.ts';
import { answersPing, connect, connected, type RedisClient } from '../worker/redis.ts';
import { inRedis, type SharedState } from '../worker/shared-state.ts';
import { itWithRedis, itWithRedisServer, startRedis, stopRedis } from './support/redis.ts';

/** A process, one of several. */
interface Process {
  readonly client: RedisClient;
  readonly state: SharedState;
  /** The page with a service that is up, or down. */
  readonly page: (isUp: boolean) => ReturnType<Service<void, { orders: number }>>;
  /** Resolves when a run has reported such an event. */
  readonly reported: (type: RunEvent['type']) => Promise<RunEvent>;
}

describe('example: cluster: what the processes share', () => {
  expectNoUnhandledRejections();

  const clients: RedisClient[] = [];
  const namespace = `forkfast-spec-${randomUUID()}`;

  const processWith = async (url: string): Promise<Process> => {
    const client = connect(url);
    clients.push(client);
    await connected(client, 10_000);
    const state = inRedis(client, namespace, 2);
    const events = new ReplaySubject<RunEvent>(Infinity);
    let up = true;
    const service = lastGood(() => (up ? of(5) : throwError(() => new Error('down'))), {
      maxAge: 60_000,
      name: 'orders',
      ...(state.answers && { store: state.answers }),
    });
    const page = aggregate({ orders: service }, withEvents(events));
    return {
      client,
      state,
      reported: (wanted) => firstValueFrom(events.pipe(filter(({ type }) => type === wanted))),
      page: (isUp) => {
        up = isUp;
        return page(background);
      },
    };
  };
  const quota = { name: 'orders', points: 4, duration: 60 };

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await stopRedis();
  });

  itWithRedis('answers in one process with what another one has seen', async (url) => {
    const [one, other] = await Promise.all([processWith(url), processWith(url)]);
    await lastValueFrom(one.page(true));
    expect(await answersPing(one.client)).to.equal(true); // after it, the answer is in Redis
    expect(await lastValueFrom(other.page(false))).to.deep.equal({ orders: 5 });
    await other.reported('stale');
  });

  itWithRedis('counts a quota for all processes together', async (url) => {
    const processes = await Promise.all([processWith(url), processWith(url)]);
    const limiters = processes.map(({ state }) => state.limiters({ ...quota, name: 'together' }).main);
    const results = await Promise.allSettled(
      [0, 1, 2, 3, 4].flatMap(() => limiters.map((limiter) => limiter.consume('acme'))),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(quota.points);
  });

  itWithRedisServer('serves fresh pages while Redis is dead, with an event, and shares again afterwards', async () => {
    const redis = await startRedis();
    const [one, other] = await Promise.all([processWith(redis.url), processWith(redis.url)]);
    await redis.kill();
    expect(await lastValueFrom(one.page(true))).to.deep.equal({ orders: 5 });
    expect(await answersPing(one.client)).to.equal(false);
    await one.reported('store-failed');
    await failureOf(other.page(false), ServiceError); // nothing is known, and nothing waits for Redis
    await other.reported('store-failed');
    expect(await answersPing(one.client)).to.equal(false); // without a connection, no command waits for one
    await redis.start();
    await Promise.all([connected(one.client, 10_000), connected(other.client, 10_000)]);
    await lastValueFrom(one.page(true));
    expect(await answersPing(one.client)).to.equal(true);
    expect(await lastValueFrom(other.page(false))).to.deep.equal({ orders: 5 });
  });

  itWithRedisServer('holds no page while Redis hangs, and finds out that it hangs', async () => {
    const redis = await startRedis();
    const one = await processWith(redis.url);
    await redis.hang();
    await failureOf(one.page(false), ServiceError);
    await one.reported('store-failed');
    expect(await answersPing(one.client)).to.equal(false); // a command in flight fails, instead of hanging with Redis
    await redis.resume();
    await connected(one.client, 10_000);
    expect(await answersPing(one.client)).to.equal(true);
  });
});
