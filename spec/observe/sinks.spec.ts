import { expect } from 'chai';
import { defer, type Observable, of, Subject, throwError } from 'rxjs';
import {
  aggregate,
  background,
  CanceledError,
  type Context,
  type EventSink,
  type RunEvent,
  withEvents,
} from '../../lib/index.ts';
import { recordEvents } from '../../lib/testing/index.ts';
import { abortingAt } from '../support/aborting.ts';

const boom = new Error('boom');

/** The notifications of a run: the values, `complete`, and the error. */
function notificationsOf(
  services: Record<string, () => Observable<unknown>>,
  sinks: readonly EventSink[],
  ctx: Context = background,
): unknown[] {
  const received: unknown[] = [];
  aggregate(
    services,
    ...sinks.map((sink) => withEvents(sink)),
  )(ctx).subscribe({
    next: (value) => received.push(value),
    error: (error: unknown) => received.push(error),
    complete: () => received.push('complete'),
  });
  return received;
}

describe('sinks', () => {
  it('receive each event in the order of the options, whatever the others throw', () => {
    const log: string[] = [];
    const throwing = {
      next: ({ type }: RunEvent) => {
        log.push(`first ${type}`);
        throw boom;
      },
    };
    const closed = new Subject<RunEvent>();
    closed.unsubscribe();
    const subject = new Subject<RunEvent>();
    subject.subscribe(({ type }) => log.push(`third ${type}`));
    expect(notificationsOf({}, [throwing, closed, subject])).to.deep.equal([{}, 'complete']);
    expect(log).to.deep.equal(['first started', 'third started', 'first succeeded', 'third succeeded']);
  });

  for (const [moment, expected] of [
    ['started run', ['started', 'canceled']],
    ['started a', ['started', 'started a', 'canceled a', 'canceled']],
    ['succeeded a', ['started', 'started a', 'succeeded a', 'canceled']],
  ] as const) {
    it(`may end the run during "${moment}": nothing starts afterwards`, () => {
      const controller = new AbortController();
      const recorded = recordEvents();
      const sinks = [recorded, abortingAt(moment, controller)];
      const received = notificationsOf({ a: () => of(1), b: () => of(2) }, sinks, { signal: controller.signal });
      expect(recorded.brief()).to.deep.equal(expected);
      expect(received).to.have.length(1);
      expect(received[0]).to.be.instanceOf(CanceledError);
    });
  }

  it('come too late to end the run when it has succeeded', () => {
    const controller = new AbortController();
    const recorded = recordEvents();
    const sinks = [recorded, abortingAt('succeeded run', controller)];
    const received = notificationsOf({ a: () => of(1) }, sinks, { signal: controller.signal });
    expect(recorded.brief()).to.deep.equal(['started', 'started a', 'succeeded a', 'succeeded']);
    expect(received).to.deep.equal([{ a: 1 }, 'complete']);
  });

  describe('with `around`', () => {
    for (const [service, end, notifications] of [
      [of(1), 'succeeded', ['next', 'complete']],
      [throwError(() => boom), 'failed', ['error']],
    ] as const) {
      it(`contain the call of a service that ${end}, and the notification of the subscriber`, () => {
        const log: string[] = [];
        const record = (step: string) => () => void log.push(step);
        const a = () => {
          log.push('called');
          return defer(() => {
            log.push('subscribed');
            return service;
          });
        };
        const sink: EventSink = {
          next: ({ type, service: name = 'run' }) => log.push(`${type} ${name}`),
          around: ({ type, service: name = 'run' }, proceed) => {
            log.push(`< ${type} ${name}`);
            proceed();
            log.push('>');
          },
        };
        aggregate(
          { a },
          withEvents(sink),
        )(background).subscribe({ next: record('next'), error: record('error'), complete: record('complete') });
        expect(log).to.deep.equal([
          ...['started run', 'started a', '< started a', 'called', 'subscribed'],
          ...[`${end} a`, `${end} run`, `< ${end} run`, ...notifications, '>', '>'],
        ]);
      });
    }

    it('nest in the order of the options, the last outermost', () => {
      const log: string[] = [];
      const named = (name: string): EventSink => ({
        next: () => undefined,
        around: ({ service }, proceed) => {
          if (service !== undefined) log.push(name);
          proceed();
        },
      });
      notificationsOf({ a: () => of(1) }, [named('first'), named('last')]);
      expect(log).to.deep.equal(['last', 'first']);
    });

    for (const [what, around] of [
      ['throws', () => { throw boom; }], // prettier-ignore
      ['does not proceed', () => undefined],
      ['proceeds twice', (_event: RunEvent, proceed: () => void) => { proceed(); proceed(); }], // prettier-ignore
      ['proceeds and throws', (_event: RunEvent, proceed: () => void) => { proceed(); throw boom; }], // prettier-ignore
    ] as const) {
      it(`change nothing if \`around\` ${what}`, () => {
        let calls = 0;
        const received = notificationsOf({ a: () => of(++calls) }, [{ next: () => undefined, around }]);
        expect(received).to.deep.equal([{ a: 1 }, 'complete']);
        expect(calls).to.equal(1);
      });
    }

    it('call no service if `around` has ended the run', () => {
      const controller = new AbortController();
      let called = false;
      const around = (): void => {
        controller.abort();
      };
      const sinks = [{ next: () => undefined, around }];
      notificationsOf({ a: () => of((called = true)) }, sinks, { signal: controller.signal });
      expect(called).to.equal(false);
    });
  });
});
