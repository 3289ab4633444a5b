import { expect } from 'chai';
import { firstValueFrom, map, NEVER, Observable, of, retry, throwError, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  background,
  backoff,
  bulkhead,
  CanceledError,
  type Context,
  fetchJson,
  ForkfastError,
  fromAbortable,
  hedge,
  isTransient,
  NetworkError,
  perRun,
  type Service,
  ServiceError,
  type ServiceLike,
  optional,
  singleFlight,
  validate,
  ValidationError,
  withEvents,
  withLogger,
} from '../../lib/index.ts';
import { withTracing } from '../../lib/observe/opentelemetry/index.ts';
import { serverTiming, waterfall } from '../../lib/observe/report/index.ts';
import { recordEvents, recordingLogger } from '../../lib/testing/index.ts';
import { exporting } from '../support/exported.ts';
import { failureOf } from '../support/failure.ts';
import { oddErrors, oddServiceErrors, revoked } from '../support/odd-errors.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

/** The longest line that a run may write. */
const bound = 20_000;

type Failing = (error: unknown) => ServiceLike<void, unknown>;

const thrown = (error: unknown): never => {
  throw error;
};
// eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a service may reject with anything
const rejected = (error: unknown): Promise<never> => Promise.reject(error);
const errors = (error: unknown): Observable<never> => throwError(() => error);

const places: Readonly<Record<string, Failing>> = {
  'a service that throws': (error) => () => thrown(error),
  'a source that errors': (error) => () => errors(error),
  'a source that errors later': (error) => () => timer(0).pipe(map(() => thrown(error))),
  'a source whose subscribe throws': (error) => () => new Observable(() => thrown(error)),
  'a promise': (error) => () => rejected(error),
  'a thenable': (error) => () =>
    ({
      then: (_: unknown, reject: (reason: unknown) => void) => {
        reject(error);
      },
    }) as unknown as PromiseLike<never>,
  'a thenable whose then throws': (error) => () => ({ then: () => thrown(error) }),
  'a thenable whose then cannot be read': (error) => () =>
    Object.defineProperty({}, 'then', { get: () => thrown(error) }) as PromiseLike<never>,
  'fromAbortable, if start throws': (error) => (ctx) => fromAbortable(ctx, () => thrown(error)),
  'fromAbortable, if the promise rejects': (error) => (ctx) => fromAbortable(ctx, () => rejected(error)),
  'fromAbortable, if the source errors': (error) => (ctx) => fromAbortable(ctx, () => errors(error)),
  hedge: (error) => () => errors(error).pipe(hedge({ after: 0 })),
  retry: (error) => () => errors(error).pipe(retry(1)),
  backoff: (error) => (ctx) => errors(error).pipe(retry({ count: 1, delay: backoff(ctx) })),
  bulkhead: (error) => () => errors(error).pipe(bulkhead(1)),
  perRun: (error) => perRun(() => errors(error)),
  singleFlight: (error) => singleFlight(() => rejected(error)),
  'a schema': (error) => () =>
    of(1).pipe(validate({ '~standard': { version: 1, vendor: 'odd', validate: () => thrown(error) } })),
};

type RunOf = (failing: ServiceLike<void, unknown>, silent: Service<void, unknown>) => Service<void, unknown>;

/** Runs of `failing` and of a service that never answers, and the service that the error names. */
const runs: readonly (readonly [service: string, runOf: RunOf])[] = [
  ['profile', (profile, silent) => aggregate({ silent, profile })],
  ['page.profile', (profile, silent) => aggregate({ silent, page: aggregate({ profile }) })],
  ['page.latest', (latest, silent) => aggregate({ silent, page: aggregateLatest({ latest, silent }) })],
  [
    'page[0]',
    (failing, silent) => aggregate({ silent, page: (ctx) => aggregateEach((each) => failing(each))(ctx, [undefined]) }),
  ],
];

describe('an odd error', () => {
  expectNoUnhandledRejections();

  for (const [place, failing] of Object.entries(places)) {
    it(`of ${place} fails the run at once, and is the cause`, async () => {
      for (const [index, [what, error]] of oddErrors.entries()) {
        const [service, runOf] = runs[index % runs.length]!;
        let stopped = 0;
        const silent = (): Observable<never> => new Observable(() => () => stopped++);
        const failure = await failureOf(runOf(failing(error), silent)(background), ServiceError);
        expect(failure.service, what).to.equal(service);
        expect(Object.is(failure.cause, error), what).to.equal(true);
        expect(stopped, what).to.be.above(0);
      }
    });
  }

  it('has the text that can be read, in the message of the run', async () => {
    for (const [what, error, text] of oddErrors) {
      const { message } = await failureOf(aggregate({ a: () => errors(error) })(background), ServiceError);
      if (typeof text === 'string') expect(message, what).to.equal(`a: ${text}`);
      else expect(message.slice(3), what).to.match(text);
    }
  });

  it('is in the log, the events, the spans and the pictures, each within a bound', async () => {
    for (const [what, error] of [...oddErrors, ...oddServiceErrors]) {
      const exported = exporting();
      const logger = recordingLogger();
      const recorded = recordEvents();
      const options = [withLogger(logger), withEvents(recorded), withTracing(exported.provider.getTracer('odd'))];
      const page = aggregate({ late: () => NEVER, bad: aggregate({ a: () => errors(error) }) }, ...options);
      const failure = await failureOf(page(background), ServiceError);
      const lines = [failure, ...recorded.events, ...logger.lines].map((line) => JSON.stringify(line));
      for (const line of lines) expect(line, what).to.have.length.below(bound);
      expect(JSON.stringify(failure), what).not.to.include('secret');
      expect(logger.lines.at(-1), what).to.deep.include({ level: 'error', message: 'run failed' });
      expect(logger.lines.at(-1)?.fields, what).to.have.property('error');
      expect(recorded.brief().at(-1), what).to.equal('failed');
      const statuses = exported.spans.map(({ name, status }) => `${name} ${String(status.code)}`);
      expect(statuses, what).to.deep.equal(['aggregate bad 2', 'aggregate late 0', 'aggregate 2']);
      expect(exported.spans[0]?.events, what).to.have.length(1);
      expect(exported.spans[0]?.attributes['error.type'], what).to.be.a('string').and.not.equal('');
      expect(waterfall(recorded.events).split('\n'), what).to.have.length(3);
      expect(serverTiming(recorded.events), what).to.match(/desc="failed"/);
    }
  });

  for (const [place, run] of Object.entries<(error: unknown) => Observable<unknown>>({
    'a teardown': (error) =>
      aggregate({ a: () => new Observable((s) => (s.next(1), s.complete(), () => thrown(error))) })(background),
    'an event sink': (error) => aggregate({ a: () => of(1) }, withEvents({ next: () => thrown(error) }))(background),
    'the promise of an event sink': (error) =>
      aggregate({ a: () => of(1) }, withEvents({ next: () => rejected(error) }))(background),
    'the work around an event': (error) =>
      aggregate({ a: () => of(1) }, withEvents({ next: () => 0, around: () => thrown(error) }))(background),
    'a property of an event sink': (error) =>
      aggregate(
        { a: () => of(1) },
        withEvents(Object.defineProperty({ next: () => 0 }, 'around', { get: () => thrown(error) })),
      )(background),
    'a logger': (error) => {
      const log = (): never => thrown(error);
      const logger = { debug: log, info: log, warn: log, error: log, isLevelEnabled: log };
      return aggregate({ a: () => of(1) }, withLogger(logger))(background);
    },
    'the fields of the log': (error) =>
      aggregate(
        { a: () => of(1) },
        withLogger(recordingLogger(), { errors: 'full', fields: () => thrown(error) }),
      )(background),
    'a getter of the fields of the log': (error) => {
      const fields = Object.defineProperty({}, 'a', { get: () => thrown(error), enumerable: true });
      return aggregate({ a: () => of(1) }, withLogger(recordingLogger(), { fields: () => fields }))(background);
    },
    'an optional service': (error) => aggregate({ a: optional(() => errors(error), 1) })(background),
  })) {
    it(`of ${place} changes no outcome`, async () => {
      for (const [what, error] of [...oddErrors, ...oddServiceErrors]) {
        expect(await firstValueFrom(run(error)), what).to.deep.equal({ a: 1 });
      }
    });
  }

  it('that a teardown throws is reported', () => {
    for (const [what, error] of oddErrors) {
      const logger = recordingLogger();
      const torn = () => new Observable(() => () => thrown(error));
      aggregate({ torn }, withLogger(logger))(background).subscribe().unsubscribe();
      const warnings = logger.lines.filter(({ level }) => level === 'warn');
      expect(warnings, what).to.have.length(1);
      expect(warnings[0]?.fields['error'], what).to.have.property('name');
    }
  });

  it('that teardowns of another copy of RxJS throw is reported as each of them', () => {
    const joined = (errors: unknown): Error => Object.assign(new Error(), { name: 'UnsubscriptionError', errors });
    for (const [given, count] of [
      [joined([new Error('a'), 'b']), 2],
      [joined(undefined), 1],
      [joined(revoked([])), 1],
    ] as const) {
      const recorded = recordEvents();
      const source = { subscribe: () => ({ unsubscribe: () => thrown(given) }), lift: () => source };
      const service = (() => source) as unknown as Service<void, unknown>;
      aggregate({ service }, withEvents(recorded))(background).subscribe().unsubscribe();
      expect(recorded.events.filter(({ type }) => type === 'teardown-failed')).to.have.length(count);
    }
  });

  it('as the reason of an abort is the cause of a CanceledError that can be printed', async () => {
    for (const [what, reason] of oddErrors) {
      if (reason === undefined) continue; // the platform's own reason
      const controller = new AbortController();
      const ctx: Context = { signal: controller.signal };
      const logger = recordingLogger();
      const sources = [
        aggregate({ a: () => NEVER }, withLogger(logger))(ctx),
        fromAbortable(ctx, () => NEVER),
        fetchJson({ ...ctx, fetch: () => new Promise(() => undefined) }, 'http://api.test/'),
      ];
      const failures = sources.map((source) => failureOf(source, CanceledError));
      controller.abort(reason);
      for (const failure of await Promise.all(failures)) {
        expect(Object.is(failure.cause, reason), what).to.equal(true);
        expect(JSON.stringify(failure), what).to.have.length.below(bound);
      }
      expect(JSON.stringify(logger.lines.at(-1)), what).to.include('ERR_CANCELED');
    }
  });

  it('of a transport is a NetworkError', async () => {
    for (const [what, error] of oddErrors) {
      if (error instanceof ForkfastError) continue; // an error of forkfast stays as it is
      for (const fetch of [() => rejected(error), () => thrown(error)]) {
        const failure = await failureOf(fetchJson({ fetch }, 'http://api.test/'), NetworkError);
        expect(Object.is(failure.cause, error), what).to.equal(true);
      }
    }
  });

  it('is not transient', () => {
    for (const [what, error] of [...oddErrors, ...oddServiceErrors]) expect(isTransient(error), what).to.equal(false);
  });

  it('is described, wherever an argument is wrong', () => {
    for (const [what, value] of oddErrors) {
      if (typeof value === 'number') continue;
      expect(() => hedge({ after: value as never }), what).to.throw(
        RangeError,
        /^hedge: after: expected .*, got [^]+$/,
      );
    }
  });

  it('of a schema is a ValidationError, whatever its issues are', async () => {
    const getter = (key: string): object =>
      Object.defineProperty({}, key, { get: () => thrown('odd'), enumerable: true });
    const { message: whole } = new ValidationError({ issues: [] });
    for (const [issues, message] of [
      [true, whole],
      [{}, whole],
      [revoked([]), whole],
      [[null], ''],
      [[revoked({})], ''],
      [[getter('message')], ''],
      [[{ message: Symbol('odd'), path: [Symbol('key'), 0, { key: 'name' }] }], 'Symbol(key).0.name: Symbol(odd)'],
      [[{ message: {}, path: [null, {}, Object.create(null), getter('key'), revoked({}), 'a'] }], '.....a'],
      [[{ message: 'no', path: getter('0') }], 'no'],
      [[{ message: 'no', path: revoked([]) }], 'no'],
      [[{ message: 'no', path: 'a.b' }], 'no'],
      [[{ message: 'x'.repeat(1e6), path: Array(1e6).fill('a') }], /^(?:a\.){40}: x{300}…$/],
      [Array(1e5).fill({ message: 'no', path: ['x'.repeat(1e6)] }), /^(?:x{80}: no(?:; )?){5} and 99995 more$/],
    ] as const) {
      const schema = { '~standard': { version: 1, vendor: 'odd', validate: () => ({ issues }) } } as never;
      const source = aggregate({ a: () => of(1).pipe(validate(schema)) })(background);
      const { cause } = await failureOf(source, ServiceError);
      expect(cause).to.be.instanceOf(ValidationError).and.have.property('issues', issues);
      const { message: actual } = cause as ValidationError;
      if (typeof message === 'string') expect(actual).to.equal(message);
      else expect(actual).to.match(message);
      expect(JSON.stringify(cause)).to.have.length.below(bound);
    }
  });

  it('that is an UnsubscriptionError, an EmptyError or a TimeoutError of another copy of RxJS keeps its name', async () => {
    for (const name of ['UnsubscriptionError', 'EmptyError', 'TimeoutError']) {
      const error = Object.assign(new Error('boom'), { name, errors: [] });
      const failure = await failureOf(aggregate({ a: () => errors(error) })(background), ServiceError);
      expect(failure.toJSON()['cause']).to.deep.equal({ name });
    }
  });

  it('that is the ServiceError of another copy of forkfast is flattened', async () => {
    const cause = new Error('boom');
    const foreign = Object.assign(new Error(), { code: 'ERR_SERVICE_FAILED', service: 'profile', cause });
    const failure = await failureOf(aggregate({ page: () => errors(foreign) })(background), ServiceError);
    expect(failure).to.include({ service: 'page.profile', cause, message: 'page.profile: boom' });
    const odd = Object.assign(new Error('odd'), { code: 'ERR_SERVICE_FAILED', service: Symbol('odd') });
    expect(await failureOf(aggregate({ page: () => errors(odd) })(background), ServiceError)).to.include({
      cause: odd,
    });
  });
});
