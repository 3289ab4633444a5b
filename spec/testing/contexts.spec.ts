import { expect } from 'chai';
import { asyncScheduler, NEVER } from 'rxjs';
import { aggregate, CanceledError, DeadlineExceededError, silent, withLogger } from '../../lib/index.ts';
import { abortAt, deadlineAfter, marbles } from '../../lib/testing/index.ts';

const ask = aggregate({ orders: () => NEVER }, withLogger(silent));
const late = (elapsed: number): DeadlineExceededError => new DeadlineExceededError({ pending: ['orders'], elapsed });

describe('deadlineAfter', () => {
  it('ends a run in virtual time, from whenever it is called', () => {
    marbles(({ expectObservable, flush }) => {
      expectObservable(ask(deadlineAfter(200))).toBe('200ms #', undefined, late(200));
      expectObservable(ask(deadlineAfter(0))).toBe('#', undefined, late(0));
      asyncScheduler.schedule(() => {
        expect(deadlineAfter(200)).to.deep.equal({ deadline: 300 });
      }, 100);
      flush();
    });
  });

  it('is of the real clock where time is real', () => {
    const before = Date.now();
    const { deadline } = deadlineAfter(60_000);
    expect(deadline).to.be.within(before + 60_000, Date.now() + 60_000);
  });

  it('refuses what no timer can wait for', () => {
    for (const ms of [-1, NaN, Infinity, 2 ** 31])
      expect(() => deadlineAfter(ms)).to.throw(RangeError, 'deadlineAfter');
  });
});

describe('abortAt', () => {
  it('cancels a run in virtual time, with the reason', () => {
    for (const [marble, frames] of [
      ['--!', '--#'],
      ['^-!', '--#'],
      ['1s !', '1s #'],
      ['!', '#'],
    ] as const) {
      marbles(({ expectObservable }) => {
        const canceled = new CanceledError({ cause: 'the user left' });
        expectObservable(ask(abortAt(marble, 'the user left'))).toBe(frames, undefined, canceled);
      });
    }
  });

  it("has the platform's reason where none is given, and goes with a deadline", () => {
    marbles(({ expectObservable }) => {
      const context = { ...abortAt('--!'), ...deadlineAfter(3) };
      const cause = AbortSignal.abort().reason as unknown;
      expectObservable(ask(context)).toBe('--#', undefined, new CanceledError({ cause }));
      expectObservable(ask({ ...abortAt('--!'), ...deadlineAfter(1) })).toBe('-#', undefined, late(1));
    });
  });

  it('comes before what is set later in its frame', () => {
    marbles(({ cold, expectObservable }) => {
      const answering = aggregate({ orders: () => cold('--(o|)') }, withLogger(silent));
      expectObservable(answering(abortAt('--!', 'now'))).toBe('--#', undefined, new CanceledError({ cause: 'now' }));
    });
  });

  it('refuses real time, and a marble that does not say when', () => {
    expect(() => abortAt('--!')).to.throw(Error, 'abortAt: the time is real here: call it inside marbles(...)');
    marbles(() => {
      expect(() => abortAt('--')).to.throw(TypeError, 'abortAt: no ! in "--": when?');
      expect(() => abortAt('--a')).to.throw(Error, "Found instead 'a'");
    });
  });
});
