import { expect } from 'chai';
import { NEVER, of, throwError } from 'rxjs';
import {
  aggregate,
  background,
  BodyTooLargeError,
  bulkhead,
  BulkheadFullError,
  CanceledError,
  type Context,
  DeadlineExceededError,
  DecodeError,
  HttpError,
  NetworkError,
  ServiceError,
  ValidationError,
} from '../../lib/index.ts';
import { ClientDisconnectedError, contextOf, problemOf, toResponse } from '../../lib/server/index.ts';
import { deadlineAfter, marbles } from '../../lib/testing/index.ts';
import { errorOf } from '../support/failure.ts';

const secret = 'hunter2';
const target = { method: 'GET', url: `http://api.test/${secret}` };
const http = new HttpError({ status: 503, ...target, body: secret, retryAfter: 1_000 });
const failing = (error: unknown) => () => throwError(() => error);
const failureOf = (error: unknown): unknown => errorOf(aggregate({ profile: failing(error) })(background));
const nestedFailureOf = (error: unknown): unknown =>
  errorOf(aggregate({ page: aggregate({ user: aggregate({ profile: failing(error) }) }) })(background));
const json = { 'content-type': 'application/problem+json' };
const retry = { ...json, 'retry-after': '1' };

describe('problemOf', () => {
  it('maps a deadline to 504, with the pending services', () => {
    marbles(({ flush }) => {
      const page = aggregate({ profile: () => NEVER, orders: () => of(5), ads: () => NEVER });
      page(deadlineAfter(10)).subscribe({
        error: (error) => {
          expect(problemOf(error)).to.deep.equal({
            status: 504,
            headers: json,
            body: {
              type: 'about:blank',
              title: 'Gateway Timeout',
              status: 504,
              detail: 'The deadline passed before profile, ads answered.',
              pending: ['profile', 'ads'],
            },
          });
        },
      });
      flush();
    });
  });

  it('maps the deadline of a nested aggregate to 504', () => {
    const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 1 });
    expect(problemOf(failureOf(late))).to.have.property('status', 504);
    expect(problemOf(nestedFailureOf(late)).body).to.deep.equal({
      type: 'about:blank',
      title: 'Gateway Timeout',
      status: 504,
      detail: 'The deadline of page.user.profile passed before orders answered.',
      service: 'page.user.profile',
      pending: ['orders'],
    });
    expect(problemOf(new ServiceError({ service: 'a', elapsed: 1, cause: failureOf(late) })).body).to.include({
      status: 504,
      service: 'a.profile',
    });
    expect(problemOf(new CanceledError({ cause: late })).status).to.equal(504);
  });

  it('maps a client that has left to 499, also inside a service', () => {
    const client = AbortSignal.abort(secret);
    const ctx = contextOf(new Request('http://api.test/', { signal: client }));
    const canceled = errorOf(aggregate({ profile: () => NEVER })(ctx));
    for (const error of [
      canceled,
      ctx.signal.reason as unknown,
      failureOf(canceled),
      nestedFailureOf(canceled),
      new CanceledError({ cause: canceled }),
      new CanceledError({ cause: new CanceledError({ cause: nestedFailureOf(canceled) }) }),
    ]) {
      expect(problemOf(error)).to.deep.equal({
        status: 499,
        headers: json,
        body: {
          type: 'about:blank',
          title: 'Client Closed Request',
          status: 499,
          detail: 'The client disconnected before the response.',
        },
      });
    }
  });

  it('maps a shutdown to 503 with retry-after', () => {
    const ctx = contextOf(new Request('http://api.test/'), { signal: AbortSignal.abort(new Error(secret)) });
    const expected = {
      status: 503,
      headers: retry,
      body: { type: 'about:blank', title: 'Service Unavailable', status: 503, detail: 'The server is shutting down.' },
    };
    expect(problemOf(errorOf(aggregate({ profile: () => NEVER })(ctx)))).to.deep.equal(expected);
    expect(problemOf(errorOf(aggregate({ a: () => NEVER })({ signal: AbortSignal.abort() })))).to.deep.equal(expected);
    expect(problemOf(new CanceledError())).to.deep.equal(expected);
  });

  it('maps a full bulkhead to 503 with retry-after', () => {
    const limit = bulkhead(1, { queue: 0 });
    const first = NEVER.pipe(limit).subscribe();
    const full = errorOf(NEVER.pipe(limit));
    first.unsubscribe();
    expect(problemOf(full).body).to.include({ status: 503, detail: 'The queue is full.' });
    expect(problemOf(failureOf(full))).to.deep.equal({
      status: 503,
      headers: retry,
      body: {
        type: 'about:blank',
        title: 'Service Unavailable',
        status: 503,
        detail: 'The queue of profile is full.',
        service: 'profile',
      },
    });
  });

  it('maps an open circuit breaker to 503 with retry-after', () => {
    for (const fields of [{ isBrokenCircuitError: true }, { code: 'EOPENBREAKER' }]) {
      const open = Object.assign(new Error(secret), fields);
      expect(problemOf(open)).to.deep.include({ status: 503, headers: retry });
      expect(problemOf(failureOf(open)).body.detail).to.equal('The circuit breaker of profile is open.');
    }
  });

  it('maps a failed service to 502, whatever it failed with', () => {
    for (const cause of [
      http,
      new NetworkError({ reason: secret, ...target }),
      new DecodeError({ reason: secret, status: 200, contentType: secret, ...target }),
      new BodyTooLargeError({ maxBytes: 1, ...target }),
      new ValidationError({ issues: [{ message: secret }] }),
      new TypeError(secret),
      new AggregateError([new DeadlineExceededError({ pending: [], elapsed: 1 })], secret),
      new CanceledError({ cause: new DOMException(secret, 'TimeoutError') }),
      secret,
      undefined,
      { secret },
    ]) {
      expect(problemOf(nestedFailureOf(cause))).to.deep.equal({
        status: 502,
        headers: json,
        body: {
          type: 'about:blank',
          title: 'Bad Gateway',
          status: 502,
          detail: 'The service page.user.profile failed.',
          service: 'page.user.profile',
        },
      });
    }
    expect(problemOf(http).body).to.deep.include({ status: 502, detail: 'A request to a service failed.' });
  });

  it('maps all else to 500, without a word of it', () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    for (const error of [
      ...[undefined, null, secret, 42, Symbol(secret), () => secret, revoked.proxy, [secret]],
      new Error(secret),
      new AggregateError([http], secret),
      new Error(secret, { cause: http }),
      new DOMException(secret, 'AbortError'),
      Object.assign(new Error('canceled'), { name: 'CanceledError', code: 'ERR_CANCELED' }), // axios has this error
      { name: 'ServiceError', code: 'ERR_SERVICE_FAILED', service: secret },
      Object.assign(new Error(secret), { code: 'ERR_SERVICE_FAILED', service: secret }),
      Object.assign(new Error(secret), { code: '__proto__' }),
      Object.defineProperty(new Error(secret), 'code', {
        get: () => {
          throw new Error(secret);
        },
      }),
    ]) {
      expect(problemOf(error)).to.deep.equal({
        status: 500,
        headers: json,
        body: {
          type: 'about:blank',
          title: 'Internal Server Error',
          status: 500,
          detail: 'The server failed.',
        },
      });
    }
  });

  it('recognizes the errors of another copy of forkfast', () => {
    const copyOf = (error: Error & { code: string }): Error =>
      Object.assign(new Error(error.message, { cause: error.cause }), Object.fromEntries(Object.entries(error)));
    const late = copyOf(new DeadlineExceededError({ pending: ['orders'], elapsed: 1 }));
    expect(late).not.to.be.instanceOf(DeadlineExceededError);
    expect(problemOf(late).body).to.deep.include({ status: 504, pending: ['orders'] });
    expect(problemOf(copyOf(new ServiceError({ service: 'a', elapsed: 1, cause: late }))).status).to.equal(504);
    expect(problemOf(copyOf(new CanceledError({ cause: copyOf(new ClientDisconnectedError()) }))).status).to.equal(499);
    expect(problemOf(copyOf(new CanceledError())).status).to.equal(503);
    expect(problemOf(copyOf(new BulkheadFullError({ running: 1, waiting: 0 }))).status).to.equal(503);
  });

  it('ends for errors that are their own cause', () => {
    const failed = new ServiceError({ service: 'a', elapsed: 1, cause: undefined });
    failed.cause = failed;
    expect(problemOf(failed).status).to.equal(502);
    const canceled = new CanceledError({ cause: failed });
    expect(problemOf(canceled).status).to.equal(503);
    failed.cause = canceled;
    expect(problemOf(failed).status).to.equal(502);
  });

  it('has a bound', () => {
    const long = 'x'.repeat(10_000);
    const pending = Array.from({ length: 50_000 }, (_, index) => `${long}${String(index)}`);
    const late = new DeadlineExceededError({ pending, elapsed: 1 });
    const { body } = problemOf(new ServiceError({ service: long, elapsed: 1, cause: late }));
    expect(body).to.include({ pendingCount: 50_000 });
    expect(body.pending).to.have.length(5);
    expect(JSON.stringify(body).length).to.be.below(3_000);
    expect(problemOf(new DeadlineExceededError({ pending: ['a', 'b'], elapsed: 1 })).body).not.to.have.property(
      'pendingCount',
    );
    let reads = 0;
    const endless = {
      *[Symbol.iterator]() {
        while (reads < 10_000) yield String(reads++);
      },
    };
    for (const odd of [undefined, 42, { length: 3 }, [1, Symbol('a'), null], endless]) {
      const strange = Object.assign(new DeadlineExceededError({ pending: [], elapsed: 1 }), { pending: odd });
      expect(problemOf(strange).body).to.deep.include({ detail: 'The deadline passed.', pending: [] });
    }
    expect(reads).to.equal(0);
  });
});

describe('toResponse', () => {
  it('makes a response of each problem', async () => {
    const errors = [new CanceledError({ cause: new ClientDisconnectedError() }), new CanceledError(), http, secret];
    for (const error of [...errors, new DeadlineExceededError({ pending: ['orders'], elapsed: 1 })]) {
      const problem = problemOf(error);
      const response = toResponse(problem);
      expect(response.status).to.equal(problem.status);
      expect(Object.fromEntries(response.headers)).to.deep.equal(problem.headers);
      expect(await response.json()).to.deep.equal(problem.body);
    }
  });

  it('answers a request in one line', async () => {
    const page = aggregate({ profile: (ctx: Context) => of(ctx.propagate) });
    const handle = (request: Request): Promise<Response> =>
      new Promise((resolve) => {
        page(contextOf(request)).subscribe({
          next: (user) => {
            resolve(Response.json(user));
          },
          error: (error) => {
            resolve(toResponse(problemOf(error)));
          },
        });
      });
    expect((await handle(new Request('http://api.test/'))).status).to.equal(200);
    expect((await handle(new Request('http://api.test/', { headers: { 'grpc-timeout': '0S' } }))).status).to.equal(504);
  });
});
