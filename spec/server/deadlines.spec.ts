import { expect } from 'chai';
import fc from 'fast-check';
import { asyncScheduler, NEVER } from 'rxjs';
import { aggregate, DeadlineExceededError } from '../../lib/index.ts';
import { type ContextOptions, contextOf } from '../../lib/server/index.ts';
import { marbles } from '../../lib/testing/index.ts';

/** The milliseconds until the deadline of a request with these headers, in virtual time. */
function timeLeft(headers: Record<string, string>, options?: ContextOptions): number | undefined {
  let left: number | undefined;
  marbles(() => {
    const { deadline } = contextOf(new Request('http://api.test/', { headers }), options);
    left = deadline === undefined ? undefined : deadline - asyncScheduler.now();
  });
  return left;
}

const msHeaders = ['connect-timeout-ms', 'x-envoy-expected-rq-timeout-ms', 'x-request-timeout-ms'];
const units = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1 / 1_000, n: 1 / 1_000_000 };

describe('contextOf: the deadline', () => {
  it('is absent without a bound and a header', () => {
    expect(timeLeft({})).to.equal(undefined);
    expect(timeLeft({}, { atMost: Infinity })).to.equal(undefined);
    expect(contextOf(new Request('http://api.test/'))).not.to.have.property('deadline');
  });

  it('reads every grpc-timeout of 1 to 8 digits and a unit', () => {
    const digits = fc.stringMatching(/^\d{1,8}$/);
    const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
    fc.assert(
      fc.property(digits, unit, (count, unit) => {
        expect(timeLeft({ 'grpc-timeout': count + unit })).to.be.closeTo(Number(count) * units[unit], 1e-6);
      }),
    );
  });

  const valid: readonly (readonly [name: string, text: string, ms: number])[] = [
    ['grpc-timeout', '1S', 1_000],
    ['grpc-timeout', '00000001m', 1],
    ['grpc-timeout', '1500u', 1.5],
    ['grpc-timeout', '100n', 0.0001],
    ['grpc-timeout', '99999999H', 99_999_999 * 3_600_000],
    ['GRPC-Timeout', '2M', 120_000],
    ['connect-timeout-ms', '1', 1],
    ['connect-timeout-ms', '9999999999', 9_999_999_999],
    ['connect-timeout-ms', '0000000100', 100],
    ['x-envoy-expected-rq-timeout-ms', '250', 250],
    ['x-request-timeout-ms', '00000000000000100', 100],
    ['x-request-timeout-ms', '12345678901', 12_345_678_901],
  ];
  for (const [name, text, ms] of valid) {
    it(`reads ${name}: ${text}`, () => {
      expect(timeLeft({ [name]: text })).to.equal(ms);
    });
  }

  const malformed: readonly (readonly [name: string, text: string])[] = [
    ...['', '1', 'S', '100', '123456789m', '1s', '1h', '1 S', '+1S', '-1S', '1.5S', '1e3m', '0x1S', '1SS', '１S'].map(
      (text) => ['grpc-timeout', text] as const,
    ),
    ...['1S, 2S', '1S,2S', '1S;', 'S1', '1µ', 'Infinity', 'NaN', '1ms'].map((text) => ['grpc-timeout', text] as const),
    ...['', '12345678901', '1 0', '+1', '-1', '1.0', '1e3', '0x10', '100, 200', '1_000', '１', '1S', '1ms'].map(
      (text) => ['connect-timeout-ms', text] as const,
    ),
    ...msHeaders
      .slice(1)
      .flatMap((name) =>
        ['', '+1', '-1', '-0', '1.5', '1e3', '100, 200', '1S', 'NaN'].map((text) => [name, text] as const),
      ),
  ];
  for (const [name, text] of malformed.filter(([, text]) => !/[^\0-\xff]/.test(text))) {
    it(`ignores ${name}: ${JSON.stringify(text)}`, () => {
      expect(timeLeft({ [name]: text })).to.equal(undefined);
      expect(timeLeft({ [name]: text }, { atMost: 700 })).to.equal(700);
    });
  }

  it('ignores digits and units outside ASCII, which a platform may let through', () => {
    for (const text of ['１S', '1Ｓ', '١S', '1\u00b5', '1S\n', '\u00a01S']) {
      const { deadline } = contextOf({ headers: { get: (name) => (name === 'grpc-timeout' ? text : null) } });
      expect(deadline, text).to.equal(undefined);
    }
  });

  it('ignores a header that is repeated', () => {
    for (const name of ['grpc-timeout', ...msHeaders]) {
      const headers = new Headers([
        [name, name === 'grpc-timeout' ? '1S' : '1000'],
        [name, name === 'grpc-timeout' ? '2S' : '2000'],
      ]);
      expect(timeLeft(Object.fromEntries(headers)), name).to.equal(undefined);
    }
  });

  it('has passed for a well-formed zero', () => {
    for (const [name, text] of [
      ...Object.keys(units).map((unit) => ['grpc-timeout', `0${unit}`] as const),
      ['grpc-timeout', '00000000n'] as const,
      ...msHeaders.map((name) => [name, '0'] as const),
    ]) {
      expect(timeLeft({ [name]: text }), `${name}: ${text}`).to.equal(0);
    }
    marbles(({ expectObservable }) => {
      const request = new Request('http://api.test/', { headers: { 'grpc-timeout': '0m' } });
      const page = aggregate({ orders: () => expect.fail('called') });
      expectObservable(page(contextOf(request))).toBe(
        '#',
        undefined,
        new DeadlineExceededError({ pending: ['orders'], elapsed: 0 }),
      );
    });
  });

  it('is the sooner of the bound and of all headers, which can shorten it and never lengthen it', () => {
    const headers = fc.record(
      Object.fromEntries([...msHeaders, 'x-budget'].map((name) => [name, fc.nat(9_999_999).map(String)])),
      { requiredKeys: [] },
    );
    const atMost = fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 2 ** 31 - 1 }));
    fc.assert(
      fc.property(headers, atMost, (headers, atMost) => {
        const all = [atMost, ...Object.values(headers).map(Number)];
        const sooner = Math.min(...all);
        expect(timeLeft(headers as Record<string, string>, { atMost, deadlineHeaders: ['X-Budget'] })).to.equal(
          sooner === Infinity ? undefined : sooner,
        );
      }),
    );
  });

  it('is not lengthened by a number that no clock can hold', () => {
    for (const digits of [16, 40, 400]) {
      const headers = { 'x-request-timeout-ms': '9'.repeat(digits) };
      expect(timeLeft(headers, { atMost: 700 })).to.equal(700);
    }
    expect(timeLeft({ 'x-request-timeout-ms': '9'.repeat(400) })).to.equal(undefined);
  });

  it('reads other headers as milliseconds, beside the known ones', () => {
    const deadlineHeaders = ['X-Budget', 'grpc-timeout'];
    expect(timeLeft({ 'x-budget': '50' }, { deadlineHeaders })).to.equal(50);
    expect(timeLeft({ 'x-budget': '5000', 'grpc-timeout': '1S' }, { deadlineHeaders })).to.equal(1_000);
    expect(timeLeft({ 'x-budget': '50' })).to.equal(undefined);
  });

  it('is on the clock of RxJS', () => {
    marbles(({ expectObservable }) => {
      const request = new Request('http://api.test/', { headers: { 'grpc-timeout': '200m' } });
      expectObservable(aggregate({ orders: () => NEVER })(contextOf(request, { atMost: 1_000 }))).toBe(
        '200ms #',
        undefined,
        new DeadlineExceededError({ pending: ['orders'], elapsed: 200 }),
      );
    });
  });
});
