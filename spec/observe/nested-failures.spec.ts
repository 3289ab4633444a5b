import { expect } from 'chai';
import fc from 'fast-check';
import { catchError, concat, map, NEVER, type Observable, of, retry, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  type AggregateOption,
  background,
  type Context,
  optional,
  perRun,
  type Service,
  silent,
  singleFlight,
  withEvents,
  withLogger,
  withName,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, recordEvents, type RecordingLogger, recordingLogger } from '../../lib/testing/index.ts';
import { fails } from '../support/services.ts';

type AnyService = Service<void, unknown>;

/** The lines that say of a run or a service that it failed: level, name of the aggregate and service. */
const failuresIn = ({ lines }: RecordingLogger): readonly string[] =>
  lines
    .filter(({ message }) => message !== 'service started' && /failed|deadline/.test(message))
    .map(({ level, message, fields }) => `${level} ${String(fields['name'])}: ${message}`);

/** Ways to treat the failure of a nested run. */
const around: Readonly<Record<string, (service: AnyService) => AnyService>> = {
  'as it is': (service) => service,
  retried: (service) => (ctx) => service(ctx).pipe(retry(2)),
  'replaced by catchError': (service) => (ctx) => service(ctx).pipe(catchError(() => of('replaced'))),
  optional: (service) => optional(service),
  'per run': (service) => perRun(service),
  'in an operator': (service) => (ctx) => concat(of(1), service(ctx)).pipe(map(String)),
};

describe('the failure of a nested run', () => {
  const logger = (): RecordingLogger & { option: AggregateOption } => {
    const recorded = recordingLogger();
    return { ...recorded, option: withLogger(recorded) };
  };
  const inner = (...options: AggregateOption[]): AnyService => aggregate({ a: fails }, withName('inner'), ...options);
  const outer = (service: AnyService, ...options: AggregateOption[]): void => {
    aggregate({ service }, withName('outer'), ...options)(background).subscribe({ error: () => undefined });
  };

  it('is one line at error, that of the outermost run: its own line is at debug', () => {
    const log = logger();
    outer(aggregate({ middle: inner(log.option) }, withName('middle'), log.option), log.option);
    expect(failuresIn(log)).to.deep.equal([
      'debug inner: service failed',
      'debug inner: run failed',
      'debug middle: service failed',
      'debug middle: run failed',
      'debug outer: service failed',
      'error outer: run failed',
    ]);
    const { fields } = log.lines.find(({ level }) => level === 'error')!;
    expect(fields['service']).to.equal('service.middle.a');
  });

  it('is at error if no run around it has a logger', () => {
    const log = logger();
    outer(aggregate({ middle: inner(log.option) }, withName('middle'), withLogger(silent)));
    expect(failuresIn(log)).to.deep.equal(['debug inner: service failed', 'error inner: run failed']);
  });

  it('is at debug if only the outermost of the runs around it has a logger', () => {
    const log = logger();
    outer(aggregate({ middle: inner(log.option) }), log.option);
    expect(failuresIn(log)).to.deep.equal([
      'debug inner: service failed',
      'debug inner: run failed',
      'debug outer: service failed',
      'error outer: run failed',
    ]);
  });

  it('is at debug in its own log if the run around it has another logger', () => {
    const [mine, other] = [logger(), logger()];
    outer(inner(mine.option), other.option);
    expect(failuresIn(mine)).to.deep.equal(['debug inner: service failed', 'debug inner: run failed']);
    expect(failuresIn(other)).to.deep.equal(['debug outer: service failed', 'error outer: run failed']);
  });

  it('is one line at warn if the service is optional', () => {
    const log = logger();
    outer(optional(inner(log.option)), log.option);
    expect(failuresIn(log)).to.deep.equal([
      'debug inner: service failed',
      'debug inner: run failed',
      'warn outer: service failed',
    ]);
  });

  it('has no line above debug if a service handles it, as that of any other service', () => {
    const log = logger();
    outer((ctx) => inner(log.option)(ctx).pipe(catchError(() => of('replaced'))), log.option);
    expect(failuresIn(log)).to.deep.equal(['debug inner: service failed', 'debug inner: run failed']);
  });

  it('is one line at error for all attempts of a retry', () => {
    const log = logger();
    outer((ctx) => inner(log.option)(ctx).pipe(retry(2)), log.option);
    const failures = failuresIn(log);
    expect(failures.filter((line) => line === 'debug inner: run failed')).to.have.length(3);
    expect(failures.filter((line) => !line.startsWith('debug'))).to.deep.equal(['error outer: run failed']);
  });

  it('is at debug at its own deadline too, and the run around it names the service', () => {
    const log = logger();
    marbles(({ flush }) => {
      outer(aggregate({ a: () => NEVER }, withName('inner'), withTimeout(10), log.option), log.option);
      flush();
    });
    expect(failuresIn(log)).to.deep.equal([
      'debug inner: deadline exceeded',
      'debug outer: service failed',
      'error outer: run failed',
    ]);
  });

  it('is at debug in each join', () => {
    for (const join of [
      (service: AnyService) => aggregateLatest({ service }),
      (service: AnyService) => aggregateEach((ctx: Context) => service(ctx)) as unknown as AnyService,
    ]) {
      const log = logger();
      const joined = join(inner(log.option));
      aggregate(
        { joined: (ctx) => (joined as Service<unknown, unknown>)(ctx, [1]) },
        log.option,
      )(background).subscribe({
        error: () => undefined,
      });
      expect(failuresIn(log).filter((line) => line.startsWith('error'))).to.deep.equal(['error aggregate: run failed']);
    }
  });

  it('is at error if the run around it has succeeded before, so that nobody else reports it', () => {
    const log = logger();
    const late = aggregate({ a: (): Observable<unknown> => concat(timer(5), fails()) }, withName('late'), log.option);
    marbles(({ flush }) => {
      outer((ctx) => (late(ctx).subscribe({ error: () => undefined }), of('done')), log.option);
      flush();
    });
    expect(failuresIn(log)).to.deep.equal(['debug late: service failed', 'error late: run failed']);
  });

  it('is at error in a single flight, which belongs to no run', () => {
    const log = logger();
    outer(singleFlight(inner(log.option)), log.option);
    expect(failuresIn(log)).to.deep.equal([
      'debug inner: service failed',
      'error inner: run failed',
      'debug outer: service failed',
      'error outer: run failed',
    ]);
  });

  it('is a cancellation at debug if the run around it ends first', () => {
    const log = logger();
    marbles(({ flush }) => {
      const waits = aggregate({ a: () => NEVER }, withName('inner'), log.option);
      aggregate({ waits, fails }, withName('outer'), log.option)(background).subscribe({ error: () => undefined });
      flush();
    });
    const ends = log.lines.filter(({ message }) => message.startsWith('run ') && message !== 'run started');
    expect(ends.map(({ level, message, fields }) => `${level} ${String(fields['name'])}: ${message}`)).to.deep.equal([
      'debug inner: run canceled',
      'error outer: run failed',
    ]);
  });

  it('builds no line and no event if the level hides debug lines', () => {
    const recorded = recordingLogger();
    let called = 0;
    const fields = (): object => ({ called: called++ });
    const hidden = withLogger({ ...recorded, isLevelEnabled: () => false }, { fields });
    outer(inner(hidden), withLogger(recordingLogger()));
    expect([recorded.lines, called]).to.deep.equal([[], 0]);
  });

  it('is an event failed for every sink', () => {
    const events = recordEvents();
    const log = logger();
    outer(inner(log.option, withEvents(events)), log.option);
    expect(events.events.filter(({ type }) => type === 'failed')).to.have.length(2);
  });

  it('follows the model, for random nests of runs', () => {
    const level = fc.record({
      log: fc.constantFrom('none', 'silent', 'own', 'shared'),
      how: fc.constantFrom(...Object.keys(around)),
    });
    fc.assert(
      fc.property(fc.array(level, { minLength: 1, maxLength: 5 }), (levels) => {
        const shared = recordingLogger();
        const logs = levels.map(({ log }) => (log === 'own' ? recordingLogger() : shared));
        const has = levels.map(({ log }) => log === 'own' || log === 'shared');
        /** A call that `perRun` shares belongs to the outermost run. */
        const isLoggedAround = (depth: number): boolean => {
          if (depth === 0) return false;
          const parent = levels[depth - 1]!.how === 'per run' ? 0 : depth - 1;
          return has[parent]! || isLoggedAround(parent);
        };
        // From the innermost run to the outermost one.
        let service: AnyService = fails;
        for (const [depth, { log, how }] of [...levels.entries()].reverse()) {
          const option = log === 'silent' ? withLogger(silent) : withLogger(logs[depth]!);
          const options = log === 'none' ? [] : [option];
          service = aggregate({ s: around[how]!(service) }, withName(String(depth)), ...options);
        }
        service(background).subscribe({ error: () => undefined });

        const reports = [...new Set(logs)]
          .flatMap(({ lines }) => lines)
          .filter(({ message }) => message === 'run failed');
        for (const { level: at, fields } of reports) {
          expect(at).to.equal(isLoggedAround(Number(fields['name'])) ? 'debug' : 'error');
        }
        // If no run handles, repeats or shares the failure, it is one line at error, unless there is no logger.
        const passes = levels.every(({ how }) => ['as it is', 'in an operator'].includes(how));
        const atError = reports.filter(({ level: at }) => at === 'error');
        if (passes) expect(atError).to.have.length(has.includes(true) ? 1 : 0);
      }),
      { numRuns: 300 },
    );
  });
});
