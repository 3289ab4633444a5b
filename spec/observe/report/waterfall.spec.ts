import { expect } from 'chai';
import { merge, NEVER, Observable, retry, switchMap, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  type Context,
  DeadlineExceededError,
  HttpError,
  withConcurrency,
  withName,
  withTimeout,
} from '../../../lib/index.ts';
import { waterfall } from '../../../lib/observe/report/index.ts';
import { after, event, failing, lines, story } from '../../support/story.ts';

describe('waterfall', () => {
  it('draws a run, with a bar and an outcome for each service', () => {
    const events = story((recorded) =>
      aggregate({ profile: after(112), orders: () => NEVER }, recorded, withName('dashboard'), withTimeout(1_000)),
    );
    expect(waterfall(events)).to.equal(lines`
      dashboard 1000 ms  deadline exceeded
        profile  ██░░░░░░░░░░░░░░░░░░   112 ms  ok
        orders   ████████████████████  1000 ms  canceled
    `);
  });

  describe('describes', () => {
    it('the reason in the line of the service that failed, and that service in the line of the run', () => {
      const error = new HttpError({ status: 500, method: 'GET', url: 'http://profile.test/profiles/42' });
      const events = story((recorded) =>
        aggregate({ profile: failing(10, error), orders: after(10_000) }, recorded, withName('dashboard')),
      );
      expect(waterfall(events)).to.equal(lines`
        dashboard 10 ms  failed: profile
          profile  ████████████████████  10 ms  failed: HTTP 500 from GET http://profile.test/profiles/42
          orders   ████████████████████  10 ms  canceled
      `);
    });

    for (const [error, text] of [
      [Object.assign(new TypeError('token=secret'), { code: 'ECONNRESET' }), 'TypeError ECONNRESET'],
      ['token=secret', 'string'],
      [undefined, 'undefined'],
    ] as const) {
      it(`a foreign error as ${text}, without its message`, () => {
        const events = story((recorded) => aggregate({ a: failing(1, error) }, recorded));
        expect(waterfall(events).split('  ').at(-1)).to.equal(`failed: ${text}`);
      });
    }

    it('the deadline of a nested run apart from failures', () => {
      const events = story((recorded) => {
        const hasty = aggregate({ a: () => NEVER }, recorded, withName('hasty'), withTimeout(5));
        return aggregate({ hasty }, recorded, withName('page'));
      });
      expect(waterfall(events)).to.equal(lines`
        page 5 ms  failed: hasty
          hasty    ████████████████████  5 ms  deadline exceeded
            hasty  ████████████████████  5 ms  deadline exceeded
              a    ████████████████████  5 ms  canceled
      `);
    });

    it('a canceled run as canceled, whatever its error is', () => {
      const error = new DeadlineExceededError({ pending: ['a'], elapsed: 0 });
      expect(waterfall([event({ type: 'canceled', error })])).to.equal('run 0 ms  canceled');
    });

    it('a teardown that failed, without its error', () => {
      const events = story((recorded) => {
        const torn = (): Observable<unknown> =>
          new Observable((subscriber) => {
            subscriber.next(1);
            subscriber.add(() => {
              throw new Error('token=secret');
            });
            subscriber.complete();
          });
        return aggregate({ torn }, recorded);
      });
      expect(waterfall(events)).to.equal(lines`
        aggregate 0 ms  ok
          torn  █░░░░░░░░░░░░░░░░░░░  0 ms  ok, teardown failed
      `);
    });

    for (const [ctx, outcome] of [
      [{ signal: AbortSignal.abort() }, 'canceled'],
      [{ deadline: -1 }, 'deadline exceeded'],
      [{ deadline: NaN }, 'failed: RangeError'],
    ] as const) {
      it(`in one line a run that called no service: ${outcome}`, () => {
        const events = story((recorded) => () => aggregate({ a: after(1) }, recorded)(ctx));
        expect(waterfall(events)).to.equal(`aggregate 0 ms  ${outcome}`);
      });
    }

    it('in one line a run without services, and nothing without events', () => {
      expect(waterfall(story((recorded) => aggregate({}, recorded)))).to.equal('aggregate 0 ms  ok');
      expect(waterfall([])).to.equal('');
    });
  });

  describe('draws the bars', () => {
    it('from the start to the end of each service: the next bar begins where the last one ended', () => {
      const events = story((recorded) =>
        aggregate({ a: after(30), b: after(33), c: after(37) }, recorded, withConcurrency(1)),
      );
      expect(waterfall(events)).to.equal(lines`
        aggregate 100 ms  ok
          a  ██████░░░░░░░░░░░░░░  30 ms  ok
          b  ░░░░░░███████░░░░░░░  33 ms  ok
          c  ░░░░░░░░░░░░░███████  37 ms  ok
      `);
    });

    it('at least one cell wide, also at the end', () => {
      const events = story((recorded) =>
        aggregate({ first: after(1), middle: after(9_998), last: after(1) }, recorded, withConcurrency(1)),
      );
      expect(waterfall(events)).to.equal(lines`
        aggregate 10000 ms  ok
          first   █░░░░░░░░░░░░░░░░░░░     1 ms  ok
          middle  ████████████████████  9998 ms  ok
          last    ░░░░░░░░░░░░░░░░░░░█     1 ms  ok
      `);
    });

    it('of the given width', () => {
      const events = story((recorded) => aggregate({ a: after(1), b: after(2) }, recorded));
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
        expect(() => waterfall(events, { width })).to.throw(
          RangeError,
          'waterfall: width: expected a positive integer',
        );
      }
    });

    it('in color if that is requested, in the same cells', () => {
      const events = story((recorded) =>
        aggregate({ good: after(1), bad: failing(2, 'no'), other: () => NEVER }, recorded),
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
      expect(colored.replaceAll(/\p{Cc}\[\d+m/gu, '')).to.equal(plain);
    });

    it('of a thousand services in one column', () => {
      const services = Array.from({ length: 1_000 }, (_, index) => [`service ${String(index)}`, after(index)] as const);
      const events = story((recorded) => aggregate(Object.fromEntries(services), recorded));
      const [first, ...rows] = waterfall(events).split('\n');
      expect(first).to.equal('aggregate 999 ms  ok');
      expect(rows).to.have.length(1_000);
      expect(new Set(rows.map((row) => row.length)).size).to.equal(1);
      expect(rows[500]).to.equal('  service 500  ██████████░░░░░░░░░░  500 ms  ok');
    });
  });

  describe('draws nested runs', () => {
    it('beneath the service that started them, in the time of the outermost run', () => {
      const events = story((recorded) => {
        const services = { profile: after(20), orders: after(40) };
        const dashboard = aggregate(services, recorded, withName('dashboard'), withConcurrency(1));
        return aggregate({ user: dashboard, ads: after(80) }, recorded, withName('page'));
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

    it('beneath their run if they were started after the service had been subscribed to', () => {
      const events = story((recorded) => {
        const inner = aggregate({ orders: after(50) }, recorded, withName('inner'));
        const late = (ctx: Context): Observable<unknown> => timer(50).pipe(switchMap(() => inner(ctx)));
        return aggregate({ late }, recorded);
      });
      expect(waterfall(events)).to.equal(lines`
        aggregate 100 ms  ok
          late      ████████████████████  100 ms  ok
          inner     ░░░░░░░░░░██████████   50 ms  ok
            orders  ░░░░░░░░░░██████████   50 ms  ok
      `);
    });

    for (const [parent, indent] of [
      [{ run: 1, service: '' }, '    '],
      [{ run: 1 }, '  '],
      [{ run: 1, service: 'unknown' }, '  '],
    ] as const) {
      it(`whose parent is ${JSON.stringify(parent)} in the right place, beside a service with an empty name`, () => {
        const inner = event({ run: 2, name: 'inner', parent });
        const picture = waterfall([event({}), event({ service: '' }), inner], { width: 1 });
        expect(picture.split('\n')[2]).to.equal(`${indent}inner  █  0 ms  running`);
      });
    }

    it('for each attempt of a service that retries', () => {
      const events = story((recorded) => {
        let calls = 0;
        const flaky = aggregate({ a: () => (++calls === 1 ? failing(10, 'no')() : timer(30)) }, recorded);
        return aggregate({ again: (ctx) => flaky(ctx).pipe(retry(1)) }, recorded, withName('page'));
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

    it('of aggregateEach with the index of each input, also in the line of a run that failed', () => {
      const events = story((recorded) => {
        const orders = (_ctx: Context, ms: number): Observable<unknown> => (ms > 5 ? failing(5, 'no')() : timer(ms));
        const each = aggregateEach(orders, recorded);
        return aggregate({ orders: (ctx) => each(ctx, [3, 9]) }, recorded, withName('page'));
      });
      expect(waterfall(events)).to.equal(lines`
        page 5 ms  failed: orders[1]
          orders       ████████████████████  5 ms  failed: [1]: string
            aggregate  ████████████████████  5 ms  failed: [1]
              [0]      ████████████░░░░░░░░  3 ms  ok
              [1]      ████████████████████  5 ms  failed: string
      `);
    });
  });

  it('draws separate runs one after another, however their events are mixed', () => {
    const events = story((recorded) => {
      const one = aggregate({ a: after(10) }, recorded, withName('one'));
      const other = aggregate({ b: after(30) }, recorded, withName('other'));
      return () => merge(one(background), timer(5).pipe(switchMap(() => other(background))));
    });
    expect(events.map(({ name }) => name).join(' ')).to.equal('one one other other one one other other');
    expect(waterfall(events)).to.equal(lines`
      one 10 ms  ok
        a  ████████████████████  10 ms  ok
      other 30 ms  ok
        b  ████████████████████  30 ms  ok
    `);
  });
});
