import { expect } from 'chai';
import { AsyncLocalStorage } from 'node:async_hooks';
import { firstValueFrom, lastValueFrom, of, Subject } from 'rxjs';
import { aggregate, background, batched, CanceledError, type Context, fetchJson, url } from '../../lib/index.ts';
import { closeServers, deferred, type Loopback, serve } from '../support/servers.ts';

interface User {
  readonly id: number;
}

/** A service that loads users from an upstream with one request for each batch. */
const userService = (upstream: Loopback, window = 0): ReturnType<typeof batched<number, User, Context>> =>
  batched<number, User>((ctx, ids) => fetchJson<User[]>(ctx, url`${upstream.url}/users?ids=${ids.join(',')}`), {
    window,
  });

/** Responds with a user for each id. */
const users = async (delayed: Promise<unknown> = Promise.resolve()): Promise<Loopback> =>
  serve((request, response) => {
    const ids = new URL(request.url ?? '', 'http://upstream.test').searchParams.get('ids')?.split(',') ?? [];
    void delayed.then(() => response.end(JSON.stringify(ids.map((id) => ({ id: Number(id) })))));
  });

describe('batched, with real sockets', () => {
  afterEach(closeServers);

  it('sends one request for all services of 50 concurrent pages', async () => {
    const upstream = await users();
    const user = userService(upstream);
    const page = aggregate({
      author: (ctx, id: number) => user(ctx, id),
      editor: (ctx, id: number) => user(ctx, id + 1),
    });
    const pages = await Promise.all(Array.from({ length: 50 }, async (_, id) => lastValueFrom(page(background, id))));
    expect(pages).to.deep.equal(pages.map((_, id) => ({ author: { id }, editor: { id: id + 1 } })));
    expect(upstream.requests).to.have.length(1);
  });

  it('answers the others when a caller aborts, and closes the connection when all have left', async () => {
    const { promise, resolve } = deferred();
    const upstream = await users(promise);
    const user = userService(upstream);
    const controllers = [1, 2, 3].map(() => new AbortController());
    const calls = controllers.map(async ({ signal }, id) => lastValueFrom(user({ signal }, id)));
    await upstream.requested;
    controllers[1]!.abort('bye');
    expect(await calls[1]!.catch((error: unknown) => error)).to.be.instanceOf(CanceledError);
    resolve();
    expect(await Promise.all([calls[0], calls[2]])).to.deep.equal([{ id: 0 }, { id: 2 }]);

    const silent = await serve(() => undefined);
    const pending = userService(silent);
    const subscriptions = [1, 2].map((id) => pending(background, id).subscribe());
    await silent.requested;
    for (const subscription of subscriptions) subscription.unsubscribe();
    await silent.closed;
    expect(silent.requests).to.deep.equal(['GET /users?ids=1%2C2']);
  });

  it('sends no credentials of one caller for another', async () => {
    const received: string[] = [];
    const upstream = await serve((request, response) => {
      received.push(`${request.headers.authorization ?? ''} ${request.url ?? ''}`);
      response.end('[{}]');
    });
    const user = userService(upstream);
    await Promise.all(
      ['a', 'b'].map(async (authorization) => firstValueFrom(user({ propagate: { authorization } }, 1))),
    );
    expect(received.sort()).to.deep.equal(['a /users?ids=1', 'b /users?ids=1']);
  });
});

describe('batched: the async context', () => {
  const storage = new AsyncLocalStorage<string>();
  const tenants = ['A', 'B', 'C'];

  it('of each caller receives its answer, and that of the first caller runs the call', async () => {
    for (const window of [0, 1]) {
      const log: string[] = [];
      const record = (event: string): void => void log.push(`${event} as ${String(storage.getStore())}`);
      const answer = new Subject<string[]>();
      const called = deferred();
      const load = batched(
        (_ctx: Context, _ids: readonly string[]) => {
          record('loadMany');
          called.resolve();
          return answer;
        },
        { window },
      );
      storage.run('Z', () => batched(() => of(['z']))(background, 'z').subscribe()); // schedules before
      for (const tenant of tenants) {
        storage.run(tenant, () => {
          load(background, tenant).subscribe({
            next: (value) => {
              record(`${tenant} next ${value}`);
            },
            complete: () => {
              record(`${tenant} complete`);
            },
          });
        });
      }
      await called.promise;
      storage.run('D', () => {
        answer.next(['a', 'b', 'c']);
        answer.complete();
      });
      expect(log).to.deep.equal([
        'loadMany as A',
        ...['A next a as A', 'A complete as A', 'B next b as B', 'B complete as B', 'C next c as C', 'C complete as C'],
      ]);
    }
  });
});
