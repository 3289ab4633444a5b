import { expect } from 'chai';
import { defer, firstValueFrom, map, retry } from 'rxjs';
import { backoff, type Context, type Fetch, fetchJson, type FetchInit, fetchText } from '../../lib/index.ts';
import { hedge, HttpError, isTransient, NetworkError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';

const api = 'http://api.test/orders';
const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const place = { method: 'POST', body: '{"item":"tea"}' } as const;

/** A transport that remembers the keys, and fails the first requests with a 503. */
function upstream(failures: number, respond: () => Response = () => new Response('{}')) {
  const keys: (string | null)[] = [];
  const fetch: Fetch = (_url, init) => {
    keys.push(new Headers(init.headers).get('idempotency-key'));
    return Promise.resolve(keys.length <= failures ? new Response('', { status: 503 }) : respond());
  };
  return { ctx: { fetch }, keys };
}

const retried = (ctx: Context) => retry({ count: 3, delay: backoff(ctx, { initialDelay: 0 }) });

describe('idempotencyKey', () => {
  it('lets backoff retry a POST, with one UUID for all attempts', async () => {
    const { ctx, keys } = upstream(2);
    await firstValueFrom(fetchJson(ctx, api, { ...place, idempotencyKey: true }).pipe(retried(ctx)));
    expect(keys).to.have.length(3);
    expect(new Set(keys).size).to.equal(1);
    expect(keys[0]).to.match(uuid);
  });

  it('makes another UUID for each call, and for each subscription to a defer', async () => {
    const { ctx, keys } = upstream(1);
    const request = defer(() => fetchText(ctx, api, { ...place, idempotencyKey: true }).pipe(retried(ctx)));
    for (const answer of [request, request, fetchText(ctx, api, { ...place, idempotencyKey: true })]) {
      await firstValueFrom(answer);
    }
    expect(keys).to.have.length(4);
    expect(keys[0]).to.equal(keys[1]);
    expect(new Set(keys).size).to.equal(3);
  });

  it('keeps the UUID after an answer that something behind it refused', async () => {
    const { ctx, keys } = upstream(0);
    let answers = 0;
    const refusing = map(() => {
      if (++answers < 3) throw new Error('another shape');
      return answers;
    });
    await firstValueFrom(fetchJson(ctx, api, { ...place, idempotencyKey: true }).pipe(refusing, retry(2)));
    expect(keys).to.have.length(3);
    expect(new Set(keys).size).to.equal(1);
  });

  it('sends the same UUID in the attempts of a hedge', async () => {
    const { keys, ctx } = upstream(0);
    let attempts = 0;
    const fetch: Fetch = (target, init) => {
      const response = ctx.fetch(target, init);
      return ++attempts === 1 ? new Promise(() => undefined) : response;
    };
    await firstValueFrom(fetchJson({ fetch }, api, { ...place, idempotencyKey: true }).pipe(hedge({ after: 1 })));
    expect(keys).to.have.length(2);
    expect(new Set(keys).size).to.equal(1);
  });

  it('sends a text as it is', async () => {
    const { ctx, keys } = upstream(1);
    await firstValueFrom(fetchJson(ctx, api, { ...place, idempotencyKey: '"order-7"' }).pipe(retried(ctx)));
    expect(keys).to.deep.equal(['"order-7"', '"order-7"']);
  });

  it('replaces a propagated key, and gives way to a header of init', async () => {
    const { ctx, keys } = upstream(0);
    const propagating = { ...ctx, propagate: { 'Idempotency-Key': 'of the caller' } };
    await firstValueFrom(fetchJson(propagating, api, { ...place, idempotencyKey: 'mine' }));
    const headers = { 'Idempotency-Key': 'of init' };
    await firstValueFrom(fetchJson(propagating, api, { ...place, headers, idempotencyKey: true }));
    expect(keys).to.deep.equal(['mine', 'of init']);
  });

  it('sends none, and lets no POST be repeated, without the option', async () => {
    for (const idempotencyKey of [undefined, false] as const) {
      const { ctx, keys } = upstream(1);
      const error = await failureOf(fetchJson(ctx, api, { ...place, idempotencyKey }).pipe(retried(ctx)), HttpError);
      expect(isTransient(error)).to.equal(false);
      expect(keys).to.deep.equal([null]);
    }
  });

  it('is not an option of the transport', async () => {
    let init: RequestInit | undefined;
    const fetch: Fetch = (_url, given) => {
      init = given;
      return Promise.resolve(new Response('{}'));
    };
    await firstValueFrom(fetchJson({ fetch }, api, { idempotencyKey: true }));
    expect(init).not.to.have.property('idempotencyKey');
  });

  it('makes no permanent failure transient', async () => {
    const refused = upstream(0, () => new Response('', { status: 422 }));
    const error = await failureOf(fetchJson(refused.ctx, api, { ...place, idempotencyKey: true }), HttpError);
    expect(isTransient(error)).to.equal(false);
  });

  it('makes a broken connection transient', async () => {
    const fetch: Fetch = () => Promise.reject(new TypeError('fetch failed'));
    const error = await failureOf(fetchJson({ fetch }, api, { ...place, idempotencyKey: true }), NetworkError);
    expect(isTransient(error)).to.equal(true);
  });

  it('does not let a stream be repeated, which has been read', async () => {
    const { ctx, keys } = upstream(1);
    const init = { method: 'POST', body: new Response('tea').body, duplex: 'half', idempotencyKey: true } as FetchInit;
    const fetch: Fetch = async (target, sent) => {
      await new Response(sent.body).text();
      return ctx.fetch(target, sent);
    };
    const error = await failureOf(fetchJson({ fetch }, api, init).pipe(retried(ctx)), HttpError);
    expect(isTransient(error)).to.equal(false);
    expect(keys).to.have.length(1);
  });

  describe('without randomUUID, as in a page without TLS', () => {
    const original = Object.getOwnPropertyDescriptor(globalThis, 'crypto')!;
    const replaceCrypto = (value: unknown): void => {
      Object.defineProperty(globalThis, 'crypto', { ...original, get: () => value });
    };
    afterEach(() => {
      Object.defineProperty(globalThis, 'crypto', original);
    });

    it('makes a UUID of random bytes', async () => {
      for (const byte of [0, 255, 90]) {
        replaceCrypto({ getRandomValues: (bytes: Uint8Array) => bytes.fill(byte) });
        const { ctx, keys } = upstream(0);
        await firstValueFrom(fetchJson(ctx, api, { idempotencyKey: true }));
        expect(keys[0]).to.match(uuid);
      }
    });

    it('errors without crypto', async () => {
      replaceCrypto(undefined);
      const { ctx } = upstream(0);
      const error = await failureOf(fetchJson(ctx, api, { idempotencyKey: true }), TypeError);
      expect(error.message).to.equal('fetch: idempotencyKey: expected a platform with crypto, got none: pass a text');
    });
  });

  for (const [value, got] of [
    ['', 'an empty text'],
    [' ', 'an empty text'],
    [null, 'null'],
    [7, '7'],
    [{ secret: 1 }, 'an instance of Object'],
  ] as const) {
    it(`errors for ${JSON.stringify(value)}`, async () => {
      const { ctx, keys } = upstream(0);
      const error = await failureOf(fetchJson(ctx, api, { idempotencyKey: value as never }), TypeError);
      expect(error.message).to.equal(
        `fetch: idempotencyKey: expected true or a text, got ${got}: pass true for a new UUID`,
      );
      expect(keys).to.deep.equal([]);
    });
  }

  it('errors for a text that no header can carry, without quoting it', async () => {
    const { ctx } = upstream(0);
    const error = await failureOf(fetchJson(ctx, api, { idempotencyKey: 'secret\n' + 'x' }), TypeError);
    expect(error.message).to.include('header idempotency-key').and.not.to.include('secret');
  });
});
