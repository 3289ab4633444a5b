import { expect } from 'chai';
import { of } from 'rxjs';
import {
  aggregate,
  type AggregateOption,
  background,
  type AggregateConfig,
  type Logger,
  silent,
  withConcurrency,
  withEvents,
  withFetch,
  withLogger,
  withName,
  withTimeout,
} from '../../lib/index.ts';
import { recordEvents } from '../../lib/testing/index.ts';

/** The config that an aggregate with these options has. */
function configOf(...options: AggregateOption[]): AggregateConfig {
  let seen: AggregateConfig | undefined;
  aggregate({}, ...options, (config) => (seen = config));
  return seen!;
}

describe('options', () => {
  it('are frozen defaults where there are none', () => {
    const { logger, ...config } = configOf();
    expect(config).to.deep.equal({
      timeout: 30_000,
      concurrency: Infinity,
      name: 'aggregate',
      fields: undefined,
      sinks: [],
      fetch: undefined,
    });
    expect(logger).to.respondTo('error');
  });

  it('go from one frozen config to the next', () => {
    const before = configOf();
    for (const option of [
      withTimeout(1),
      withLogger(silent),
      withEvents({ next: () => undefined }),
      withConcurrency(1),
      withName('a'),
      withFetch(fetch),
    ]) {
      const after = option(before);
      expect(after).not.to.equal(before);
      expect(before).to.be.frozen;
      expect(after).to.be.frozen;
      expect(after.sinks).to.be.frozen;
    }
    expect(configOf()).to.deep.equal(before);
  });

  it('let the last one win, and withEvents add', () => {
    const [a, b] = [recordEvents(), recordEvents()];
    const fields = (): object => ({});
    expect(configOf(withTimeout(1), withTimeout(2))).to.include({ timeout: 2 });
    expect(configOf(withName('a'), withName('b'))).to.include({ name: 'b' });
    expect(configOf(withLogger(console, fields), withLogger(silent))).to.include({ logger: silent, fields: undefined });
    expect(configOf(withEvents(a), withEvents(b)).sinks).to.deep.equal([a, b]);
  });

  for (const wrong of [0, -1, NaN, -Infinity, 2 ** 31, '1000', undefined, null]) {
    it(`withTimeout refuses ${String(wrong)} where it is written`, () => {
      expect(() => withTimeout(wrong as number)).to.throw(
        RangeError,
        typeof wrong === 'string' ? 'a string' : String(wrong),
      );
    });
  }

  it('withTimeout takes any time a timer can wait for, and Infinity', () => {
    for (const ms of [0.5, 1, 2 ** 31 - 1, Infinity]) expect(configOf(withTimeout(ms))).to.include({ timeout: ms });
  });

  for (const wrong of [0, -1, 1.5, NaN, Infinity, '2', undefined]) {
    it(`withConcurrency refuses ${String(wrong)} where it is written`, () => {
      expect(() => withConcurrency(wrong as number)).to.throw(
        RangeError,
        'withConcurrency: n: expected a positive integer',
      );
    });
  }

  it('withLogger names the method that is missing', () => {
    const { warn: _, ...mute } = silent;
    expect(() => withLogger(mute as Logger)).to.throw(TypeError, 'no method warn');
    expect(() => withLogger(undefined as unknown as Logger)).to.throw(TypeError, 'no method debug');
  });

  it('withEvents, withFetch and withName refuse what they cannot use', () => {
    expect(() => withEvents(undefined as never)).to.throw(TypeError, 'next(event)');
    expect(() => withFetch('fetch' as never)).to.throw(TypeError, 'got a string');
    expect(() => withName('')).to.throw(TypeError, 'withName');
    expect(() => withName(7 as never)).to.throw(TypeError, 'withName');
  });

  it('apply to the subscriptions, not to each other', () => {
    const told: unknown[] = [];
    const shared = [withName('shared')] as const;
    aggregate(
      { a: () => of(1) },
      ...shared,
      withName('own'),
      withEvents({ next: ({ name }) => told.push(name) }),
    )(background).subscribe();
    expect(new Set(told)).to.deep.equal(new Set(['own']));
  });
});
