import { expect } from 'chai';
import { firstValueFrom, throwError } from 'rxjs';
import {
  aggregate,
  background,
  fetchJson,
  fetchText,
  fromAbortable,
  NetworkError,
  ServiceError,
  url,
} from '../../lib/index.ts';
import { CanceledError, type Context } from '../../lib/index.ts';
import { fakeFetch } from '../../lib/testing/index.ts';
import { failureOf } from './failure.ts';

/** Evaluates code in another realm. */
export type Evaluate = (code: string) => unknown;

/** For a `describe`: errors and platform objects of another realm are what they are here. */
export function expectRealmsAlike(evaluate: Evaluate): void {
  const failure = (error: unknown): Promise<ServiceError> =>
    failureOf(aggregate({ rows: () => throwError(() => error) })(background), ServiceError);

  for (const [code, message, cause] of [
    [`Object.assign(new TypeError('boom'), { code: 'ENOENT' })`, 'boom', { name: 'TypeError', code: 'ENOENT' }],
    [`new RangeError('')`, 'RangeError', { name: 'RangeError' }],
    [`new AggregateError([new Error('a')], 'boom')`, 'boom', { name: 'AggregateError' }],
    [`new (class extends Error { name = 'MyError' })('boom')`, 'boom', { name: 'MyError' }],
    [`new (class extends Error { get [Symbol.toStringTag]() { return 'F' } })('boom')`, 'boom', { name: 'Error' }],
    [`new Proxy(new SyntaxError('boom'), {})`, 'boom', { name: 'SyntaxError' }],
    [`Object.create(Error.prototype, { message: { value: 'boom' } })`, 'boom', { name: 'Error' }],
    [`Object.assign(new Error(), { message: Object.create(null) })`, 'Error', { name: 'Error' }],
    [`({ name: 'Error', message: 'secret' })`, 'failed with an instance of Object', { name: 'object' }],
    [`({ name: 'secret', get message() { throw 1 } })`, 'failed with an instance of Object', { name: 'object' }],
    [`[]`, 'failed with an instance of Array', { name: 'object' }],
    [`Object.create(null)`, 'failed with an object', { name: 'object' }],
  ] as const) {
    it(`keeps the message, the name and the code of ${code}`, async () => {
      const error = evaluate(code);
      expect(error).not.to.be.instanceOf(Error);
      const { cause: actual, message: text, ...rest } = await failure(error);
      expect(actual).to.equal(error);
      expect(text).to.equal(`rows: ${message}`);
      expect(new ServiceError({ ...rest, cause: error }).toJSON()).to.deep.include({ cause });
    });
  }

  it('keeps the code of a transport that rejects', async () => {
    const error = evaluate(
      `new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) })`,
    );
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- an error of another realm
    const fetch = (): Promise<never> => Promise.reject(error);
    const { message } = await failureOf(fetchJson({ fetch }, 'http://api.test/'), NetworkError);
    expect(message).to.match(/ECONNREFUSED/);
  });

  it('rejects from fakeFetch with an error that a route returns, throws, or answers later', async () => {
    const error = evaluate(`new TypeError('boom')`) as Error;
    for (const answer of [error, () => error, Promise.resolve(error), throwError(() => error)]) {
      const outcome = await fakeFetch({ '/': answer })('http://api.test/').then(
        ({ status }) => status,
        (reason: unknown) => reason,
      );
      expect(outcome).to.equal(error);
    }
  });

  it('aborts with a reason and a promise of it', async () => {
    const reason = evaluate(`new Error('the user left')`);
    const ctx: Context = { signal: AbortSignal.abort(reason) };
    const error = await failureOf(
      aggregate({ a: () => evaluate('new Promise(() => {})') as Promise<never> })(ctx),
      CanceledError,
    );
    expect([error.cause, error.toJSON()['cause']]).to.deep.equal([reason, { name: 'Error' }]);
    const answer = fromAbortable(background, () => evaluate(`Promise.resolve('Alice')`) as Promise<string>);
    expect(await firstValueFrom(answer)).to.equal('Alice');
    expect(
      await firstValueFrom(aggregate({ a: () => evaluate(`Promise.resolve(1)`) as Promise<number> })(background)),
    ).to.deep.equal({ a: 1 });
  });

  it('takes a URL as the base and as the input', async () => {
    const base = evaluate(`new URL('http://api.test/v1/')`) as URL;
    expect(base).not.to.be.instanceOf(URL);
    expect(url`${base}/users/${42}`.href).to.equal('http://api.test/v1/users/42');
    const fetch = fakeFetch({ '/v1/': { name: 'Alice' } });
    expect(await firstValueFrom(fetchJson({ fetch }, base))).to.deep.equal({ name: 'Alice' });
    expect(() => url`${{ href: 'http://api.test/' } as URL}/users`).to.throw(
      TypeError,
      'url: base: expected a string or a URL',
    );
    expect(() => url`${'http://api.test'}/${base}`).to.throw(TypeError, 'url: path segment: expected a string');
  });

  it('takes a signal, a response and the stream of its body', async () => {
    const response = (): Response => evaluate(`new Response('Alice', { headers: { 'x-id': '1' } })`) as Response;
    expect(response()).not.to.be.instanceOf(Response);
    const fetch = (): Promise<Response> => Promise.resolve(response());
    expect(await firstValueFrom(fetchText({ fetch }, 'http://api.test/'))).to.equal('Alice');
    const fake = fakeFetch({ '/': response() });
    for (let call = 0; call < 2; call++) {
      expect(await firstValueFrom(fetchText({ fetch: fake }, 'http://api.test/'))).to.equal('Alice');
    }
    const controller = evaluate(`new AbortController()`) as AbortController;
    const canceled = failureOf(
      fetchText({ signal: controller.signal, fetch: () => new Promise(() => undefined) }, 'http://api.test/'),
      CanceledError,
    );
    controller.abort('the user left');
    expect((await canceled).cause).to.equal('the user left');
  });
}
