import { expect } from 'chai';
import { NEVER, throwError } from 'rxjs';
import { aggregate, background, silent, withEvents, withLogger } from '../../lib/index.ts';
import { recordEvents } from '../../lib/testing/index.ts';

describe('recordEvents', () => {
  it('keeps the events of all runs that it is given to, and tells them in few words', () => {
    const { events, next, brief } = recordEvents();
    const boom = new Error('boom');
    const ask = aggregate(
      { orders: () => NEVER, profile: () => throwError(() => boom) },
      withEvents({ next }),
      withLogger(silent),
    );
    ask(background).subscribe({ error: () => undefined });
    ask({ signal: AbortSignal.abort() }).subscribe({ error: () => undefined });
    expect(brief()).to.deep.equal([
      'started',
      'started orders',
      'started profile',
      'failed profile',
      'canceled orders',
      'failed',
      'started',
      'canceled',
    ]);
    expect(events).to.have.length(8);
    expect(events[3]).to.have.property('error', boom);
  });
});
