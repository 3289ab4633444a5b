import { expect } from 'chai';
import { merge, NEVER, Observable, retry, switchMap, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  type Context,
  DeadlineExceededError,
  HttpError,
  NetworkError,
  withConcurrency,
  withName,
  withTimeout,
} from '../../lib/index.ts';
import { waterfall } from '../../lib/observe/report/index.ts';
import { after, event, failing, story } from '../support/story.ts';

/** Without colors. */
const stripped = (text: string): string => text.replaceAll(/\p{Cc}\[\d+m/gu, '');

/** A drawing as it is printed: the first line tells how far the others are indented. */
const lines = (picture: TemplateStringsArray): string => {
  const [indent = ''] = /^\n( *)/.exec(picture.raw[0]!)!.slice(1);
  return picture.raw[0]!.split('\n')
    .slice(1, -1)
    .map((line) => line.slice(indent.length))
    .join('\n');
};

describe('waterfall', () => {
  it('draws a run, a bar a service, with what became of it', () => {
    const events = story((watched) =>
      aggregate({ profile: after(112), orders: () => NEVER }, watched, withName('dashboard'), withTimeout(1_000)),
    );
    expect(waterfall(events)).to.equal(lines`
      dashboard 1000 ms  deadline exceeded
        profile  ██░░░░░░░░░░░░░░░░░░   112 ms  ok
        orders   ████████████████████  1000 ms  canceled
    `);
  });

  it('says with what a service failed, and in the line of the run which one', () => {
    const error = new HttpError({ status: 500, method: 'GET', url: 'http://profile.test/profiles/42' });
    const events = story((watched) =>
      aggregate({ profile: failing(10, error), orders: after(10_000) }, watched, withName('dashboard')),
    );
    expect(waterfall(events)).to.equal(lines`
      dashboard 10 ms  failed: profile
        profile  ████████████████████  10 ms  failed: HTTP 500 from GET http://profile.test/profiles/42
        orders   ████████████████████  10 ms  canceled
    `);
  });

  it('says no word of an error that is not our own but its name and code', () => {
    const secret = Object.assign(new TypeError('token=secret'), { code: 'ECONNRESET' });
    const words = [secret, 'token=secret', undefined].map((error) =>
      waterfall(story((watched) => aggregate({ a: failing(1, error) }, watched)))
        .split('  ')
        .at(-1),
    );
    expect(words).to.deep.equal(['failed: TypeError ECONNRESET', 'failed: string', 'failed: undefined']);
  });

  it('says when in its run a service started; where one ends as the next starts, they abut', () => {
    const events = story((watched) =>
      aggregate({ a: after(30), b: after(33), c: after(37) }, watched, withConcurrency(1)),
    );
    expect(waterfall(events)).to.equal(lines`
      aggregate 100 ms  ok
        a  ██████░░░░░░░░░░░░░░  30 ms  ok
        b  ░░░░░░███████░░░░░░░  33 ms  ok
        c  ░░░░░░░░░░░░░███████  37 ms  ok
    `);
  });

  it('indents a nested run beneath the service that asked it, in the time of the outermost', () => {
    const events = story((watched) => {
      const dashboard = aggregate(
        { profile: after(20), orders: after(40) },
        watched,
        withName('dashboard'),
        withConcurrency(1),
      );
      return aggregate({ user: dashboard, ads: after(80) }, watched, withName('page'));
    });
    expect(waterfall(events)).to.equal(lines`
      page 80 ms  ok
        user         ███████████████░░░░░  60 ms  ok
          dashboard  ███████████████░░░░░  60 ms  ok
            profile  █████░░░░░░░░░░░░░░░  20 ms  ok
            orders   ░░░░░██████████░░░░░  40 ms  ok
        ads          ████████████████████  80 ms  ok
    `);
  });

  it('indents beneath its run what a service asked later', () => {
    const events = story((watched) => {
      const inner = aggregate({ orders: after(50) }, watched, withName('inner'));
      const late = (ctx: Context): Observable<unknown> => timer(50).pipe(switchMap(() => inner(ctx)));
      return aggregate({ late }, watched);
    });
    expect(waterfall(events)).to.equal(lines`
      aggregate 100 ms  ok
        late      ████████████████████  100 ms  ok
        inner     ░░░░░░░░░░██████████   50 ms  ok
          orders  ░░░░░░░░░░██████████   50 ms  ok
    `);
  });

  it('takes no service for another, even of an empty name', () => {
    const inner = { run: 2, name: 'inner' };
    for (const [parent, indent] of [
      [{ run: 1, service: '' }, '    '],
      [{ run: 1 }, '  '],
      [{ run: 1, service: 'unheard of' }, '  '],
    ] as const) {
      const picture = waterfall([event({}), event({ service: '' }), event({ ...inner, parent })], { width: 1 });
      expect(picture.split('\n')[2]).to.equal(`${indent}inner  █  0 ms  running`);
    }
  });

  it('draws each run of a service that asked again', () => {
    const events = story((watched) => {
      let asked = 0;
      const flaky = aggregate({ a: () => (++asked === 1 ? failing(10, 'no')() : timer(30)) }, watched);
      return aggregate({ again: (ctx) => flaky(ctx).pipe(retry(1)) }, watched, withName('page'));
    });
    expect(waterfall(events)).to.equal(lines`
      page 40 ms  ok
        again        ████████████████████  40 ms  ok
          aggregate  █████░░░░░░░░░░░░░░░  10 ms  failed: a
            a        █████░░░░░░░░░░░░░░░  10 ms  failed: string
        aggregate    ░░░░░███████████████  30 ms  ok
          a          ░░░░░███████████████  30 ms  ok
    `);
  });

  it('names the inputs of aggregateEach, and says in which run and service one failed', () => {
    const events = story((watched) => {
      const orders = (_ctx: Context, ms: number): Observable<unknown> => (ms > 5 ? failing(5, 'no')() : timer(ms));
      const each = aggregateEach(orders, watched);
      return aggregate({ orders: (ctx) => each(ctx, [3, 9]) }, watched, withName('page'));
    });
    expect(waterfall(events)).to.equal(lines`
      page 5 ms  failed: orders[1]
        orders       ████████████████████  5 ms  failed: [1]: string
          aggregate  ████████████████████  5 ms  failed: [1]
            [0]      ████████████░░░░░░░░  3 ms  ok
            [1]      ████████████████████  5 ms  failed: string
    `);
  });

  it('tells a deadline that a nested run set from a failure', () => {
    const events = story((watched) => {
      const hasty = aggregate({ a: () => NEVER }, watched, withName('hasty'), withTimeout(5));
      return aggregate({ hasty }, watched, withName('page'));
    });
    expect(waterfall(events)).to.equal(lines`
      page 5 ms  failed: hasty
        hasty    ████████████████████  5 ms  deadline exceeded
          hasty  ████████████████████  5 ms  deadline exceeded
            a    ████████████████████  5 ms  canceled
    `);
  });

  it('takes what was canceled for that, whatever it was canceled with', () => {
    const error = new DeadlineExceededError({ pending: ['a'], elapsed: 0 });
    expect(waterfall([event({ type: 'canceled', error })])).to.equal('run 0 ms  canceled');
  });

  it('says that a teardown failed', () => {
    const events = story((watched) => {
      const torn = (): Observable<unknown> =>
        new Observable((subscriber) => {
          subscriber.next(1);
          subscriber.add(() => {
            throw new Error('token=secret');
          });
          subscriber.complete();
        });
      return aggregate({ torn }, watched);
    });
    expect(waterfall(events)).to.equal(lines`
      aggregate 0 ms  ok
        torn  █░░░░░░░░░░░░░░░░░░░  0 ms  ok, teardown failed
    `);
  });

  it('draws runs one after another, however their events are mixed', () => {
    const events = story((watched) => {
      const one = aggregate({ a: after(10) }, watched, withName('one'));
      const other = aggregate({ b: after(30) }, watched, withName('other'));
      return () => merge(one(background), timer(5).pipe(switchMap(() => other(background))));
    });
    expect(events.map(({ name }) => name)).to.deep.equal([
      'one',
      'one',
      'other',
      'other',
      'one',
      'one',
      'other',
      'other',
    ]);
    expect(waterfall(events)).to.equal(lines`
      one 10 ms  ok
        a  ████████████████████  10 ms  ok
      other 30 ms  ok
        b  ████████████████████  30 ms  ok
    `);
  });

  it('draws a nested run alone where the one around it told nothing', () => {
    const events = story((watched) => aggregate({ inner: aggregate({ a: after(10) }, watched, withName('inner')) }));
    expect(waterfall(events)).to.equal(lines`
      inner 10 ms  ok
        a  ████████████████████  10 ms  ok
    `);
  });

  it('needs no services: of an empty run and of one that is refused there is a line', () => {
    expect(waterfall(story((watched) => aggregate({}, watched)))).to.equal('aggregate 0 ms  ok');
    for (const [ctx, words] of [
      [{ signal: AbortSignal.abort() }, 'canceled'],
      [{ deadline: -1 }, 'deadline exceeded'],
      [{ deadline: NaN }, 'failed: RangeError'],
    ] as const) {
      const events = story((watched) => () => aggregate({ a: after(1) }, watched)(ctx));
      expect(waterfall(events)).to.equal(`aggregate 0 ms  ${words}`);
    }
    expect(waterfall([])).to.equal('');
  });

  it('gives a cell to what took next to no time, at the end too', () => {
    const events = story((watched) =>
      aggregate({ first: after(1), middle: after(9_998), last: after(1) }, watched, withConcurrency(1)),
    );
    expect(waterfall(events)).to.equal(lines`
      aggregate 10000 ms  ok
        first   █░░░░░░░░░░░░░░░░░░░     1 ms  ok
        middle  ████████████████████  9998 ms  ok
        last    ░░░░░░░░░░░░░░░░░░░█     1 ms  ok
    `);
  });

  describe('of what is not over', () => {
    const events = story((watched) => {
      const inner = aggregate({ slow: after(60) }, watched, withName('inner'));
      return aggregate({ quick: after(10), inner, late: after(20) }, watched, withConcurrency(2));
    });

    it('says what is running, up to the last that is known', () => {
      expect(waterfall(events.filter(({ at }) => at <= 30))).to.equal(lines`
        aggregate 30 ms  running
          quick     ███████░░░░░░░░░░░░░  10 ms  ok
          inner     ████████████████████  30 ms  running
            inner   ████████████████████  30 ms  running
              slow  ████████████████████  30 ms  running
          late      ░░░░░░░█████████████  20 ms  ok
      `);
    });

    it('takes a start that is missing for that of the run', () => {
      expect(waterfall(events.filter(({ type }) => type !== 'started'))).to.equal(lines`
        aggregate 60 ms  ok
          quick     ███░░░░░░░░░░░░░░░░░  10 ms  ok
          late      ██████████░░░░░░░░░░  30 ms  ok
          inner     ████████████████████  60 ms  ok
            inner   ████████████████████  60 ms  ok
              slow  ████████████████████  60 ms  ok
      `);
    });

    it('takes an end that is missing for that of the run, or for the last of all', () => {
      expect(waterfall(events.filter(({ type, name }) => type === 'started' || name === 'inner'))).to.equal(lines`
        aggregate 60 ms  running
          quick     ████████████████████  60 ms  running
          inner     ████████████████████  60 ms  running
            inner   ████████████████████  60 ms  ok
              slow  ████████████████████  60 ms  ok
          late      ░░░█████████████████  50 ms  running
      `);
      const inner = events.filter(({ type, name, service }) => name === 'inner' && (type === 'started' || !service));
      expect(waterfall([...inner, event({ run: Infinity, name: 'later', at: 1_000 })])).to.equal(lines`
        inner 60 ms  ok
          slow  ████████████████████  60 ms  running
        later 0 ms  running
      `);
    });

    it('needs no event of a run but those of its services, nor of those', () => {
      expect(waterfall(events.filter(({ name, service }) => name === 'inner' && service))).to.equal(lines`
        inner 60 ms  running
          slow  ████████████████████  60 ms  ok
      `);
      expect(waterfall(events.filter(({ service }) => !service))).to.equal(lines`
        aggregate 60 ms  ok
          inner  ████████████████████  60 ms  ok
      `);
    });
  });

  it('takes the latest for the last where the wall clock jumped back', () => {
    expect(waterfall([event({}), event({ at: 5, service: 'a' }), event({ at: 2, service: 'b' })])).to.equal(lines`
      run 5 ms  running
        a  ░░░░░░░░░░░░░░░░░░░█  0 ms  running
        b  ░░░░░░░░████████████  3 ms  running
    `);
  });

  it('counts with one decimal, and never backwards', () => {
    const events = [
      event({ at: 1_000 }),
      event({ at: 1_000.04, service: 'a' }),
      event({ at: 1_012.37, service: 'a', type: 'succeeded' }),
      event({ at: 1_012.37, service: 'b' }),
      event({ at: 999, service: 'b', type: 'succeeded' }),
      event({ at: 998, type: 'succeeded' }),
    ];
    expect(waterfall(events)).to.equal(lines`
      run 0 ms  ok
        a  ░███████████████████  12.3 ms  ok
        b  ░░░░░░░░░░░░░░░░░░░█     0 ms  ok
    `);
  });

  describe('of names', () => {
    const drawn = (...names: readonly string[]): string =>
      waterfall(
        [
          event({}),
          ...names.map((service) => event({ service })),
          ...names.map((service) => event({ service, at: 4, type: 'succeeded' })),
          event({ at: 4, type: 'succeeded' }),
        ],
        { width: 4 },
      );

    it('aligns the bars by the cells of a terminal', () => {
      expect(drawn('profile', '注文', 'e\u0301', '👨‍👩‍👧', '')).to.equal(
        [
          'run 4 ms  ok',
          '  profile  ████  4 ms  ok',
          '  注文     ████  4 ms  ok', // 4 cells
          '  e\u0301        ████  4 ms  ok', // 1
          '  👨‍👩‍👧       ████  4 ms  ok', // 2
          '           ████  4 ms  ok',
        ].join('\n'),
      );
    });

    it('escapes what would break a line, forge one, or move the cursor', () => {
      const hostile = 'a\n  forged  ████  4 ms  ok\r\u001B[2J\u009B1A\u2028\u202Eko\uD800\t';
      expect(drawn(hostile)).to.equal(lines`
        run 4 ms  ok
          a\u{a}  forged  ████  4 ms  ok\u{d}\u{1b}[2J\u{9b}1A\u{2028}\u{202e}ko\u{d800}\u{9}  ████  4 ms  ok
      `);
      expect(waterfall([event({ name: 'a\nb' })])).to.equal(String.raw`a\u{a}b 0 ms  running`);
    });

    it('cuts those that nobody reads', () => {
      expect(drawn('👍'.repeat(300))).to.contain(`  ${'👍'.repeat(100)}…  ████  `);
      expect(drawn('👍'.repeat(101))).to.contain(`  ${'👍'.repeat(100)}…  ████  `);
      expect(drawn('👍'.repeat(100))).to.contain(`  ${'👍'.repeat(100)}  ████  `);
    });

    it('escapes in an error too', () => {
      const error = new NetworkError({ reason: 'bad\u001B[31m\nanswer', method: 'GET', url: 'http://api.test/' });
      const events = [event({}), event({ service: 'a', type: 'failed', error })];
      expect(waterfall(events)).to.contain(String.raw`failed: bad\u{1b}[31m\u{a}answer`);
    });
  });

  it('aligns a thousand services', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `service ${String(index)}`);
    const events = story((watched) =>
      aggregate(Object.fromEntries(names.map((name, index) => [name, after(index)])), watched),
    );
    const [first, ...rows] = waterfall(events).split('\n');
    expect(first).to.equal('aggregate 999 ms  ok');
    expect(rows).to.have.length(1_000);
    expect(new Set(rows.map((row) => row.length)).size).to.equal(1);
    expect(rows[500]).to.equal('  service 500  ██████████░░░░░░░░░░  500 ms  ok');
  });

  it('draws bars of the width that is asked for', () => {
    const events = story((watched) => aggregate({ a: after(1), b: after(2) }, watched));
    expect(waterfall(events, { width: 1 })).to.equal(lines`
      aggregate 2 ms  ok
        a  █  1 ms  ok
        b  █  2 ms  ok
    `);
    expect(waterfall(events, { width: 6 })).to.equal(lines`
      aggregate 2 ms  ok
        a  ███░░░  1 ms  ok
        b  ██████  2 ms  ok
    `);
    for (const width of [0, -1, 1.5, NaN, Infinity]) {
      expect(() => waterfall(events, { width })).to.throw(RangeError, 'waterfall: width: expected a positive integer');
    }
  });

  it('has colors where they are asked for, and the same cells', () => {
    const events = story((watched) =>
      aggregate({ good: after(1), bad: failing(2, 'no'), other: () => NEVER }, watched),
    );
    const plain = waterfall(events);
    const colored = waterfall(events, { color: true });
    expect(colored).to.equal(
      [
        'aggregate 2 ms  <31>failed: bad<39>',
        '  good   <32>██████████<39>░░░░░░░░░░  1 ms  <32>ok<39>',
        '  bad    <31>████████████████████<39>  2 ms  <31>failed: string<39>',
        '  other  <33>████████████████████<39>  2 ms  <33>canceled<39>',
      ]
        .join('\n')
        .replace(/<(\d+)>/g, '\u001B[$1m'),
    );
    expect(plain).not.to.contain('\u001B');
    expect(stripped(colored)).to.equal(plain);
  });
});
