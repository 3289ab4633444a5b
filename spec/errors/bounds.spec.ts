import { expect } from 'chai';
import { NEVER, type Observable, throwError } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  DeadlineExceededError,
  ForkfastError,
  HttpError,
  type Service,
  ServiceError,
  withConcurrency,
  withEvents,
  withLogger,
  withName,
} from '../../lib/index.ts';
import { withMetrics, withTracing } from '../../lib/observe/opentelemetry/index.ts';
import { serverTiming, waterfall } from '../../lib/observe/report/index.ts';
import { recordEvents, recordingLogger } from '../../lib/testing/index.ts';
import { exporting } from '../support/exported.ts';
import { errorOf } from '../support/failure.ts';

const huge = 'n'.repeat(1e6);
const past = { deadline: 0 };

/** Expects each line of a run, in every place that a run writes to, to have at most `bound` characters. */
function expectBound(
  bound: number,
  runWith: (...options: Parameters<typeof aggregate>[1][]) => Observable<unknown>,
): void {
  const logger = recordingLogger();
  const recorded = recordEvents();
  const exported = exporting();
  const error = errorOf(
    runWith(withLogger(logger), withEvents(recorded), withTracing(exported.provider.getTracer('t')), withMetrics()),
  );
  const spans = exported.spans.map(({ name, status, attributes, events }) =>
    JSON.stringify({ name, status, attributes, events }),
  );
  const lines = [error, ...logger.lines, ...recorded.events].map((line) => JSON.stringify(line));
  const texts = [(error as Error).message, serverTiming(recorded.events), ...waterfall(recorded.events).split('\n')];
  for (const line of [...lines, ...spans, ...texts]) expect(line).to.have.length.below(bound);
}

describe('a bound', () => {
  describe('of a deadline over 50,000 inputs', () => {
    const each = aggregateEach(() => NEVER, withConcurrency(10));
    const inputs = Array.from({ length: 50_000 }, () => 0);

    it('holds in JSON, log lines, events, spans and pictures', () => {
      expectBound(600, (...options) => aggregateEach(() => NEVER, ...options)(past, inputs));
    });

    it('keeps `pending` complete, and prints the first five names and their number', () => {
      const error = errorOf(each(past, inputs)) as DeadlineExceededError;
      expect(error.pending).to.have.length(50_000);
      expect(error.message).to.match(/pending: \[0\], \[1\], \[2\], \[3\], \[4\] and 49995 more$/);
      expect(error.toJSON()).to.deep.include({ pending: ['[0]', '[1]', '[2]', '[3]', '[4]'], pendingCount: 50_000 });
      const few = new DeadlineExceededError({ pending: ['a', 'b', 'c', 'd', 'e'], elapsed: 0 });
      expect(few.toJSON())
        .to.deep.include({ pending: ['a', 'b', 'c', 'd', 'e'] })
        .and.not.to.have.property('pendingCount');
    });
  });

  describe('of a name that is a whole document', () => {
    const boom = new Error('boom');
    for (const [what, run, ctx] of [
      ['a service that fails', { [huge]: () => throwError(() => boom) }, background],
      ['services that are late', { [huge]: () => NEVER, [`${huge}!`]: () => NEVER }, past],
      ['a nested run', { [huge]: aggregate({ [huge]: () => throwError(() => boom) }) }, background],
    ] as const) {
      it(`holds for ${what}`, () => {
        expectBound(5_500, (...options) =>
          aggregate(run as Record<string, Service<void, never>>, withName(huge), ...options)(ctx),
        );
      });
    }

    it('holds for the parent of an event', () => {
      const recorded = recordEvents();
      const nested = aggregate({ a: () => throwError(() => boom) }, withEvents(recorded));
      aggregate({ [huge]: nested })(background).subscribe({ error: () => undefined });
      expect(recorded.events[0]?.parent?.service).to.equal(huge);
      expect(JSON.parse(JSON.stringify(recorded.events[0])))
        .to.have.nested.property('parent.service')
        .with.length(201);
    });

    it('holds for a message about a wrong service', () => {
      expect(() => aggregate({ [huge]: 1 } as never))
        .to.throw(TypeError)
        .with.property('message')
        .with.length.below(400);
    });

    it('leaves the message that follows it, and the property', () => {
      const error = new ServiceError({ service: huge, elapsed: 0, cause: boom });
      expect(error).to.include({ service: huge, message: `${'n'.repeat(200)}…: boom` });
      expect(error.toJSON()['message']).to.equal(`${'n'.repeat(200)}…: Error`);
    });
  });

  it('holds for the URL of an upstream, and leaves the property', () => {
    const url = `http://api.test/${huge}`;
    const error = new HttpError({ status: 500, method: 'GET', url });
    expect(error.url).to.equal(url);
    expect(error.message).to.have.length.below(2_100);
    expect(JSON.stringify(error)).to.have.length.below(4_500);
  });

  it('holds for errors of a program that extend ForkfastError', () => {
    class QuotaError extends ForkfastError {
      override readonly name = 'QuotaError';
      override readonly code = 'ERR_QUOTA';
      constructor() {
        super(huge, undefined, { tenants: Array.from({ length: 1e5 }, () => huge), limit: 7 });
      }
    }
    const error = new QuotaError();
    const { message, tenants, ...rest } = error.toJSON();
    expect(rest).to.deep.equal({ name: 'QuotaError', code: 'ERR_QUOTA', limit: 7, tenantsCount: 1e5 });
    expect(tenants).to.have.length(5);
    expect(JSON.stringify(error)).to.have.length.below(4_000);
    expect(error.message).to.have.length.below(2_100);
    expect(message).to.equal(error.message);
  });

  it('holds for a chain of causes: the sixth has only its name and its code', () => {
    let error: ServiceError | undefined;
    for (let index = 6; index >= 0; index--)
      error = new ServiceError({ service: `s${String(index)}`, elapsed: 0, cause: error });
    const causes: unknown[] = [];
    for (let json: Record<string, unknown> | undefined = error?.toJSON(); json; json = json['cause'] as typeof json) {
      causes.push(json['service'] ?? Object.keys(json));
    }
    expect(causes).to.deep.equal(['s0', 's1', 's2', 's3', 's4', ['name', 'code']]);
  });

  it('cuts no surrogate pair', () => {
    const messageFor = (message: string): string =>
      new ServiceError({ service: 'a', elapsed: 0, cause: new Error(message) }).message;
    expect(messageFor(`${'x'.repeat(1_996)}😀😀`)).to.match(/x…$/);
    expect(messageFor(`${'x'.repeat(1_995)}😀😀`)).to.match(/😀…$/);
    expect(messageFor('x'.repeat(1_997))).to.match(/x$/);
  });
});
