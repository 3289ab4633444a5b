import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { NEVER, of } from 'rxjs';
import { aggregate, CanceledError, type Context, fetchText } from '../../lib/index.ts';
import { ClientDisconnectedError, type ContextOptions, contextOf } from '../../lib/server/index.ts';
import { errorOf } from '../support/failure.ts';
import { countingController, countListeners } from '../support/signals.ts';

const pending = aggregate({ profile: () => NEVER });
const answering = aggregate({ profile: () => of('Alice') });

/** A request whose client can leave, and its number of `abort` listeners. */
function requestOf(headers: HeadersInit = {}): {
  readonly request: Request;
  readonly leave: (reason?: unknown) => void;
  readonly listeners: () => number;
} {
  const client = new AbortController();
  const request = new Request('http://api.test/', { headers, signal: client.signal });
  return {
    request,
    leave: (reason) => {
      client.abort(reason);
    },
    listeners: countListeners(request.signal),
  };
}

/** Subscribes, and returns the errors that will come. */
function errorsOf(ctx: Context): unknown[] {
  const errors: unknown[] = [];
  pending(ctx).subscribe({ error: (error: unknown) => errors.push(error) });
  return errors;
}

describe('contextOf: the signal of a Request', () => {
  it('cancels the run when the client leaves, and says so', () => {
    const { request, leave, listeners } = requestOf();
    const errors = errorsOf(contextOf(request));
    leave('the user left');
    const [error] = errors as CanceledError[];
    expect(error).to.be.instanceOf(CanceledError);
    expect(error?.cause)
      .to.be.instanceOf(ClientDisconnectedError)
      .and.include({ code: 'ERR_CLIENT_DISCONNECTED', cause: 'the user left' });
    expect([errors.length, listeners()]).to.deep.equal([1, 0]);
  });

  it('cancels the run when the server shuts down, with its own reason', () => {
    const { request, leave, listeners } = requestOf();
    const server = countingController();
    const errors = errorsOf(contextOf(request, { signal: server.signal }));
    server.abort('shutdown');
    leave();
    expect(errors).to.have.length(1);
    expect(errors[0]).to.be.instanceOf(CanceledError).with.property('cause', 'shutdown');
    expect([listeners(), server.listeners()]).to.deep.equal([0, 0]);
  });

  it('has aborted where the client has left or the server has shut down', () => {
    const { request, leave, listeners } = requestOf();
    const server = countingController();
    const before = contextOf(request, { signal: server.signal });
    leave();
    for (const ctx of [before, contextOf(request), contextOf(request, { signal: server.signal })]) {
      expect(errorOf(pending(ctx)))
        .to.have.property('cause')
        .that.is.instanceOf(ClientDisconnectedError);
      expect(ctx.signal.reason).to.be.instanceOf(ClientDisconnectedError);
    }
    expect([listeners(), server.listeners()]).to.deep.equal([0, 0]);
    server.abort('shutdown');
    const late = contextOf(requestOf().request, { signal: server.signal });
    expect([late.signal.aborted, late.signal.reason]).to.deep.equal([true, 'shutdown']);
    expect([listeners(), server.listeners()]).to.deep.equal([0, 0]);
  });

  it('is a signal like any other, also in a copy of the context', () => {
    for (const end of ['leave', 'shutdown'] as const) {
      const { request, leave } = requestOf();
      const server = countingController();
      const ctx = contextOf(request, { signal: server.signal });
      const errors = errorsOf({ ...ctx, deadline: Infinity });
      const reasons: unknown[] = [];
      ctx.signal.addEventListener('abort', () => reasons.push(ctx.signal.reason));
      answering(ctx).subscribe();
      if (end === 'leave') leave();
      else server.abort('shutdown');
      expect(reasons).to.have.length(1);
      expect((errors[0] as CanceledError).cause).to.equal(reasons[0]);
      expect(ctx.signal).to.equal(ctx.signal);
    }
  });

  it('leaves no listener after 1,000 requests with one shutdown signal, and has one for all of them in flight', () => {
    const server = countingController();
    const counts: (() => number)[] = [];
    const runs = Array.from({ length: 1_000 }, () => {
      const { request, listeners } = requestOf();
      counts.push(listeners);
      const ctx = contextOf(request, { signal: server.signal });
      answering(ctx).subscribe();
      expect(server.listeners()).to.be.at.most(1);
      return pending(ctx).subscribe();
    });
    expect(server.listeners()).to.equal(1);
    expect(Math.max(...counts.map((count) => count()))).to.equal(1);
    for (const run of runs) run.unsubscribe();
    expect(server.listeners()).to.equal(0);
    expect(Math.max(...counts.map((count) => count()))).to.equal(0);
  });

  it('is followed again by the next run of the request', () => {
    const { request, leave } = requestOf();
    const ctx = contextOf(request);
    answering(ctx).subscribe();
    const both = [errorsOf(ctx), errorsOf(ctx)];
    const canceled = pending(ctx).subscribe();
    canceled.unsubscribe();
    canceled.unsubscribe();
    leave();
    expect(both.map(({ length }) => length)).to.deep.equal([1, 1]);
  });

  it('is not made before it is read', () => {
    const request = {
      headers: new Headers(),
      get signal(): AbortSignal {
        throw new Error('read');
      },
    };
    expect(contextOf(request)).to.be.an('object');
    expect(contextOf({ headers: new Headers() }).signal.aborted).to.equal(false);
    expectTypeOf(contextOf(new Request('http://api.test/'))).toExtend<Context & { signal: AbortSignal }>();
  });
});

describe('contextOf: the headers to propagate', () => {
  const propagated = (headers: HeadersInit, propagate: readonly string[]): Context['propagate'] =>
    contextOf(new Request('http://api.test/', { headers }), { propagate }).propagate;

  it('are the named ones that are there, whatever their case', () => {
    const headers = { 'X-Request-Id': 'r1', 'x-tenant': 'acme', authorization: 'Bearer secret', 'x-empty': '' };
    expect(propagated(headers, ['x-request-id', 'X-TENANT', 'x-tenant', 'x-missing', 'X-Empty'])).to.deep.equal({
      'x-request-id': 'r1',
      'x-tenant': 'acme',
      'x-empty': '',
    });
    expect(propagated(headers, [])).to.deep.equal({});
    expect(contextOf(new Request('http://api.test/', { headers }))).not.to.have.property('propagate');
  });

  it('are no more than the named ones: a name is no pattern', () => {
    expect(propagated({ 'x-request-id': 'r1' }, ['*', 'x-*', 'x'])).to.deep.equal({});
  });

  it('are joined where they are repeated', () => {
    expect(propagated([...['a', 'b'].map((value): [string, string] => ['x-tag', value])], ['x-tag'])).to.deep.equal({
      'x-tag': 'a, b',
    });
  });

  it('leave out those that cannot be sent, and those of the connection', () => {
    const values = {
      'x-a': 'a\nb',
      'x-b': 'ä',
      'x-c': 'é\u0101',
      'x-d': '\u007f',
      'x-e': 'a\tb',
      host: 'api',
      te: '1',
    };
    const names = Object.keys(values);
    const headers = { get: (name: string) => (values as Record<string, string>)[name] ?? null };
    expect(contextOf({ headers }, { propagate: [...names, 'content-length', 'upgrade'] }).propagate).to.deep.equal({
      'x-b': 'ä',
      'x-e': 'a\tb',
    });
  });

  it('are safe for names of the prototype', () => {
    const names = ['__proto__', 'constructor', 'toString'];
    expect(Object.keys(propagated({ a: 'b' }, names) ?? {})).to.deep.equal([]);
    const record = propagated({ ['__proto__']: 'x' }, names) ?? {};
    expect(Object.getPrototypeOf(record)).to.equal(Object.prototype);
  });

  it('are sent upstream, and no others', async () => {
    const sent: string[] = [];
    const fetch = (_url: URL, { headers }: RequestInit): Promise<Response> => {
      sent.push(...new Headers(headers).keys());
      return Promise.resolve(new Response('Alice'));
    };
    const { request } = requestOf({ 'x-request-id': 'r1', 'x-secret': 'secret' });
    const received = contextOf(request, { propagate: ['X-Request-Id', 'x-missing'] });
    const ctx = { ...received, propagate: { ...received.propagate, 'x-tenant': undefined }, fetch };
    await new Promise<void>((done) => {
      fetchText(ctx, 'http://api.test/').subscribe({ complete: done });
    });
    expect(sent).to.deep.equal(['x-request-id']);
  });
});

describe('contextOf: wrong arguments', () => {
  const request = new Request('http://api.test/');
  const wrong: readonly (readonly [options: unknown, message: string])[] = [
    [null, 'contextOf: options: expected an object, got null: pass { atMost: 1_000 }, for example'],
    [{ signal: {} }, 'contextOf: signal: expected an AbortSignal, got an instance of Object: pass controller.signal'],
    ...[0, -1, NaN, 2 ** 31, '100', null].map(
      (atMost) => [{ atMost }, 'contextOf: atMost: expected milliseconds'] as const,
    ),
    ...['x-a', [''], ['a b'], ['x:'], [1], [undefined], {}].flatMap((names) => [
      [{ propagate: names }, 'contextOf: propagate: expected an array of header names, got '] as const,
      [{ deadlineHeaders: names }, 'contextOf: deadlineHeaders: expected an array of header names, got '] as const,
    ]),
  ];
  for (const [index, [options, message]] of wrong.entries()) {
    it(`throw where they are passed: ${message} (${String(index)})`, () => {
      expect(() => contextOf(request, options as ContextOptions)).to.throw(message);
    });
  }

  for (const value of [undefined, null, {}, 'GET /', { headers: null }, { headers: 'secret' }]) {
    it(`throw for a request that is ${JSON.stringify(value)}`, () => {
      expect(() => contextOf(value as unknown as Request)).to.throw(
        TypeError,
        /^contextOf: request: expected a Request, or the request of Node, got [^]+: pass request, c\.req\.raw or request\.raw$/,
      );
    });
  }

  for (const value of [undefined, null, {}, { on: () => undefined }, { atMost: 1 }]) {
    it(`throw for a request of Node with the response ${JSON.stringify(value)}`, () => {
      expect(() => contextOf({ headers: {} }, value as never)).to.throw(
        TypeError,
        /^contextOf: response: expected the response of Node after its request, got [^]+: pass response, or reply\.raw$/,
      );
    });
  }
});
