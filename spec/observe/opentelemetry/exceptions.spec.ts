import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { catchError, NEVER, of, retry, throwError } from 'rxjs';
import {
  aggregate,
  background,
  type Context,
  HttpError,
  NetworkError,
  singleFlight,
  ValidationError,
  withName,
  withTimeout,
} from 'forkfast';
import { withTracing } from 'forkfast/opentelemetry';
import { marbles } from '../../../lib/testing/index.ts';
import { type Exporting, exporting } from '../../support/exported.ts';

const boom = new Error('boom');
const ignored = { error: () => undefined };
const failing = (error: unknown) => () => throwError(() => error);

describe('withTracing records an exception', () => {
  let exported: Exporting;
  beforeEach(() => {
    exported = exporting();
  });
  const named = (name: string) => [withName(name), withTracing(exported.provider.getTracer('a test'))] as const;
  const expectTree = (...lines: string[]): void => {
    expect(exported.tree()).to.equal(lines.join('\n'));
  };
  /** The exceptions of all spans: the name of the span, and the attributes. */
  const exceptions = (): string[] =>
    exported.spans.flatMap(({ name, events }) =>
      events.map(({ attributes }) => `${name}: ${JSON.stringify(attributes)}`),
    );
  /** The names of the spans with an exception. */
  const recordedIn = (): string[] => exported.spans.flatMap(({ name, events }) => events.map(() => name));

  it('once, in the innermost service that failed', () => {
    const user = aggregate({ profile: failing(boom) }, ...named('user'));
    const page = aggregate({ user }, ...named('page'));
    aggregate({ page }, ...named('site'))(background).subscribe(ignored);
    expectTree(
      'site failed error.type=Error ERROR(page.user.profile: Error)',
      '  site page failed error.type=Error ERROR(user.profile: Error)',
      '    page failed error.type=Error ERROR(user.profile: Error)',
      '      page user failed error.type=Error ERROR(profile: Error)',
      '        user failed error.type=Error ERROR(profile: Error)',
      '          user profile failed error.type=Error ERROR(Error)',
      '            * exception Error',
    );
  });

  it('in the run whose deadline has passed', () => {
    marbles(({ flush }) => {
      const user = aggregate({ profile: () => NEVER }, ...named('user'), withTimeout(5));
      aggregate({ user, orders: () => NEVER }, ...named('page'))(background).subscribe(ignored);
      flush();
      const late = 'context deadline exceeded after 5 ms, pending: profile';
      expectTree(
        `page failed error.type=ERR_DEADLINE_EXCEEDED ERROR(user: ${late})`,
        `  page user failed error.type=ERR_DEADLINE_EXCEEDED ERROR(${late})`,
        `    user failed error.type=ERR_DEADLINE_EXCEEDED ERROR(${late})`,
        `      * exception DeadlineExceededError ${late}`,
        '      user profile canceled',
        '  page orders canceled',
      );
    });
  });

  describe('in the outer service', () => {
    it('if the inner run is not traced', () => {
      const untraced = aggregate({ profile: failing(boom) });
      aggregate({ untraced }, ...named('page'))(background).subscribe(ignored);
      expect(exceptions()).to.deep.equal([
        'page untraced: {"exception.type":"ServiceError","exception.message":"profile: Error"}',
      ]);
    });

    it('if the inner run was canceled', () => {
      const user = aggregate({ profile: () => of(1) }, ...named('user'));
      const canceled = () => user({ signal: AbortSignal.abort() });
      aggregate({ canceled }, ...named('page'))(background).subscribe(ignored);
      expect(exceptions()).to.deep.equal([
        'page canceled: {"exception.type":"CanceledError","exception.message":"context canceled"}',
      ]);
    });

    it('if the inner run is not sampled', () => {
      const tracer = exported.provider.getTracer('a test');
      const startSpan: typeof tracer.startSpan = (...[name, options, outside]) => {
        const span = tracer.startSpan(name, options, outside);
        return name === 'user' ? trace.wrapSpanContext(span.spanContext()) : span;
      };
      const tracing = withTracing({ startSpan } as never);
      const user = aggregate({ profile: failing(boom) }, withName('user'), tracing);
      aggregate({ user }, withName('page'), tracing)(background).subscribe(ignored);
      expect(recordedIn()).to.deep.equal(['page user']);
    });
  });

  it('once, even if the outer service wraps the error', () => {
    const user = aggregate({ profile: failing(boom) }, ...named('user'));
    const wrapped = (ctx: Context) =>
      user(ctx).pipe(
        catchError((cause: unknown) => {
          throw new Error('no user', { cause: new Error('still none', { cause }) });
        }),
      );
    aggregate({ wrapped }, ...named('page'))(background).subscribe(ignored);
    expect(exceptions()).to.deep.equal(['user profile: {"exception.type":"Error"}']);
  });

  it('for each attempt and each run, even if the error is the same object', () => {
    const user = aggregate({ profile: failing(boom) }, ...named('user'));
    const page = aggregate({ user: (ctx) => user(ctx).pipe(retry(1)) }, ...named('page'));
    page(background).subscribe(ignored);
    page(background).subscribe(ignored);
    expect(recordedIn()).to.deep.equal(Array.from({ length: 4 }, () => 'user profile'));
  });

  it('once in each trace that a shared run fails', () => {
    marbles(({ cold, flush }) => {
      const flight = singleFlight(aggregate({ profile: () => cold('-#') }, ...named('user')));
      for (const name of ['first', 'second']) {
        aggregate({ a: flight, b: flight }, ...named(name))(background).subscribe(ignored);
      }
      flush();
      // Without a context manager, the shared run has a trace of its own.
      expect(recordedIn()).to.deep.equal(['user profile', 'first a', 'second a']);
    });
  });

  it('with a cause that is null, or causes in a circle', () => {
    const circular = new Error('one');
    circular.cause = new Error('two', { cause: circular });
    for (const error of [new Error('boom', { cause: null }), circular]) {
      aggregate({ a: failing(error) }, ...named('run'))(background).subscribe(ignored);
    }
    expect(exceptions()).to.deep.equal(['run a: {"exception.type":"Error"}', 'run a: {"exception.type":"Error"}']);
  });

  describe('without a stack and without foreign text', () => {
    const secret = 'http://alice:secret@api.test/?token=secret';
    const foreign = Object.assign(new TypeError(`cannot fetch ${secret}`), { code: 'ERR_INVALID_URL' });
    const request = { method: 'GET', url: 'http://api.test/' };
    for (const [error, attributes] of [
      [foreign, { type: 'TypeError', message: 'ERR_INVALID_URL' }],
      [secret, { type: 'string' }],
      [
        new NetworkError({ reason: 'no answer', ...request, cause: foreign }),
        { type: 'NetworkError', message: 'no answer from GET http://api.test/' },
      ],
      [
        new HttpError({ ...request, status: 503, body: secret }),
        { type: 'HttpError', message: 'HTTP 503 from GET http://api.test/' },
      ],
      [
        new ValidationError({ issues: [{ message: `not ${secret}`, path: ['name'] }] }),
        { type: 'ValidationError', message: 'invalid name' },
      ],
    ] as const) {
      it(`as ${JSON.stringify(attributes)}`, () => {
        aggregate({ a: failing(error) }, ...named('run'))(background).subscribe(ignored);
        const spans = exported.spans.map(({ attributes, events, status }) => ({ attributes, events, status }));
        expect(JSON.stringify(spans)).not.to.include('secret');
        const [service] = exported.spans;
        expect(service?.events.map(({ attributes }) => attributes)).to.deep.equal([
          Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`exception.${name}`, value])),
        ]);
      });
    }
  });

  for (const [type, error] of [
    ['503', new HttpError({ status: 503, method: 'GET', url: 'http://api.test/' })],
    ['ERR_NETWORK', new NetworkError({ reason: 'no answer', method: 'GET', url: 'http://api.test/' })],
    ['ENOENT', Object.assign(new Error('no file'), { code: 'ENOENT' })],
    ['TimeoutError', new DOMException('late', 'TimeoutError')],
    ['undefined', undefined],
    ['Error', Object.assign(new Error('nameless'), { name: '' })],
  ] as const) {
    it(`with the error.type ${type} in the spans of the service and the run`, () => {
      aggregate({ a: failing(error) }, ...named('run'))(background).subscribe(ignored);
      expect(exported.spans.map(({ attributes }) => attributes['error.type'])).to.deep.equal([type, type]);
    });
  }
});
