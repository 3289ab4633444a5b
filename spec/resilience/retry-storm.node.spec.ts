import { expect } from 'chai';
import { asyncScheduler, lastValueFrom, map, timer } from 'rxjs';
import type { HttpError } from '../../lib/index.ts';
import { type Scenario, type Second, simulate } from '../support/storm/simulate.ts';
import { strategies } from '../support/storm/strategies.ts';
import { ModelUpstream } from '../support/model-upstream.ts';
import { inVirtualTime } from '../support/storm/virtual-time.ts';

// `npm run simulate` at a fiftieth of its size.

const scenario: Scenario = {
  processes: 2,
  rate: 100,
  workers: 5,
  queue: 1_000,
  stopsForCallers: false,
  before: 12,
  bad: 15,
  after: 20,
  health: { slowness: 3, failing: 0.2 },
  seed: 1,
};
/** A process with the rate of the simulation, because a limit needs many calls in flight. */
const whole = { processes: 1, rate: 1_000, workers: 44, queue: 10_000 };

const total = (seconds: readonly Second[], field: keyof Second): number =>
  seconds.reduce((sum, second) => sum + second[field], 0);
const share = (seconds: readonly Second[], field: keyof Second): number =>
  total(seconds, field) / total(seconds, 'pages');

/** The bad seconds, and the last five seconds of the simulation. */
function run(
  name: keyof typeof strategies,
  changes: Partial<Scenario> = {},
): Record<'bad' | 'last', readonly Second[]> {
  const all = { ...scenario, ...changes };
  const { before, bad, after } = all;
  const seconds = simulate(strategies[name], all);
  const end = before + bad;
  expect(seconds).to.have.length(end + after);
  expect(share(seconds.slice(0, before), 'failed'), 'failed before').to.be.below(0.03);
  return { bad: seconds.slice(before, end), last: seconds.slice(-5) };
}

describe('A retry storm', function () {
  this.timeout(60_000);

  it('outlives its cause when retries have no budget', () => {
    for (const name of ['retry(3)', 'retry, backoff'] as const) {
      const { bad, last } = run(name);
      expect(share(bad, 'requests'), name).to.be.above(3);
      expect(share(last, 'requests'), name).to.be.above(3);
      expect(share(last, 'failed'), name).to.be.above(0.9);
    }
  });

  it('does not begin when retries have a budget, or when there are none', () => {
    for (const name of ['no retries', 'retry, backoff, budget', 'hedge, budget'] as const) {
      const { bad, last } = run(name);
      expect(share(bad, 'requests'), name).to.be.below(1.4);
      expect(share(last, 'failed'), name).to.be.below(0.03);
    }
  });

  it('outlives its cause when hedges have no budget', () => {
    expect(share(run('hedge').last, 'failed')).to.be.above(0.9);
  });

  it('ends with its cause when the upstream stops for callers that have left', () => {
    const { bad, last } = run('retry(3)', { stopsForCallers: true });
    expect(share(bad, 'requests')).to.be.above(3);
    expect(share(last, 'failed')).to.be.below(0.03);
  });

  it('begins in a mild minute because of the retries alone', () => {
    const mild = { health: { slowness: 1.5, failing: 0.3 } };
    const [none, retries, budget] = [
      run('no retries', mild),
      run('retry(3)', mild),
      run('retry, backoff, budget', mild),
    ];
    expect(share(none.bad, 'failed')).to.be.within(0.25, 0.4);
    expect(share(none.last, 'failed')).to.be.below(0.03);
    expect(share(retries.bad, 'failed')).to.be.above(share(none.bad, 'failed'));
    expect(share(retries.last, 'failed')).to.be.above(0.9);
    expect(share(budget.bad, 'failed')).to.be.below(share(none.bad, 'failed'));
    expect(share(budget.last, 'failed')).to.be.below(0.03);
  });

  it('does not begin behind an adaptive bulkhead, which answers what the upstream can answer', () => {
    const { bad, last } = run('adaptive bulkhead', whole);
    expect(share(bad, 'requests')).to.be.below(0.9);
    // The upstream can answer two thirds of the requests, and fails a fifth of these.
    expect(share(bad, 'failed')).to.be.within(1 - (2 / 3) * 0.8, 0.6);
    expect(share(last, 'failed')).to.be.below(0.03);
  });

  it('fails no page for which lastGood has an answer', () => {
    const { bad } = run('all together');
    const without = run('all but lastGood').bad;
    expect(share(bad, 'old')).to.be.above(0);
    expect(share(bad, 'failed')).to.be.below(share(without, 'failed'));
    expect(total(bad, 'failed') + total(bad, 'old')).to.be.closeTo(total(without, 'failed'), 0.2 * total(bad, 'pages'));
  });

  it('is the same each time for the same seed', () => {
    const short = { ...scenario, before: 1, bad: 2, after: 1 };
    const seconds = simulate(strategies['all together'], short);
    expect(simulate(strategies['all together'], short)).to.deep.equal(seconds);
    expect(simulate(strategies['all together'], { ...short, seed: 2 })).not.to.deep.equal(seconds);
  });
});

describe('A bulkhead whose queue is longer than the deadline', function () {
  this.timeout(60_000);

  for (const [how, health] of Object.entries({
    'was slow and failed': scenario.health,
    'failed all requests': { slowness: 1, failing: 1 },
  })) {
    it(`lets an adaptive limit grow from 1 again in seven seconds after its upstream ${how}`, () => {
      const changes = { ...whole, health, bad: 30, after: 12 };
      const { bad, last } = run('adaptive bulkhead, defaults', changes);
      expect(share(bad, 'failed')).to.be.above(0.9);
      expect(share(last, 'failed')).to.be.below(0.03);
    });
  }

  it('answers about what the upstream can answer with a fixed limit', () => {
    const { bad, last } = run('fixed bulkhead', whole);
    // 30 calls at the same time answer 45 % of the pages of the bad time, and a fifth of these fails.
    expect(share(bad, 'failed')).to.be.below(0.7);
    expect(share(last, 'failed')).to.be.below(0.03);
  });
});

describe('The upstream of the simulation', () => {
  const config = { workers: 1, queue: 1, serviceTime: () => 10, random: () => 0.5, stopsForCallers: false };

  /** Sends a request in each of the first milliseconds, and cancels the first one after `patience` ms. */
  function ends(upstream: ModelUpstream, requests: number, patience = Infinity): readonly string[] {
    const log: string[] = [];
    inVirtualTime(100, (now) => {
      if (now >= requests) return;
      const subscription = upstream.request.subscribe({
        next: () => log.push(`${String(now)} answered at ${String(asyncScheduler.now())}`),
        error: (error: unknown) => {
          log.push(`${String(now)} ${String((error as HttpError).status)} at ${String(asyncScheduler.now())}`);
        },
      });
      if (now === 0 && patience < Infinity) {
        asyncScheduler.schedule(() => {
          subscription.unsubscribe();
        }, patience);
      }
    });
    return log;
  }

  it('answers in the order of arrival, and rejects when its queue is full', () => {
    expect(ends(new ModelUpstream(config), 3)).to.deep.equal(['2 503 at 2', '0 answered at 10', '1 answered at 20']);
  });

  it('works for a caller that has left, unless it stops for callers', () => {
    expect(ends(new ModelUpstream(config), 2, 3)).to.deep.equal(['1 answered at 20']);
    expect(ends(new ModelUpstream({ ...config, stopsForCallers: true }), 2, 3)).to.deep.equal(['1 answered at 13']);
  });

  it('is slower and fails a share of the requests when it is not well', () => {
    const upstream = new ModelUpstream(config);
    upstream.health = { slowness: 2, failing: 0.6 };
    expect(ends(upstream, 1)).to.deep.equal(['0 503 at 20']);
  });
});

describe('The virtual time of the simulation', () => {
  it('fires the timers of RxJS in order, and gives the clock back', async () => {
    const log: number[] = [];
    const before = Date.now();
    inVirtualTime(50, (now) => {
      if (now === 5) {
        timer(20, 10).subscribe(() => log.push(asyncScheduler.now()));
        timer(0).subscribe(() => log.push(asyncScheduler.now()));
        timer(7)
          .subscribe(() => log.push(-1))
          .unsubscribe();
      }
    });
    expect(log).to.deep.equal([6, 25, 35, 45]);
    expect(Date.now()).to.be.at.least(before);
    expect(await lastValueFrom(timer(1).pipe(map(() => 'real')))).to.equal('real');
  });

  it('gives the clock back when a tick throws', () => {
    const { setInterval, clearInterval } = globalThis;
    const boom = new Error('boom');
    expect(() => {
      inVirtualTime(2, () => {
        throw boom;
      });
    }).to.throw(boom);
    expect([globalThis.setInterval, globalThis.clearInterval]).to.deep.equal([setInterval, clearInterval]);
    expect(Date.now()).to.be.above(1_000_000);
  });
});
