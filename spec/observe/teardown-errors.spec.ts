import { expect } from 'chai';
import { config, NEVER, Observable, throwError } from 'rxjs';
import { aggregate, type AggregateOption, background, withEvents, withLogger } from '../../lib/index.ts';
import { marbles, recordEvents, recordingLogger } from '../../lib/testing/index.ts';

const boom = Object.assign(new Error('secret words'), { code: 'E_BOOM' });
const failed = new Error('failed');

/** Runs a service whose teardown throws, beside one that fails. Virtual time throws what RxJS throws asynchronously. */
function run(...options: readonly AggregateOption[]): { readonly cause: unknown; readonly unhandled: unknown[] } {
  const unhandled: unknown[] = [];
  if (config.onUnhandledError) config.onUnhandledError = (error) => unhandled.push(error);
  let cause: unknown;
  marbles(({ flush }) => {
    const torn = (): Observable<never> =>
      new Observable(() => () => {
        throw boom;
      });
    const services = { torn, pending: () => NEVER, fails: () => throwError(() => failed) };
    aggregate(
      services,
      ...options,
    )(background).subscribe({
      error: (error: Error) => {
        ({ cause } = error);
      },
    });
    flush();
  });
  return { cause, unhandled };
}

describe('an error that a teardown throws', () => {
  afterEach(() => {
    config.onUnhandledError = null;
  });
  const handle = (): void => {
    config.onUnhandledError = () => undefined;
  };

  it('is an event if the run has a sink, and reaches no handler', () => {
    handle();
    const recorded = recordEvents();
    expect(run(withEvents(recorded))).to.deep.equal({ cause: failed, unhandled: [] });
    const events = recorded.events.filter(({ type }) => type === 'teardown-failed');
    expect(events.map((event) => [event.service, 'error' in event && event.error])).to.deep.equal([['torn', boom]]);
    expect(recorded.brief().slice(-2)).to.deep.equal(['teardown-failed torn', 'failed']);
  });

  it('is a warning if the run has a logger, and reaches no handler', () => {
    handle();
    const logger = recordingLogger();
    expect(run(withLogger(logger))).to.deep.equal({ cause: failed, unhandled: [] });
    const [line, ...others] = logger.lines.filter(({ level }) => level === 'warn');
    expect(others).to.deep.equal([]);
    expect(line?.message).to.equal('teardown failed');
    expect(line?.fields).to.deep.include({ service: 'torn', error: { name: 'Error', code: 'E_BOOM' } });
  });

  it('reaches the `onUnhandledError` of RxJS if the run has neither', () => {
    handle();
    expect(run()).to.deep.equal({ cause: failed, unhandled: [boom] });
  });

  it('is dropped if there is no handler either: nothing is thrown', () => {
    expect(run()).to.deep.equal({ cause: failed, unhandled: [] });
  });
});
