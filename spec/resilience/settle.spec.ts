import { expect } from 'chai';
import { EMPTY, EmptyError, type Observable, of, throwError } from 'rxjs';
import { aggregate, background, CanceledError, settle, type Settled } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

/** The values of a synchronous source, and the error that it ends with. */
function notifications(source: Observable<unknown>): unknown[] {
  const seen: unknown[] = [];
  source.subscribe({ next: (value) => seen.push(value), error: (error: unknown) => seen.push(error) });
  return seen;
}

describe('settle', () => {
  it('emits the values and the error as settled values', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold('--a--#', undefined, boom);
      expectObservable<Settled<string>>(source.pipe(settle())).toBe('--a--(r|)', {
        a: { status: 'fulfilled', value: 'a' },
        r: { status: 'rejected', reason: boom },
      });
    });
  });

  it('emits an EmptyError if the source completes without a value', () => {
    const [settled, ...rest] = notifications(EMPTY.pipe(settle()));
    expect(settled).to.have.property('reason').that.is.instanceOf(EmptyError);
    expect(rest).to.deep.equal([]);
  });

  it('errors with a CanceledError of the source', () => {
    const canceled = new CanceledError();
    expect(notifications(throwError(() => canceled).pipe(settle()))).to.deep.equal([canceled]);
  });

  it('keeps an aggregate from failing with an optional service', () => {
    const page = aggregate({ a: () => of(1), b: () => throwError(() => boom).pipe(settle()) });
    expect(notifications(page(background))).to.deep.equal([{ a: 1, b: { status: 'rejected', reason: boom } }]);
  });
});
