import { expect } from 'chai';
import { of } from 'rxjs';
import {
  aggregate,
  type AggregateConfig,
  type AggregateOption,
  background,
  type Logger,
  type RunEvent,
  silent,
  withConcurrency,
  withEvents,
  withFetch,
  withLogger,
  withName,
  withTimeout,
} from '../../lib/index.ts';
import { recordEvents } from '../../lib/testing/index.ts';

/** The config of an aggregate with these options. */
function configOf(...options: AggregateOption[]): AggregateConfig {
  let seen: AggregateConfig | undefined;
  aggregate({}, ...options, (config) => (seen = config));
  return seen!;
}

describe('options', () => {
  it('start from frozen defaults, which log nothing', () => {
    expect(configOf()).to.be.frozen.and.deep.equal({
      timeout: 30_000,
      concurrency: Infinity,
      name: 'aggregate',
      logger: silent,
      log: {},
      sinks: [],
      fetch: undefined,
      deadlineHeader: undefined,
    });
  });

  it('make a new frozen config from the one before, which they do not change', () => {
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
      expect(after).to.be.frozen.and.not.equal(before);
      expect(after.sinks).to.be.frozen;
    }
    expect(configOf()).to.deep.equal(before);
  });

  it('replace the one before; withEvents adds a sink', () => {
    const [a, b] = [recordEvents(), recordEvents()];
    const fields = (): object => ({});
    expect(configOf(withTimeout(1), withTimeout(2))).to.include({ timeout: 2 });
    expect(configOf(withName('a'), withName('b'))).to.include({ name: 'b' });
    expect(configOf(withLogger(console, { fields, errors: 'full' }), withLogger(silent)))
      .to.deep.include({ log: {} })
      .and.to.include({ logger: silent });
    expect(configOf(withEvents(a), withEvents(b)).sinks).to.deep.equal([a, b]);
  });

  it('may be shared: they change no other aggregate', () => {
    const names = new Set<string>();
    const next = ({ name }: RunEvent): void => void names.add(name);
    const shared = [withName('shared'), withEvents({ next })] as const;
    aggregate({ a: () => of(1) }, ...shared, withName('own'))(background).subscribe();
    expect([...names]).to.deep.equal(['own']);
    aggregate({ a: () => of(1) }, ...shared)(background).subscribe();
    expect([...names]).to.deep.equal(['own', 'shared']);
  });

  const withoutWarn: Partial<Logger> = { ...silent, warn: undefined as never };
  const invalid: Readonly<Record<string, readonly [() => AggregateOption, string]>> = {
    'a logger without `warn`': [
      () => withLogger(withoutWarn as Logger),
      'no method warn(message, fields): pass console, for example',
    ],
    'no logger': [() => withLogger(undefined as never), 'no method debug'],
    'a transport that is a string': [() => withFetch('fetch' as never), 'got a string'],
    'a function as sink': [
      () => withEvents((() => 1) as never),
      'withEvents: expected a sink with next(event), got a function: pass a Subject or { next }',
    ],
    'an empty name': [() => withName(''), 'withName'],
    'a name that is a number': [() => withName(7 as never), 'withName'],
  };
  for (const [what, [option, message]] of Object.entries(invalid)) {
    it(`throw a TypeError where they are written: ${what}`, () => {
      expect(option).to.throw(TypeError, message);
    });
  }
});

describe('an aggregate', () => {
  const fix = 'pass the result of a with function, such as withTimeout(1_000)';
  for (const [what, option, message] of [
    ['a service', async () => Promise.resolve(1), `aggregate: expected an option, got a function: ${fix}`],
    ['a function that returns nothing', () => undefined, `aggregate: expected an option, got a function: ${fix}`],
    ['an object', { timeout: 1_000 }, `aggregate: expected an option, got an instance of Object: ${fix}`],
    ['a list of options', [withTimeout(1)], `aggregate: expected an option, got an instance of Array: ${fix}`],
    [
      'a function that makes an option',
      withTimeout,
      'withTimeout: expected milliseconds above 0 and below 2^31, got an instance of Object: pass 1_000 for a second, or Infinity for none',
    ],
  ] as const) {
    it(`says what to pass in place of ${what}`, () => {
      expect(() => configOf(option as never)).to.throw(message);
    });
  }
});

describe('withEvents', () => {
  it('accepts a sink that inherits `next`, or that is a function', () => {
    class Sink {
      next(): void {
        // Takes the events.
      }
    }
    const sinks = [new Sink(), Object.assign(() => 1, { next: () => 1 })];
    expect(configOf(...sinks.map((sink) => withEvents(sink))).sinks).to.deep.equal(sinks);
  });

  class Pool {
    readonly secret = 1;
  }
  for (const [value, kind] of [
    [undefined, 'undefined'],
    [null, 'null'],
    [NaN, 'NaN'],
    [-1.5, '-1.5'],
    [Infinity, 'Infinity'],
    ['secret', 'a string'],
    [true, 'a boolean'],
    [1n, 'a bigint'],
    [Symbol('secret'), 'a symbol'],
    [() => 'secret', 'a function'],
    [{ next: 'secret' }, 'an instance of Object'],
    [['secret'], 'an instance of Array'],
    [new Pool(), 'an instance of Pool'],
    [{ constructor: Object.defineProperty(() => 0, 'name', { value: '' }) }, 'an object'],
    [Object.create(null), 'an object'],
    [{ constructor: 'secret' }, 'an object'],
    [
      new Proxy(
        {},
        {
          get: (_target, key) => {
            if (key === 'next') return undefined;
            throw new Error('secret');
          },
        },
      ),
      'an object',
    ],
  ] as const) {
    it(`rejects a sink without \`next\`, naming its kind and never its content: ${kind}`, () => {
      expect(() => withEvents(value as never)).to.throw(TypeError, new RegExp(`(got|not) ${kind}(:|$)`));
    });
  }
});
