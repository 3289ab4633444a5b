import { expect } from 'chai';
import { asyncScheduler, EMPTY, NEVER, Observable, of, throwError } from 'rxjs';
import {
  aggregate,
  type AggregateOption,
  background,
  type Context,
  HttpError,
  type Logger,
  type Service,
  silent,
  withEvents,
  withLogger,
  withName,
  withTimeout,
} from '../../lib/index.ts';
import { type LogLine, marbles, recordingLogger } from '../../lib/testing/index.ts';

const boom = Object.assign(new Error('secret words'), { code: 'E_BOOM' });

function linesOf(
  services: Record<string, Service<void, unknown>>,
  ctx: Context = background,
  ...options: AggregateOption[]
): LogLine[] {
  const logger = recordingLogger();
  aggregate(services, withLogger(logger), withName('dashboard'), ...options)(ctx).subscribe({ error: () => undefined });
  return logger.lines.map(({ fields: { run, ...fields }, ...line }) => {
    expect(run).to.be.a('number');
    return { ...line, fields };
  });
}
const name = 'dashboard';

describe('logging', () => {
  it('writes a success at debug: constant messages, data in fields', () => {
    marbles(() => {
      expect(linesOf({ a: () => of(1) })).to.deep.equal([
        { level: 'debug', message: 'run started', fields: { name } },
        { level: 'debug', message: 'service started', fields: { name, service: 'a' } },
        { level: 'debug', message: 'service succeeded', fields: { name, service: 'a', elapsed: 0 } },
        { level: 'debug', message: 'run succeeded', fields: { name, elapsed: 0 } },
      ]);
    });
  });

  it('writes a failure once at error, with the error serialised; the siblings are canceled, at debug', () => {
    marbles(() => {
      const cause = { name: 'Error', code: 'E_BOOM' };
      const error = {
        name: 'ServiceError',
        code: 'ERR_SERVICE_FAILED',
        message: 'b: Error E_BOOM',
        service: 'b',
        elapsed: 0,
        cause,
      };
      expect(linesOf({ a: () => NEVER, b: () => throwError(() => boom) }).slice(3)).to.deep.equal([
        { level: 'debug', message: 'service failed', fields: { name, service: 'b', elapsed: 0, error: cause } },
        { level: 'debug', message: 'service canceled', fields: { name, service: 'a', elapsed: 0 } },
        { level: 'error', message: 'run failed', fields: { name, service: 'b', elapsed: 0, error } },
      ]);
    });
  });

  it('serialises the whole chain of our own causes', () => {
    const http = new HttpError({ status: 503, method: 'GET', url: 'http://api.test/', body: 'secret', retryAfter: 5 });
    const inner = aggregate({ profile: () => throwError(() => http) }, withLogger(silent));
    const failed = linesOf({ page: inner }).find(({ level }) => level === 'error');
    expect(failed?.fields['service']).to.equal('page.profile');
    expect(failed?.fields['error']).to.deep.include({
      message: 'page.profile: HTTP 503 from GET http://api.test/',
      cause: {
        name: 'HttpError',
        code: 'ERR_HTTP_STATUS',
        message: 'HTTP 503 from GET http://api.test/',
        status: 503,
        method: 'GET',
        url: 'http://api.test/',
        retryAfter: 5,
      },
    });
  });

  it('writes a passed deadline at error, once, naming what was pending', () => {
    const { message, level, fields } = linesOf({ a: () => NEVER }, { deadline: 0 }).at(-1)!;
    expect({ message, level }).to.deep.equal({ message: 'deadline exceeded', level: 'error' });
    expect(fields['error']).to.deep.include({
      code: 'ERR_DEADLINE_EXCEEDED',
      pending: ['a'],
      cause: { name: 'TimeoutError' },
    });
  });

  it('writes a cancellation at debug', () => {
    const lines = linesOf({ a: () => NEVER }, { signal: AbortSignal.abort('secret') });
    expect(lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
      'debug run started',
      'debug run canceled',
    ]);
    expect(lines[1]?.fields['error']).to.deep.equal({
      name: 'CanceledError',
      code: 'ERR_CANCELED',
      message: 'context canceled',
      cause: { name: 'string' },
    });
  });

  it('warns of a teardown that threw', () => {
    const torn = (): Observable<never> =>
      new Observable(() => () => {
        throw boom;
      });
    const lines = linesOf({ torn, empty: () => EMPTY });
    expect(
      lines
        .filter(({ level }) => level === 'warn')
        .map(({ message, fields }) => [message, fields['service'], fields['error']]),
    ).to.deep.equal([['teardown failed', 'torn', { name: 'Error', code: 'E_BOOM' }]]);
  });

  it('holds nothing that a foreign error says, in any line', () => {
    const lines = linesOf({ a: () => throwError(() => new TypeError('secret', { cause: new Error('secret') })) });
    expect(JSON.stringify(lines)).not.to.include('secret');
  });

  it('has no field that winston takes for its own: it would append one to the message, and drop a line for another', () => {
    const logger = recordingLogger();
    const given =
      '{"message":"mine","level":"info","timestamp":0,"exception":true,"__proto__":{"exception":true},"messages":7}';
    const ask = aggregate(
      { a: () => of(1) },
      withLogger(logger, () => JSON.parse(given) as object),
    );
    ask(background).subscribe();
    expect(logger.lines).to.have.length(4);
    for (const { fields } of logger.lines) {
      const { run, name: aggregates, service, elapsed, ...mine } = fields;
      expect(mine).to.deep.equal({
        message_: 'mine',
        level_: 'info',
        timestamp_: 0,
        exception_: true,
        __proto___: { exception: true },
        messages: 7,
      });
      expect(Object.getPrototypeOf(mine)).to.equal(Object.prototype);
    }
  });

  describe('the fields of the caller', () => {
    it('are made of the context and the input once a run, when the first line is due, and do not replace ours', () => {
      const logger = recordingLogger();
      const asked: unknown[] = [];
      const ask = aggregate(
        { a: (_ctx, id: number) => of(id) },
        withLogger(logger, (ctx: Context & { requestId?: string }, id) => {
          asked.push(id);
          return { requestId: ctx.requestId, name: 'mine' };
        }),
      );
      ask({ requestId: 'r1' } as Context, 42).subscribe();
      expect(asked).to.deep.equal([42]);
      expect(logger.lines).to.have.length(4);
      for (const { fields } of logger.lines) expect(fields).to.include({ requestId: 'r1', name: 'aggregate' });
    });

    it('are not asked for where no line is due', () => {
      const logger = { ...recordingLogger(), isLevelEnabled: () => false };
      const fields = (): never => {
        throw new Error('asked');
      };
      aggregate({ a: () => of(1) }, withLogger(logger, fields))(background).subscribe();
      expect(logger.lines).to.deep.equal([]);
    });

    it('cost no line and no answer where they throw', () => {
      const logger = recordingLogger();
      const fields = (): never => {
        throw boom;
      };
      let answer: unknown;
      aggregate({ a: () => of(1) }, withLogger(logger, fields))(background).subscribe((value) => (answer = value));
      expect(answer).to.deep.equal({ a: 1 });
      expect(logger.lines).to.have.length(4);
      expect(logger.lines[0]?.fields['fieldsFailed']).to.deep.equal({ name: 'Error', code: 'E_BOOM' });
    });
  });

  it('asks for the level once a run, and writes a failure whatever it is', () => {
    let asked = 0;
    const logger = {
      ...recordingLogger(),
      isLevelEnabled: (level: string) => {
        asked++;
        return level !== 'debug';
      },
    };
    aggregate(
      { a: () => of(1), b: () => throwError(() => boom) },
      withLogger(logger),
    )(background).subscribe({ error: () => undefined });
    expect(asked).to.equal(1);
    expect(logger.lines.map(({ message }) => message)).to.deep.equal(['run failed']);
  });

  it('writes a failure and a teardown that threw whatever the level is, also beside a sink that is told all', () => {
    let told = 0;
    for (const sinks of [[], [withEvents({ next: () => told++ })]]) {
      const logger = { ...recordingLogger(), isLevelEnabled: () => false };
      const torn = (): Observable<never> =>
        new Observable(() => () => {
          throw boom;
        });
      const ask = aggregate({ torn, b: () => throwError(() => boom) }, withLogger(logger), ...sinks);
      ask(background).subscribe({ error: () => undefined });
      expect(logger.lines.map(({ message }) => message)).to.deep.equal(['teardown failed', 'run failed']);
    }
    expect(told).to.equal(7);
  });

  it('reads no clock for what nobody wants to know', () => {
    let reads = 0;
    const { now } = asyncScheduler;
    asyncScheduler.now = () => (reads++, now());
    const readsOf = (services: Record<string, Service<void, unknown>>, ...options: AggregateOption[]): number => {
      const before = reads;
      aggregate(services, ...options)(background).subscribe({ error: () => undefined });
      return reads - before;
    };
    try {
      const info = withLogger({ ...recordingLogger(), isLevelEnabled: () => false });
      const a = (): Observable<number> => of(1);
      const b = (): Observable<never> => throwError(() => boom);
      // Once at the start, once for the timer, and where it fails for the error and for the line.
      expect(readsOf({ a }, info)).to.equal(1);
      expect(readsOf({ a }, withLogger(silent))).to.equal(1);
      expect(readsOf({ a, b }, info)).to.equal(4);
      expect(readsOf({ a, b }, withLogger(silent))).to.equal(3);
      expect(readsOf({ a, b, c: a }, withLogger(recordingLogger()))).to.equal(9);
    } finally {
      asyncScheduler.now = now;
    }
  });

  it('writes all where the logger throws when it is asked for its level', () => {
    const logger = {
      ...recordingLogger(),
      isLevelEnabled: (): never => {
        throw new Error('no disk');
      },
    };
    aggregate({ a: () => of(1) }, withLogger(logger))(background).subscribe();
    expect(logger.lines).to.have.length(4);
  });

  it('never changes the outcome: a logger may throw', () => {
    const thrower = (): never => {
      throw new Error('no disk');
    };
    const logger: Logger = { debug: thrower, info: thrower, warn: thrower, error: thrower, isLevelEnabled: thrower };
    const told: unknown[] = [];
    aggregate({ a: () => of(1) }, withLogger(logger))(background).subscribe((value) => told.push(value));
    aggregate(
      { a: () => throwError(() => boom) },
      withLogger(logger),
    )(background).subscribe({
      error: ({ cause }: { cause: unknown }) => told.push(cause),
    });
    expect(told).to.deep.equal([{ a: 1 }, boom]);
  });

  it('is not done for the silent', () => {
    aggregate(
      { a: () => NEVER },
      withLogger(silent),
      withTimeout(1),
    )({ deadline: 0 }).subscribe({ error: () => undefined });
    expect(silent.error('nothing', {})).to.equal(undefined);
    let asked = false;
    const fields = (): object => ({ asked: (asked = true) });
    aggregate(
      { a: () => throwError(() => boom) },
      withLogger(silent, fields),
    )(background).subscribe({ error: () => undefined });
    expect(asked).to.equal(false);
  });

  it('fits console as it is', () => {
    const { error, debug } = console;
    const written: unknown[] = [];
    console.error = (...line: unknown[]) => written.push(line[0]);
    console.debug = (...line: unknown[]) => written.push(line[0]);
    try {
      aggregate({ a: () => EMPTY }, withLogger(console))(background).subscribe({ error: () => undefined });
    } finally {
      Object.assign(console, { error, debug });
    }
    expect(written).to.deep.equal(['run started', 'service started', 'service failed', 'run failed']);
  });
});
