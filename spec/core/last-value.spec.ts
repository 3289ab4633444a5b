import { aggregate, aggregateEach, background, fromAbortable } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { failed } from '../support/services.ts';

describe('the last value', () => {
  it('counts if a service emits several', () => {
    marbles(({ cold, expectObservable }) => {
      const price = cold('-1-2-3--|');
      const service = () => price;
      const expected = '  --------(r|)';
      expectObservable(aggregate({ price: service })(background)).toBe(expected, { r: { price: '3' } });
      expectObservable(aggregate([service])(background)).toBe(expected, { r: ['3'] });
      expectObservable(aggregateEach(service)(background, [undefined])).toBe(expected, { r: ['3'] });
      expectObservable(fromAbortable(background, service)).toBe(expected, { r: '3' });
    });
  });

  it('counts if it is undefined', () => {
    marbles(({ cold, expectObservable }) => {
      const nothing = cold('-(12|)', { 1: 'one', 2: undefined });
      expectObservable(aggregate({ nothing: () => nothing })(background)).toBe('-(r|)', { r: { nothing: undefined } });
    });
  });

  it('does not count if the service fails after it', () => {
    marbles(({ cold, expectObservable }) => {
      const error = new Error('late');
      const price = cold('-1-#', undefined, error);
      expectObservable(aggregate({ price: () => price })(background)).toBe(
        '---#',
        undefined,
        failed('price', 3, error),
      );
    });
  });
});
