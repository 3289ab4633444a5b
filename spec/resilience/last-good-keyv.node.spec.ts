import { expect } from 'chai';
import Keyv from 'keyv';
import { lastValueFrom, of, throwError } from 'rxjs';
import { background, lastGood, type Service } from '../../lib/index.ts';
import { nextTask } from '../support/tasks.ts';

describe('lastGood, with Keyv', () => {
  const boom = new Error('boom');
  const orders: Service<number, { readonly count: number }> = (_ctx, id) => of({ count: id });
  const down: Service<number, { readonly count: number }> = () => throwError(() => boom);
  const config = { maxAge: 60_000, name: 'orders' };

  it('answers with what another process has kept, and only for the same input and name', async () => {
    const store = new Keyv({ namespace: 'forkfast' });
    await lastValueFrom(lastGood(orders, { ...config, store })(background, 5));
    await nextTask();
    const other = lastGood(down, { ...config, store });
    expect(await lastValueFrom(other(background, 5))).to.deep.equal({ count: 5 });
    const errorOf = (service: typeof other, id: number) =>
      lastValueFrom(service(background, id)).catch((e: unknown) => e);
    expect(await errorOf(other, 6)).to.equal(boom);
    expect(await errorOf(lastGood(down, { ...config, name: 'profile', store }), 5)).to.equal(boom);
  });
});
