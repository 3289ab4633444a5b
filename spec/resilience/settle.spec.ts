import { expect } from 'chai';
import { EMPTY, EmptyError, of, throwError, toArray } from 'rxjs';
import { aggregate, background, CanceledError, settle, type Settled } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

describe('settle', () => {
  it('makes values of values and of the error', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold('--a--#', undefined, boom);
      expectObservable<Settled<string>>(source.pipe(settle())).toBe('--a--(r|)', {
        a: { status: 'fulfilled', value: 'a' },
        r: { status: 'rejected', reason: boom },
      });
    });
  });

  it('makes an EmptyError of nothing', () => {
    let seen: Settled<unknown>[] = [];
    EMPTY.pipe(settle(), toArray()).subscribe((all) => (seen = all));
    expect(seen).to.have.length(1);
    expect(seen[0]).to.have.property('reason').that.is.instanceOf(EmptyError);
  });

  it('lets a cancellation through', () => {
    const canceled = new CanceledError();
    let told: unknown;
    throwError(() => canceled)
      .pipe(settle())
      .subscribe({ error: (error: unknown) => (told = error) });
    expect(told).to.equal(canceled);
  });

  it('lets a part of an aggregate be missing', () => {
    let seen: unknown;
    aggregate({ a: () => of(1), b: () => throwError(() => boom).pipe(settle()) })(background).subscribe(
      (value) => (seen = value),
    );
    expect(seen).to.deep.equal({ a: 1, b: { status: 'rejected', reason: boom } });
  });
});
