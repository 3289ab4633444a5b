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
} from '../../lib/index.ts';
import { serverTiming } from '../../lib/observe/report/index.ts';
import { metricsOf } from '../support/server-timing.ts';
import { after, event, failing, story } from '../support/story.ts';

/** The header for one service of this name. */
const named = (service: string): string =>
  serverTiming([event({}), event({ service }), event({ service, type: 'succeeded', at: 4 })]);

describe('serverTiming', () => {
  it('times the run, and each of its services with what became of it', () => {
    const events = story((watched) => aggregate({ profile: after(12), orders: () => NEVER }, watched, withTimeout(40)));
    expect(serverTiming(events)).to.equal(
      'total;dur=40;desc="deadline exceeded", profile;dur=12, orders;dur=40;desc="canceled"',
    );
  });

  it('counts a service from its own start', () => {
    const events = story((watched) => aggregate({ a: after(12), b: after(30) }, watched, withConcurrency(1)));
    expect(serverTiming(events)).to.equal('total;dur=42, a;dur=12, b;dur=30');
  });

  it('says that something failed, and no word of why: the client reads it', () => {
    const error = new HttpError({ status: 500, method: 'GET', url: 'http://internal.test/profiles/42' });
    const events = story((watched) => aggregate({ profile: failing(10, error), orders: () => NEVER }, watched));
    expect(serverTiming(events)).to.equal(
      'total;dur=10;desc="failed", profile;dur=10;desc="failed", orders;dur=10;desc="canceled"',
    );
  });

  it('says what is running', () => {
    const events = story((watched) => aggregate({ a: after(12), b: after(30) }, watched));
    expect(serverTiming(events.filter(({ at }) => at <= 12))).to.equal(
      'total;dur=12;desc="running", a;dur=12, b;dur=12;desc="running"',
    );
  });

  it('names services of nested runs as errors do; their run is timed by the service that asked it', () => {
    const events = story((watched) => {
      const dashboard = aggregate({ profile: after(5), orders: aggregate([after(6)], watched) }, watched);
      return aggregate({ dashboard, ads: after(2) }, watched, withName('page'));
    });
    expect(serverTiming(events)).to.equal(
      'total;dur=6, dashboard;dur=6, dashboard.profile;dur=5, dashboard.orders;dur=6, ' +
        'dashboard.orders%5B0%5D;dur=6, ads;dur=2',
    );
  });

  it('names the inputs of aggregateEach', () => {
    const events = story((watched) => {
      const each = aggregateEach((_ctx, ms: number) => timer(ms), watched);
      return aggregate({ orders: (ctx) => each(ctx, [3, 9]) }, watched);
    });
    expect(serverTiming(events)).to.equal('total;dur=9, orders;dur=9, orders%5B0%5D;dur=3, orders%5B1%5D;dur=9');
  });

  it('repeats the names of a run that was asked again', () => {
    const events = story((watched) => {
      let asked = 0;
      const flaky = aggregate({ a: () => (++asked === 1 ? failing(10, 'no')() : timer(30)) }, watched);
      return aggregate({ again: (ctx) => flaky(ctx).pipe(retry(1)) }, watched);
    });
    // The second run was asked when the service had subscribed: it is of the run alone.
    expect(serverTiming(events)).to.equal(
      'total;dur=40, again;dur=40, again.a;dur=10;desc="failed", aggregate;dur=30, aggregate.a;dur=30',
    );
  });

  it('gives a run of which no service is known its own name', () => {
    const events = story((watched) => {
      const inner = aggregate([after(5)], watched, withName('inner'));
      const late = (ctx: Context): Observable<unknown> => timer(3).pipe(switchMap(() => inner(ctx)));
      return aggregate({ outer: aggregate({ late }, watched) }, watched);
    });
    expect(serverTiming(events)).to.equal(
      'total;dur=8, outer;dur=8, outer.late;dur=8, outer.inner;dur=5, outer.inner%5B0%5D;dur=5',
    );
  });

  it('times each of several runs', () => {
    expect(serverTiming([1, 2].map((run) => event({ run, type: 'succeeded' })))).to.equal('total;dur=0, total;dur=0');
    expect(serverTiming([])).to.equal('');
  });

  it('encodes what is no token, so that no two names become one', () => {
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
      expect(named(name)).to.equal(`total;dur=4;desc="running", ${token};dur=4`);
      expect(metricsOf(named(name))).to.have.length(2);
    }
  });

  it('counts with one decimal, and never backwards', () => {
    const took = (ms: number): string => serverTiming([event({}), event({ type: 'succeeded', at: ms })]);
    expect([12.34, 12.35, 0.04, -5, 0, 1e21].map(took)).to.deep.equal([
      'total;dur=12.3',
      'total;dur=12.4',
      'total;dur=0',
      'total;dur=0',
      'total;dur=0',
      'total;dur=1e+21',
    ]);
  });

  it('has no more than 2,048 characters: what does not fit is left out', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `service-${String(index)}`);
    const value = serverTiming([event({}), ...names.map((service) => event({ service }))]);
    const metrics = metricsOf(value);
    expect(value).to.have.lengthOf.within(2_000, 2_048);
    expect(metrics.map(({ name }) => name)).to.deep.equal(['total', ...names].slice(0, metrics.length));

    const fits = serverTiming(['a'.repeat(2_048), 'b', 'c'.repeat(1_951), 'd'].map((service) => event({ service })));
    expect(fits).to.have.lengthOf(2_048);
    expect(metricsOf(fits).map(({ name }) => name[0])).to.deep.equal(['t', 'b', 'c', 'd']);
  });
});
