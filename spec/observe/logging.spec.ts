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
} from '../../lib/index.ts';
import { type LogLine, marbles, recordEvents, type RecordingLogger, recordingLogger } from '../../lib/testing/index.ts';

const name = 'dashboard';
const boom = Object.assign(new Error('secret words'), { code: 'E_BOOM' });
const ignored = { error: () => undefined };
const succeeds = (): Observable<number> => of(1);
const fails = (): Observable<never> => throwError(() => boom);
/** Never completes, and throws when it is torn down. */
const torn = (): Observable<never> =>
  new Observable(() => () => {
    throw boom;
  });

/** The lines of one run, without the number of the run. */
function linesOf(services: Record<string, Service<void, unknown>>, ctx: Context = background): LogLine[] {
  const logger = recordingLogger();
  aggregate(services, withLogger(logger), withName(name))(ctx).subscribe(ignored);
  return logger.lines.map(({ fields: { run, ...fields }, ...line }) => {
    expect(run).to.be.a('number');
    return { ...line, fields };
  });
}

const levelsOf = ({ lines }: RecordingLogger): string[] => lines.map(({ level, message }) => `${level} ${message}`);

/** A logger that writes its failures and warnings only. */
const infoLogger = () => ({ ...recordingLogger(), isLevelEnabled: (level: string) => level !== 'debug' });

describe('logging', () => {
  describe('without a logger', () => {
    it('writes nothing', () => {
      const { log, debug, info, warn, error } = console;
      let written = 0;
      const count = (): number => written++;
      Object.assign(console, { log: count, debug: count, info: count, warn: count, error: count });
      try {
        aggregate({ succeeds, torn, fails })(background).subscribe(ignored);
      } finally {
        Object.assign(console, { log, debug, info, warn, error });
      }
      expect(written).to.equal(0);
    });

    it('is what `silent` restores: it calls no `fields`, and writes nothing when it is called', () => {
      const logger = recordingLogger();
      let called = false;
      const fields = (): object => ({ called: (called = true) });
      aggregate({ fails }, withLogger(logger), withLogger(silent, { fields }))(background).subscribe(ignored);
      expect([logger.lines, called]).to.deep.equal([[], false]);
      expect(silent.error('nothing', {})).to.equal(undefined);
    });
  });

  describe('a line', () => {
    it('has a constant message, with the data in fields, at debug', () => {
      marbles(() => {
        expect(linesOf({ a: succeeds })).to.deep.equal([
          { level: 'debug', message: 'run started', fields: { name } },
          { level: 'debug', message: 'service started', fields: { name, service: 'a' } },
          { level: 'debug', message: 'service succeeded', fields: { name, service: 'a', elapsed: 0 } },
          { level: 'debug', message: 'run succeeded', fields: { name, elapsed: 0 } },
        ]);
      });
    });

    it('reports a failure once at error; the service that failed and the canceled sibling have debug lines', () => {
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
        expect(linesOf({ a: () => NEVER, b: fails }).slice(3)).to.deep.equal([
          { level: 'debug', message: 'service failed', fields: { name, service: 'b', elapsed: 0, error: cause } },
          { level: 'debug', message: 'service canceled', fields: { name, service: 'a', elapsed: 0 } },
          { level: 'error', message: 'run failed', fields: { name, service: 'b', elapsed: 0, error } },
        ]);
      });
    });

    it('contains the whole chain of forkfast causes', () => {
      const request = { method: 'GET', url: 'http://api.test/' };
      const http = new HttpError({ status: 503, ...request, body: 'secret', retryAfter: 5 });
      const page = aggregate({ profile: () => throwError(() => http) });
      const failed = linesOf({ page }).find(({ level }) => level === 'error');
      expect(failed?.fields['service']).to.equal('page.profile');
      const message = 'HTTP 503 from GET http://api.test/';
      expect(failed?.fields['error']).to.deep.include({
        message: `page.profile: ${message}`,
        cause: { name: 'HttpError', code: 'ERR_HTTP_STATUS', message, status: 503, ...request, retryAfter: 5 },
      });
    });

    it('reports a passed deadline once at error, with the pending services', () => {
      const { message, level, fields } = linesOf({ a: () => NEVER }, { deadline: 0 }).at(-1)!;
      expect({ message, level }).to.deep.equal({ message: 'deadline exceeded', level: 'error' });
      expect(fields['error']).to.deep.include({
        code: 'ERR_DEADLINE_EXCEEDED',
        pending: ['a'],
        cause: { name: 'TimeoutError' },
      });
    });

    it('reports a cancellation at debug', () => {
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

    it('contains no text of a foreign error', () => {
      const lines = linesOf({ a: () => throwError(() => new TypeError('secret', { cause: new Error('secret') })) });
      expect(JSON.stringify(lines)).not.to.include('secret');
    });
  });

  describe('the fields of the caller', () => {
    it('are computed once a run from the context and the input, and do not override the built-in fields', () => {
      const logger = recordingLogger();
      const inputs: unknown[] = [];
      const dashboard = aggregate(
        { a: (_ctx, id: number) => of(id) },
        withLogger(logger, {
          fields: (ctx: Context & { requestId?: string }, id) => {
            inputs.push(id);
            return { requestId: ctx.requestId, name: 'mine' };
          },
        }),
      );
      dashboard({ requestId: 'r1' } as Context, 42).subscribe();
      expect(inputs).to.deep.equal([42]);
      expect(logger.lines).to.have.length(4);
      for (const { fields } of logger.lines) expect(fields).to.include({ requestId: 'r1', name: 'aggregate' });
    });

    it('are not computed if no line is due', () => {
      const logger = infoLogger();
      let called = false;
      const fields = (): object => ({ called: (called = true) });
      aggregate({ succeeds }, withLogger(logger, { fields }))(background).subscribe();
      expect([logger.lines, called]).to.deep.equal([[], false]);
    });

    it('that throw change neither the lines nor the answer', () => {
      const logger = recordingLogger();
      const fields = (): never => {
        throw boom;
      };
      let answer: unknown;
      aggregate({ a: succeeds }, withLogger(logger, { fields }))(background).subscribe((value) => (answer = value));
      expect(answer).to.deep.equal({ a: 1 });
      expect(logger.lines).to.have.length(4);
      expect(logger.lines[0]?.fields['fieldsError']).to.deep.equal({ name: 'Error', code: 'E_BOOM' });
    });

    it('get another name if winston reserves theirs: it would change the message, or drop the line', () => {
      const logger = recordingLogger();
      const given =
        '{"message":"mine","level":"info","timestamp":0,"exception":true,"__proto__":{"exception":true},"messages":7}';
      const fields = (): object => JSON.parse(given) as object;
      aggregate({ succeeds }, withLogger(logger, { fields }))(background).subscribe();
      expect(logger.lines).to.have.length(4);
      for (const line of logger.lines) {
        const { run, name: aggregates, service, elapsed, ...mine } = line.fields;
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
  });

  describe('the level', () => {
    it('is read once a run', () => {
      let reads = 0;
      const logger = { ...recordingLogger(), isLevelEnabled: () => ++reads < 0 };
      aggregate({ succeeds, fails }, withLogger(logger))(background).subscribe(ignored);
      expect(reads).to.equal(1);
    });

    it('hides neither a failure nor a teardown that threw', () => {
      const logger = infoLogger();
      aggregate({ torn, fails }, withLogger(logger))(background).subscribe(ignored);
      expect(levelsOf(logger)).to.deep.equal(['warn teardown failed', 'error run failed']);
    });

    it('hides nothing from a sink', () => {
      const logger = infoLogger();
      const recorded = recordEvents();
      aggregate({ torn, fails }, withLogger(logger), withEvents(recorded))(background).subscribe(ignored);
      expect(levelsOf(logger)).to.deep.equal(['warn teardown failed', 'error run failed']);
      expect(recorded.events).to.have.length(7);
    });

    it('counts as debug if the logger throws when it is read', () => {
      const isLevelEnabled = (): never => {
        throw new Error('no disk');
      };
      const logger = { ...recordingLogger(), isLevelEnabled };
      aggregate({ succeeds }, withLogger(logger))(background).subscribe();
      expect(logger.lines).to.have.length(4);
    });

    it('counts as debug if the logger returns a promise, whose rejection is handled', () => {
      const rejections: unknown[] = [];
      const isLevelEnabled = (): never => {
        const rejected = { then: (_resolve: unknown, reject: unknown) => rejections.push(reject) };
        return rejected as never;
      };
      const logger = { ...recordingLogger(), isLevelEnabled };
      aggregate({ succeeds }, withLogger(logger))(background).subscribe();
      expect(logger.lines).to.have.length(4);
      expect(rejections)
        .to.have.length(1)
        .and.satisfy(([reject]: unknown[]) => typeof reject === 'function');
    });

    it('decides how often the clock is read: hidden lines need no time', () => {
      let reads = 0;
      const { now } = asyncScheduler;
      asyncScheduler.now = () => (reads++, now());
      const readsOf = (services: Record<string, Service<void, unknown>>, ...options: AggregateOption[]): number => {
        const before = reads;
        aggregate(services, ...options)(background).subscribe(ignored);
        return reads - before;
      };
      try {
        const info = withLogger(infoLogger());
        const debug = withLogger(recordingLogger());
        // The start reads the clock. A failure needs the timer, the elapsed time of the error, and that of its line.
        expect(readsOf({ succeeds })).to.equal(1);
        expect(readsOf({ succeeds }, info)).to.equal(1);
        expect(readsOf({ succeeds, fails })).to.equal(3);
        expect(readsOf({ succeeds, fails }, info)).to.equal(4);
        expect(readsOf({ succeeds, fails, other: succeeds }, debug)).to.equal(9);
      } finally {
        asyncScheduler.now = now;
      }
    });
  });

  describe('the logger', () => {
    it('may throw: the outcome stays the same', () => {
      const throws = (): never => {
        throw new Error('no disk');
      };
      const logger: Logger = { debug: throws, info: throws, warn: throws, error: throws, isLevelEnabled: throws };
      const received: unknown[] = [];
      aggregate({ a: succeeds }, withLogger(logger))(background).subscribe((value) => received.push(value));
      aggregate(
        { fails },
        withLogger(logger),
      )(background).subscribe({
        error: ({ cause }: { cause: unknown }) => received.push(cause),
      });
      expect(received).to.deep.equal([{ a: 1 }, boom]);
    });

    it('may be the console', () => {
      const { error, debug } = console;
      const messages: unknown[] = [];
      const write = (message: unknown): void => void messages.push(message);
      Object.assign(console, { error: write, debug: write });
      try {
        aggregate({ a: () => EMPTY }, withLogger(console))(background).subscribe(ignored);
      } finally {
        Object.assign(console, { error, debug });
      }
      expect(messages).to.deep.equal(['run started', 'service started', 'service failed', 'run failed']);
    });
  });
});
