import { expect } from 'chai';
import { NEVER, type Observable, retry, switchMap, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  type Context,
  HttpError,
  withConcurrency,
  withName,
  withTimeout,
} from '../../../lib/index.ts';
import { serverTiming } from '../../../lib/observe/report/index.ts';
import { metricsOf } from '../../support/server-timing.ts';
import { after, event, failing, story } from '../../support/story.ts';

describe('serverTiming', () => {
  it('contains the durations of the run and its services, with the outcomes that are not successes', () => {
    const events = story((recorded) =>
      aggregate({ profile: after(12), orders: () => NEVER }, recorded, withTimeout(40)),
    );
    expect(serverTiming(events)).to.equal(
      'total;dur=40;desc="deadline exceeded", profile;dur=12, orders;dur=40;desc="canceled"',
    );
  });

  it('counts the duration of a service from its own start', () => {
    const events = story((recorded) => aggregate({ a: after(12), b: after(30) }, recorded, withConcurrency(1)));
    expect(serverTiming(events)).to.equal('total;dur=42, a;dur=12, b;dur=30');
  });

  it('contains no text of an error, because the client reads the header', () => {
    const error = new HttpError({ status: 500, method: 'GET', url: 'http://internal.test/profiles/42' });
    const events = story((recorded) => aggregate({ profile: failing(10, error), orders: () => NEVER }, recorded));
    expect(serverTiming(events)).to.equal(
      'total;dur=10;desc="failed", profile;dur=10;desc="failed", orders;dur=10;desc="canceled"',
    );
  });

  it('describes a run and a service in flight as running', () => {
    const events = story((recorded) => aggregate({ a: after(12), b: after(30) }, recorded));
    expect(serverTiming(events.filter(({ at }) => at <= 12))).to.equal(
      'total;dur=12;desc="running", a;dur=12, b;dur=12;desc="running"',
    );
  });

  it('is empty without events, and has a total for each of several runs', () => {
    expect(serverTiming([])).to.equal('');
    expect(serverTiming([1, 2].map((run) => event({ run, type: 'succeeded' })))).to.equal('total;dur=0, total;dur=0');
  });

  it('rounds durations to one decimal, and never goes below 0', () => {
    for (const [ms, duration] of [
      [12.34, '12.3'],
      [12.35, '12.4'],
      [0.04, '0'],
      [-5, '0'],
      [0, '0'],
      [1e21, '1e+21'],
    ] as const) {
      expect(serverTiming([event({}), event({ type: 'succeeded', at: ms })])).to.equal(`total;dur=${duration}`);
    }
  });

  it('has at most 2,048 characters: metrics that do not fit are left out', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `service-${String(index)}`);
    const value = serverTiming([event({}), ...names.map((service) => event({ service }))]);
    const metrics = metricsOf(value);
    expect(value).to.have.lengthOf.within(2_000, 2_048);
    expect(metrics.map(({ name }) => name)).to.deep.equal(['total', ...names].slice(0, metrics.length));

    const fits = serverTiming(['a'.repeat(2_048), 'b', 'c'.repeat(1_951), 'd'].map((service) => event({ service })));
    expect(fits).to.have.lengthOf(2_048);
    expect(metricsOf(fits).map(({ name }) => name[0])).to.deep.equal(['t', 'b', 'c', 'd']);
  });

  describe('names', () => {
    it('the services of nested runs as errors do, without a metric for the nested run', () => {
      const events = story((recorded) => {
        const dashboard = aggregate({ profile: after(5), orders: aggregate([after(6)], recorded) }, recorded);
        return aggregate({ dashboard, ads: after(2) }, recorded, withName('page'));
      });
      expect(serverTiming(events)).to.equal(
        'total;dur=6, dashboard;dur=6, dashboard.profile;dur=5, dashboard.orders;dur=6, ' +
          'dashboard.orders%5B0%5D;dur=6, ads;dur=2',
      );
    });

    it('the inputs of aggregateEach by their index', () => {
      const events = story((recorded) => {
        const each = aggregateEach((_ctx, ms: number) => timer(ms), recorded);
        return aggregate({ orders: (ctx) => each(ctx, [3, 9]) }, recorded);
      });
      expect(serverTiming(events)).to.equal('total;dur=9, orders;dur=9, orders%5B0%5D;dur=3, orders%5B1%5D;dur=9');
    });

    it('each run of a service that was retried: the second run belongs to the outer run alone', () => {
      const events = story((recorded) => {
        let calls = 0;
        const flaky = aggregate({ a: () => (++calls === 1 ? failing(10, 'no')() : timer(30)) }, recorded);
        return aggregate({ again: (ctx) => flaky(ctx).pipe(retry(1)) }, recorded);
      });
      expect(serverTiming(events)).to.equal(
        'total;dur=40, again;dur=40, again.a;dur=10;desc="failed", aggregate;dur=30, aggregate.a;dur=30',
      );
    });

    it('a nested run itself if its service is unknown', () => {
      const events = story((recorded) => {
        const inner = aggregate([after(5)], recorded, withName('inner'));
        const late = (ctx: Context): Observable<unknown> => timer(3).pipe(switchMap(() => inner(ctx)));
        return aggregate({ outer: aggregate({ late }, recorded) }, recorded);
      });
      expect(serverTiming(events)).to.equal(
        'total;dur=8, outer;dur=8, outer.late;dur=8, outer.inner;dur=5, outer.inner%5B0%5D;dur=5',
      );
    });

    for (const [name, token] of [
      ['dashboard.profile', 'dashboard.profile'],
      ["!#$&'*+-.^_`|~09azAZ", "!#$&'*+-.^_`|~09azAZ"],
      ['100%', '100%25'],
      ['a b', 'a%20b'],
      ['a,b;dur=1', 'a%2Cb%3Bdur%3D1'],
      ['f(x)', 'f%28x%29'],
      ['"\\"', '%22%5C%22'],
      ['x\r\nset-cookie: a=b', 'x%0D%0Aset-cookie%3A%20a%3Db'],
      ['\0\t\x7F', '%00%09%7F'],
      ['注文', '%E6%B3%A8%E6%96%87'],
      ['é👍', '%C3%A9%F0%9F%91%8D'],
      ['\uD800', '%EF%BF%BD'],
      ['', '%'],
    ] as const) {
      it(`${JSON.stringify(name)} as the token ${token}`, () => {
        const value = serverTiming([
          event({}),
          event({ service: name }),
          event({ service: name, type: 'succeeded', at: 4 }),
        ]);
        expect(value).to.equal(`total;dur=4;desc="running", ${token};dur=4`);
        expect(metricsOf(value)).to.have.length(2);
      });
    }
  });
});
