import { expect } from 'chai';
import { atLeast, hasMethod, kindOf, positiveInteger, whole } from '../lib/check.ts';

class Pool {
  readonly size = 1;
}

describe('check', () => {
  describe('kindOf', () => {
    const kinds: [unknown, string][] = [
      [undefined, 'undefined'],
      [null, 'null'],
      [NaN, 'NaN'],
      [-1.5, '-1.5'],
      [Infinity, 'Infinity'],
      ['secret', 'a string'],
      [true, 'a boolean'],
      [1n, 'a bigint'],
      [Symbol('secret'), 'a symbol'],
      [() => 'secret', 'a function'],
      [{ secret: 1 }, 'an instance of Object'],
      [['secret'], 'an instance of Array'],
      [new Date(), 'an instance of Date'],
      [new Pool(), 'an instance of Pool'],
      [{ constructor: Object.defineProperty(() => 0, 'name', { value: '' }) }, 'an object'],
      [Object.create(null), 'an object'],
      [{ constructor: 'secret' }, 'an object'],
    ];

    for (const [value, kind] of kinds) {
      it(`names ${kind} without what it holds`, () => {
        expect(kindOf(value)).to.equal(kind);
      });
    }
  });

  describe('hasMethod', () => {
    it('finds a method, own or inherited, of objects and of functions', () => {
      expect(hasMethod({ then: () => 1 }, 'then')).to.equal(true);
      expect(hasMethod(Promise.resolve(), 'then')).to.equal(true);
      expect(
        hasMethod(
          Object.assign(() => 1, { validate: () => 1 }),
          'validate',
        ),
      ).to.equal(true);
      expect(hasMethod({ [Symbol.iterator]: () => 1 }, Symbol.iterator)).to.equal(true);
    });

    it('finds none in what has none', () => {
      for (const value of [undefined, null, 1, 'then', {}, { then: 1 }]) {
        expect(hasMethod(value, 'then')).to.equal(false);
      }
    });
  });

  describe('atLeast', () => {
    it('takes what a timer can wait for', () => {
      for (const value of [0, 0.5, 1, 2 ** 31 - 1]) {
        expect(() => {
          atLeast('it', value, 0);
        }).not.to.throw();
      }
      expect(() => {
        atLeast('it', 1, 1);
      }).not.to.throw();
    });

    for (const [value, kind] of [
      [-0.001, '-0.001'],
      [NaN, 'NaN'],
      [2 ** 31, '2147483648'],
      [Infinity, 'Infinity'],
      ['1', 'a string'],
      [1n, 'a bigint'],
      [null, 'null'],
      [undefined, 'undefined'],
    ] as const) {
      it(`refuses ${typeof value} ${String(value)}, and says what to give`, () => {
        expect(() => {
          atLeast('hedge: after', value, 0);
        }).to.throw(RangeError, `hedge: after must be at least 0 and below 2^31, not ${kind}`);
      });
    }

    it('refuses what is below the least', () => {
      expect(() => {
        atLeast('it', 0.999, 1);
      }).to.throw(RangeError, 'it must be at least 1 and below 2^31, not 0.999');
    });
  });

  describe('positiveInteger and whole', () => {
    it('take integers from 1 on, and from 0 on', () => {
      for (const value of [1, 2, Number.MAX_SAFE_INTEGER]) {
        expect(() => {
          positiveInteger('it', value);
          whole('it', value);
        }).not.to.throw();
      }
      expect(() => {
        whole('it', 0);
      }).not.to.throw();
    });

    for (const value of [-1, 0.5, NaN, Infinity, '1', 1n, null, undefined]) {
      it(`refuse ${typeof value} ${String(value)}`, () => {
        expect(() => {
          positiveInteger('n', value);
        }).to.throw(RangeError, `n must be a positive integer, not ${kindOf(value)}`);
        expect(() => {
          whole('queue', value);
        }).to.throw(RangeError, `queue must be a whole number, not ${kindOf(value)}`);
      });
    }

    it('differ in 0', () => {
      expect(() => {
        positiveInteger('n', 0);
      }).to.throw(RangeError, 'n must be a positive integer, not 0');
    });
  });
});
