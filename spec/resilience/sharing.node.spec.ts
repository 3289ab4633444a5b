import { expect } from 'chai';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { firstValueFrom, lastValueFrom, map, NEVER, Observable, of, Subject, type Subscription, timer } from 'rxjs';
import {
  aggregate,
  bulkhead,
  type Context,
  type Fetch,
  fetchText,
  perRun,
  type RunEvent,
  singleFlight,
  withEvents,
  withTimeout,
} from '../../lib/index.ts';
import { deferred } from '../support/servers.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Whether the object is collected. A `WeakRef` that was read keeps its object until the next task. */
async function isCollected(held: WeakRef<object>): Promise<boolean> {
  for (let times = 0; times < 10 && held.deref(); times++) {
    await firstValueFrom(timer(0));
    collectGarbage();
  }
  return held.deref() === undefined;
}

describe('memory', () => {
  it('a request does not keep the small chunks of a body, which weigh more than their bytes', async () => {
    const chunks: WeakRef<object>[] = [];
    const allSent = deferred();
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (chunks.length === 600) {
          allSent.resolve();
          return new Promise(() => undefined);
        }
        const chunk = new Uint8Array(1);
        chunks.push(new WeakRef(chunk));
        controller.enqueue(chunk);
        return undefined;
      },
    });
    const fetch: Fetch = () => Promise.resolve(new Response(body));
    const request = fetchText({ fetch }, 'http://api.test/').subscribe();
    await allSent.promise;
    expect(await isCollected(chunks[0]!)).to.equal(true);
    request.unsubscribe();
  });

  it('a run does not keep the subscriber of a service that has answered, while it waits for another', async () => {
    const call = (): { readonly subscriber: WeakRef<object>; readonly run: Subscription } => {
      let subscriber: WeakRef<object> | undefined;
      const fast = (): Observable<number> =>
        new Observable((own) => {
          subscriber = new WeakRef(own);
          own.next(1);
          own.complete();
        });
      const run = aggregate({ fast, slow: () => NEVER })({}).subscribe();
      expect(run.closed).to.equal(false);
      return { subscriber: subscriber!, run };
    };
    const { subscriber, run } = call();
    expect(await isCollected(subscriber)).to.equal(true);
    run.unsubscribe();
  });

  it('singleFlight does not keep a transport after its last call', async () => {
    const flight = singleFlight(() => of(1));
    const call = (): WeakRef<Fetch> => {
      const fetch: Fetch = () => Promise.resolve(new Response());
      flight({ fetch }).subscribe();
      return new WeakRef(fetch);
    };
    expect(await isCollected(call())).to.equal(true);
  });

  it('singleFlight does not keep the signal of the first caller after it has left, while others wait', async () => {
    const flight = singleFlight(() => NEVER);
    const call = (): WeakRef<AbortSignal> => {
      const { signal } = new AbortController();
      const first = flight({ signal }).subscribe();
      flight({}).subscribe();
      first.unsubscribe();
      return new WeakRef(signal);
    };
    expect(await isCollected(call())).to.equal(true);
  });

  it('perRun does not keep its answers after the run', async () => {
    const profile = perRun(() => of({ name: 'Alice' }));
    const call = async (): Promise<WeakRef<object>> => {
      const answer = await firstValueFrom(aggregate({ profile })({}));
      return new WeakRef(answer.profile);
    };
    expect(await isCollected(await call())).to.equal(true);
  });

  it('the context of a shared call keeps neither its answer nor the callers, also after a caller has timed out', async () => {
    const kept: Context[] = [];
    const call = async (): Promise<WeakRef<object>[]> => {
      const answer = { name: 'Alice' };
      const store = { tenant: 'acme' };
      const source = new Subject<object>();
      const inner = singleFlight((ctx) => {
        kept.push(ctx);
        return source;
      });
      const outer = singleFlight((ctx) => {
        kept.push(ctx);
        return inner(ctx);
      });
      const { signal } = new AbortController();
      const storage = new AsyncLocalStorage<object>();
      const late = storage.run(store, () => aggregate({ outer }, withTimeout(1))({ signal }));
      const first = storage.run(store, () => firstValueFrom(outer({})));
      await lastValueFrom(late).catch(() => undefined);
      source.next(answer);
      source.complete();
      await first;
      return [answer, store, signal].map((held) => new WeakRef(held));
    };
    for (const held of await call()) expect(await isCollected(held)).to.equal(true);
    expect(kept).to.have.length(2);
  });

  it('the context of a call in a perRun does not keep the answers of its run', async () => {
    const events: RunEvent[] = [];
    const call = async (): Promise<WeakRef<object>> => {
      const inner = aggregate({ a: () => of(1) }, withEvents({ next: (event) => events.push(event) }));
      const account = perRun((ctx) => inner(ctx).pipe(map(() => ({ name: 'Alice' }))));
      const { account: answer } = await firstValueFrom(aggregate({ account })({}));
      return new WeakRef(answer);
    };
    expect(await isCollected(await call())).to.equal(true);
    expect(events).to.have.length.above(2);
  });

  it('a bulkhead does not keep the async context of a source that has waited', async () => {
    const limit = bulkhead(1);
    const call = (): WeakRef<object> => {
      const store = { tenant: 'acme' };
      const first = new Subject<void>();
      first.pipe(limit).subscribe();
      new AsyncLocalStorage<object>().run(store, () => {
        of(1).pipe(limit).subscribe();
        NEVER.pipe(limit).subscribe().unsubscribe();
      });
      first.complete();
      return new WeakRef(store);
    };
    expect(await isCollected(call())).to.equal(true);
  });

  it('the events of a run keep neither its input nor its answer, nor those of its parent', async () => {
    const events: RunEvent[] = [];
    const options = [withEvents({ next: (event) => events.push(event) })];
    const call = async (): Promise<WeakRef<object>[]> => {
      const input = { id: 42 };
      const inner = aggregate({ a: () => timer(1).pipe(map(() => ({ big: 'inner' }))) }, ...options);
      const outer = aggregate({ inner, b: (_ctx, _input: object) => of({ big: 'outer' }) }, ...options);
      const answer = await firstValueFrom(outer({}, input));
      return [input, answer, answer.b, answer.inner.a].map((held) => new WeakRef(held));
    };
    for (const held of await call()) expect(await isCollected(held)).to.equal(true);
    expect(events).to.have.length.above(7);
  });
});
