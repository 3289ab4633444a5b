import { expect } from 'chai';
import { map, NEVER, of, timer } from 'rxjs';
import { aggregate, aggregateEach, aggregateLatest, background, CanceledError } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { notificationsOf } from '../support/failure.ts';

describe('a cold aggregate', () => {
  it('calls nothing before it is subscribed to, and its services anew for each subscription', () => {
    let calls = 0;
    const service = () => of(++calls);
    for (const [run, wrap] of [
      [aggregate({ n: service })(background), (n: number) => ({ n })],
      [aggregateLatest({ n: service })(background), (n: number) => ({ n })],
      [aggregateEach(service)(background, [undefined]), (n: number) => [n]],
    ] as const) {
      expect(calls).to.equal(0);
      expect([...notificationsOf(run), ...notificationsOf(run)]).to.deep.equal([
        wrap(1),
        'complete',
        wrap(2),
        'complete',
      ]);
      calls = 0;
    }
  });

  it('sends no notification after unsubscribing, and aborts its signal with a CanceledError without a cause', () => {
    let signal: AbortSignal | undefined;
    const notifications: unknown[] = [];
    aggregate({
      a: (ctx) => {
        ({ signal } = ctx);
        return NEVER;
      },
    })(background)
      .subscribe({
        error: (error: unknown) => notifications.push(error),
        complete: () => notifications.push('complete'),
      })
      .unsubscribe();
    expect(notifications).to.deep.equal([]);
    expect(signal?.reason).to.be.instanceOf(CanceledError).and.not.have.property('cause');
  });

  it('sends no completion after unsubscribing in `next`, and tears down once', () => {
    const notifications: unknown[] = [];
    let teardowns = 0;
    marbles(({ flush }) => {
      const subscription = aggregate({ n: () => timer(1).pipe(map(() => 1)) })(background).subscribe({
        next: (value) => {
          notifications.push(value);
          subscription.unsubscribe();
        },
        complete: () => notifications.push('complete'),
      });
      subscription.add(() => teardowns++);
      flush();
    });
    expect(notifications).to.deep.equal([{ n: 1 }]);
    expect(teardowns).to.equal(1);
  });
});
