import { expect } from 'chai';
import { asyncScheduler, defer, lastValueFrom, NEVER, type Observable, of, throwError, timer } from 'rxjs';
import {
  aggregate,
  type AnswerStore,
  background,
  type Context,
  DeadlineExceededError,
  lastGood,
  type LastGoodConfig,
  type Service,
  ServiceError,
  withEvents,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, type RecordedEvents, recordEvents } from '../../lib/testing/index.ts';
import { nextTask } from '../support/tasks.ts';

const boom = new Error('boom');
const failing = (): Observable<never> => throwError(() => boom);
const minute = 60_000;

/** A store in memory, and what was asked of it. */
function fakeStore(changed: Partial<AnswerStore> = {}): AnswerStore & {
  readonly texts: Map<string, unknown>;
  readonly log: string[];
  readonly ttls: number[];
} {
  const texts = new Map<string, unknown>();
  const log: string[] = [];
  const ttls: number[] = [];
  return {
    texts,
    log,
    ttls,
    get: async (key) => {
      log.push('get');
      return Promise.resolve(texts.get(key));
    },
    set: async (key, text, ttl) => {
      log.push('set');
      ttls.push(ttl);
      texts.set(key, text);
      return Promise.resolve(true);
    },
    ...changed,
  };
}

/** The service in a process of its own: with a memory of its own. */
function processOf<T>(
  service: Service<string, T>,
  store: AnswerStore,
  config: Partial<LastGoodConfig> = {},
): { readonly call: (input?: string, ctx?: Context) => Promise<T>; readonly recorded: RecordedEvents } {
  const recorded = recordEvents();
  const good = lastGood(service, { maxAge: minute, name: 'orders', store, ...config });
  const page = aggregate({ orders: good }, withEvents(recorded));
  return {
    recorded,
    call: async (input = 'a', ctx = background) => {
      try {
        return (await lastValueFrom(page(ctx, input))).orders;
      } finally {
        await nextTask(); // the store is written
      }
    },
  };
}

/** The errors of the store that were reported. */
const storeErrors = ({ events }: RecordedEvents): string[] =>
  events.flatMap((event) => (event.type === 'store-failed' ? [(event.error as Error).message] : []));

/** Resolves with the cause of the failure. */
async function failureOf(answer: Promise<unknown>): Promise<unknown> {
  return answer.then(
    (value) => expect.fail(`answered with ${String(value)}`),
    (error: unknown) => (error as ServiceError).cause,
  );
}

/** Rejects, throws, or answers with nonsense. */
const badReads: Readonly<Record<string, AnswerStore['get']>> = {
  rejects: async () => Promise.reject(boom),
  throws: () => {
    throw boom;
  },
  'answers with other text': async () => Promise.resolve('other'),
  'answers with JSON of another shape': async () => Promise.resolve('{"at":"now","value":1}'),
  'answers with an object': async () => Promise.resolve({ at: 1, value: 1 }),
};
const badWrites: Readonly<Record<string, AnswerStore['set']>> = {
  rejects: async () => Promise.reject(boom),
  throws: () => {
    throw boom;
  },
  'answers with false': async () => Promise.resolve(false),
};

describe('lastGood with a store', () => {
  it('answers in one process with what another one has kept', async () => {
    const store = fakeStore();
    expect(await processOf(() => of({ count: 5 }), store).call()).to.deep.equal({ count: 5 });
    const other = processOf(failing, store);
    expect(await other.call()).to.deep.equal({ count: 5 });
    expect(other.recorded.brief()).to.include('stale orders');
    expect(await failureOf(other.call('b'))).to.equal(boom);
    expect(store.ttls).to.deep.equal([minute]);
  });

  it('reads at the start, in parallel with the service, and waits for the store only if the service fails', async () => {
    const store = fakeStore({
      get: () => {
        store.log.push('get');
        return new Promise(() => undefined);
      },
    });
    const service = defer(() => {
      store.log.push('service');
      return of('a');
    });
    expect(await processOf(() => service, store).call()).to.equal('a');
    expect(store.log).to.deep.equal(['get', 'service', 'set']);
  });

  it('waits for a store that is slower than a failure', async () => {
    const store = fakeStore();
    await processOf(() => of('a'), store).call();
    const slow = { ...store, get: async (key: string) => nextTask().then(() => store.texts.get(key)) };
    expect(await processOf(failing, slow).call()).to.equal('a');
  });

  it('takes the name of the function for its keys', async () => {
    const store = fakeStore();
    const orders = (): Observable<string> => of('5 orders');
    const failing = (name: string) => Object.defineProperty(() => throwError(() => boom), 'name', { value: name });
    await lastValueFrom(lastGood(orders, { maxAge: minute, store })(background));
    await nextTask();
    const answer = (name: string) => lastValueFrom(lastGood(failing(name), { maxAge: minute, store })(background));
    expect(await answer('orders')).to.equal('5 orders');
    expect(await answer('profile').catch((error: unknown) => error)).to.equal(boom);
  });

  it('keeps names, inputs and credentials apart, and no credentials in its keys', async () => {
    const store = fakeStore();
    const secret = 'Bearer s3cret';
    const ctx = { propagate: { authorization: secret }, tenant: secret };
    await processOf(() => of('a'), store).call(secret, ctx);
    expect([...store.texts.keys()]).to.have.length(1);
    for (const key of store.texts.keys()) expect(key).to.match(/^orders:[0-9a-f]{64}$/);
    const other = processOf(failing, store);
    expect(await other.call(secret, ctx)).to.equal('a');
    for (const [input, different] of [
      [secret, background],
      [secret, { propagate: { authorization: 'b' } }],
      ['x', ctx],
    ] as const) {
      expect(await failureOf(other.call(input, different))).to.equal(boom);
    }
    expect(await failureOf(processOf(failing, store, { name: 'profile' }).call(secret, ctx))).to.equal(boom);
  });

  it('has the SHA-256 digest of the key of the input and of the context in its keys', async () => {
    const store = fakeStore();
    await processOf(() => of('a'), store, { vary: () => 1 }).call('abc');
    // printf '%s' '["\"abc\"","1"]' | sha256sum
    expect([...store.texts.keys()]).to.deep.equal([
      'orders:da9e3b0e2c23a77b12d27139bdfe36cdff7bb0fad42166e5eb7b0f8196c12fc8',
    ]);
  });

  it('uses the newer answer of memory and store, and none that is older than maxAge', async () => {
    const store = fakeStore();
    let up = true;
    const first = processOf(() => (up ? of('first') : failing()), store);
    await first.call();
    up = false;
    const [key] = store.texts.keys();
    const put = (age: number): void => {
      store.texts.set(key!, JSON.stringify({ at: asyncScheduler.now() - age, value: 'other' }));
    };
    put(minute - 5_000);
    expect(await first.call()).to.equal('first');
    expect(await processOf(failing, store).call()).to.equal('other');
    put(minute + 1);
    expect(await failureOf(processOf(failing, store).call())).to.equal(boom);
    put(-1_000); // the clock of the other process is ahead
    expect(await processOf(failing, store).call()).to.equal('other');
  });

  for (const [how, get] of Object.entries(badReads)) {
    it(`changes no outcome if get ${how}, and reports an event`, async () => {
      const up = processOf(() => timer(1), fakeStore({ get }));
      expect(await up.call()).to.equal(0);
      const down = processOf(failing, fakeStore({ get }));
      expect(await failureOf(down.call())).to.equal(boom);
      for (const { recorded } of [up, down]) {
        expect(storeErrors(recorded)).to.have.length(1);
        expect(storeErrors(recorded)[0]).to.match(
          /^(?:boom|lastGood: store: get: expected a text that was set, got a)/,
        );
        expect(recorded.brief()).to.include('store-failed orders');
      }
    });
  }

  for (const [how, set] of Object.entries(badWrites)) {
    it(`changes no outcome if set ${how}, and reports an event, which may follow the end of the run`, async () => {
      let up = true;
      const process = processOf(() => (up ? of('a') : failing()), fakeStore({ set }));
      expect(await process.call()).to.equal('a');
      expect(storeErrors(process.recorded)[0]).to.match(/^(?:boom|lastGood: store: set: expected to keep the answer)/);
      up = false;
      expect(await process.call()).to.equal('a');
      expect(storeErrors(process.recorded)).to.have.length(1);
    });
  }

  it('fails 100 ms after the service if the store hangs, at the deadline if that is sooner, and reports an event', () => {
    const store = fakeStore({ get: () => new Promise(() => undefined) });
    for (const [timeout, diagram, elapsed] of [
      [1_000, '102ms #', 102],
      [50, '50ms #', 50],
    ] as const) {
      const recorded = recordEvents();
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('--#', undefined, boom);
        const orders = lastGood(() => source, { maxAge: minute, name: 'orders', store });
        const page = aggregate({ orders }, withTimeout(timeout), withEvents(recorded));
        const error = new ServiceError({ service: 'orders', elapsed, cause: boom });
        expectObservable(page(background)).toBe(diagram, undefined, error);
        expectSubscriptions(source.subscriptions).toBe('^-!');
      });
      expect(recorded.brief()).to.include('store-failed orders');
    }
  });

  it('answers at once from memory although the store hangs, and reports a store without which it cannot answer', () => {
    const store = fakeStore({ get: () => new Promise(() => undefined) });
    const recorded = recordEvents();
    marbles(({ expectObservable }) => {
      let source: Observable<string> = of('a');
      const orders = lastGood(() => source, { maxAge: minute, name: 'orders', store });
      const page = aggregate({ orders }, withTimeout(5), withEvents(recorded));
      orders(background).subscribe();
      source = failing();
      expectObservable(page(background)).toBe('(a|)', { a: { orders: 'a' } });
    });
    expect(storeErrors(recorded)).to.deep.equal([]);
    marbles(({ expectObservable }) => {
      const orders = lastGood(() => NEVER, { maxAge: minute, name: 'orders', store });
      const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 5 });
      expectObservable(aggregate({ orders }, withTimeout(5), withEvents(recorded))(background)).toBe(
        '-----#',
        undefined,
        late,
      );
    });
    expect(storeErrors(recorded)).to.deep.equal(['context deadline exceeded after 5 ms, pending: the store']);
  });

  it('keeps values that JSON can hold as they are', async () => {
    for (const value of [
      ...[null, 0, 'a', true, [], [null, [1]]],
      { a: { value: undefined, b: '\ud800' }, at: 5 },
      Object.assign(Object.create(null) as object, { a: 1 }),
      JSON.parse('{"__proto__":{"a":1}}') as unknown,
    ]) {
      const store = fakeStore();
      const process = processOf(() => of(value), store);
      await process.call();
      expect(storeErrors(process.recorded)).to.deep.equal([]);
      const read = await processOf(failing as Service<string, unknown>, store).call();
      expect(JSON.stringify(read)).to.equal(JSON.stringify(value));
    }
  });

  it('keeps values that JSON would change in memory only, and reports an event', async () => {
    class Money {
      readonly amount = 1;
    }
    const circular: unknown[] = [];
    circular.push(circular);
    for (const [value, got] of [
      [undefined, 'undefined'],
      [{ at: new Date() }, 'an instance of Date'],
      [new Map(), 'an instance of Map'],
      [[new Money()], 'an instance of Money'],
      [{ price: NaN }, 'NaN'],
      [[undefined], 'undefined'],
      [{ id: 1n }, 'a bigint'],
      [{ toJSON: () => 1 }, 'a function'],
      [circular, undefined],
    ] as const) {
      const store = fakeStore();
      let up = true;
      const process = processOf<unknown>(() => (up ? of(value) : failing()), store);
      expect(await process.call()).to.equal(value);
      expect(store.texts).to.have.length(0);
      if (got !== undefined) {
        expect(storeErrors(process.recorded)).to.deep.equal([
          `lastGood: store: expected an answer that JSON can hold, got ${got}: let the service answer with plain objects`,
        ]);
      }
      expect(process.recorded.brief()).to.include('store-failed orders');
      up = false;
      expect(await process.call()).to.equal(value);
    }
  });

  it('uses only memory for a context or an input that other processes do not share, and says so', async () => {
    const fetch = async (): Promise<Response> => Promise.resolve(expect.fail('called'));
    const fix = 'pass a vary that returns a string';
    const message = async (ctx: object, config: Partial<LastGoodConfig> = {}): Promise<string[]> => {
      const store = fakeStore();
      let up = true;
      const process = processOf(() => (up ? of('a') : failing()), store, config);
      await process.call('a', ctx);
      up = false;
      expect(await process.call('a', ctx)).to.equal('a');
      const errors = storeErrors(process.recorded);
      expect(store.texts).to.have.length(errors.length > 0 ? 0 : 1);
      return errors.slice(1);
    };
    const expected = 'expected a primitive that other processes share';
    expect(await message({ fetch })).to.deep.equal([`lastGood: ctx.fetch: ${expected}, got a function: ${fix}`]);
    expect(await message({ user: {} })).to.deep.equal([
      `lastGood: ctx.user: ${expected}, got an instance of Object: ${fix}`,
    ]);
    expect(await message({ [Symbol('user')]: 1 })).to.deep.equal([
      `lastGood: ctx.Symbol(user): ${expected}, got a symbol: ${fix}`,
    ]);
    const symbol = Symbol('a');
    expect(await message({}, { vary: () => symbol })).to.deep.equal([
      `lastGood: vary: ${expected}, got a symbol: ${fix}`,
    ]);
    expect(await message({ fetch }, { vary: () => 'public' })).to.deep.equal([]);
  });

  it('uses only memory for an input that is a symbol', async () => {
    const store = fakeStore();
    const recorded = recordEvents();
    const orders = lastGood((_ctx: Context, _id: symbol) => of('a'), { maxAge: minute, name: 'orders', store });
    await lastValueFrom(aggregate({ orders }, withEvents(recorded))(background, Symbol('a')));
    expect(storeErrors(recorded)).to.deep.equal([
      'lastGood: input: expected a primitive that other processes share, got a symbol: pass a key that returns a string',
    ]);
    expect(store.log).to.deep.equal([]);
  });

  it('does not write the answer to an earlier call after that to a later one', async () => {
    const store = fakeStore();
    let call = 0;
    const orders = lastGood(() => (++call === 1 ? timer(20) : of(1)), { maxAge: minute, name: 'orders', store });
    await Promise.all([lastValueFrom(orders(background)), lastValueFrom(orders(background))]);
    await nextTask();
    expect(
      [...store.texts.values()].map((text) => (JSON.parse(text as string) as { value: unknown }).value),
    ).to.deep.equal([1]);
  });
});
