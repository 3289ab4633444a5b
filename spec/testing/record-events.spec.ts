import { expect } from 'chai';
import { NEVER, throwError } from 'rxjs';
import { aggregate, background, withEvents } from '../../lib/index.ts';
import { recordEvents } from '../../lib/testing/index.ts';

describe('recordEvents', () => {
  it('keeps the events of all its runs, and summarizes them', () => {
    const { events, next, brief } = recordEvents();
    const boom = new Error('boom');
    const dashboard = aggregate({ orders: () => NEVER, profile: () => throwError(() => boom) }, withEvents({ next }));
    dashboard(background).subscribe({ error: () => undefined });
    dashboard({ signal: AbortSignal.abort() }).subscribe({ error: () => undefined });
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
