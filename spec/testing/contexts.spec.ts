import { expect } from 'chai';
import { asyncScheduler, NEVER } from 'rxjs';
import { aggregate, CanceledError, DeadlineExceededError } from '../../lib/index.ts';
import { abortAt, deadlineAfter, marbles } from '../../lib/testing/index.ts';

const dashboard = aggregate({ orders: () => NEVER });
const late = (elapsed: number): DeadlineExceededError => new DeadlineExceededError({ pending: ['orders'], elapsed });

describe('deadlineAfter', () => {
  it('ends a run in virtual time, counted from the call', () => {
    marbles(({ expectObservable, flush }) => {
      expectObservable(dashboard(deadlineAfter(200))).toBe('200ms #', undefined, late(200));
      expectObservable(dashboard(deadlineAfter(0))).toBe('#', undefined, late(0));
      asyncScheduler.schedule(() => {
        expect(deadlineAfter(200)).to.deep.equal({ deadline: 300 });
      }, 100);
      flush();
    });
  });

  it('uses the real clock outside of virtual time', () => {
    const before = Date.now();
    const { deadline } = deadlineAfter(60_000);
    expect(deadline).to.be.within(before + 60_000, Date.now() + 60_000);
  });
});

describe('abortAt', () => {
  it('cancels a run in virtual time with the reason', () => {
    for (const [marble, frames] of [
      ['--!', '--#'],
      ['^-!', '--#'],
      ['1s !', '1s #'],
      ['!', '#'],
    ] as const) {
      marbles(({ expectObservable }) => {
        const canceled = new CanceledError({ cause: 'the user left' });
        expectObservable(dashboard(abortAt(marble, 'the user left'))).toBe(frames, undefined, canceled);
      });
    }
  });

  it("uses the platform's reason by default, beside a deadline", () => {
    marbles(({ expectObservable }) => {
      const context = { ...abortAt('--!'), ...deadlineAfter(3) };
      const cause = AbortSignal.abort().reason as unknown;
      expectObservable(dashboard(context)).toBe('--#', undefined, new CanceledError({ cause }));
      expectObservable(dashboard({ ...abortAt('--!'), ...deadlineAfter(1) })).toBe('-#', undefined, late(1));
    });
  });

  it('aborts before notifications that are scheduled later in its frame', () => {
    marbles(({ cold, expectObservable }) => {
      const answering = aggregate({ orders: () => cold('--(o|)') });
      expectObservable(answering(abortAt('--!', 'now'))).toBe('--#', undefined, new CanceledError({ cause: 'now' }));
    });
  });

  it('rejects real time, and a marble without an abort', () => {
    expect(() => abortAt('--!')).to.throw(
      Error,
      'abortAt: expected virtual time, got real time: call it inside marbles(…)',
    );
    marbles(() => {
      expect(() => abortAt('--')).to.throw(
        TypeError,
        'abortAt: marble: expected a !, got "--": add it at the frame of the abort',
      );
      expect(() => abortAt('--a')).to.throw(Error, "Found instead 'a'");
    });
  });
});
