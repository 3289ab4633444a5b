import { expect } from 'chai';
import {
  BodyTooLargeError,
  CanceledError,
  DeadlineExceededError,
  DecodeError,
  HttpError,
  isTransient,
  NetworkError,
  ServiceError,
  ValidationError,
} from '../../lib/index.ts';

const url = 'http://api.test/orders';
const network = (method: string): NetworkError => new NetworkError({ reason: 'no answer', method, url });
const http = (status: number, method = 'GET'): HttpError => new HttpError({ status, method, url });
const boom = new Error('boom');

describe('isTransient', () => {
  for (const [method, idempotent] of [
    ...['GET', 'HEAD', 'OPTIONS', 'QUERY', 'PUT', 'DELETE', 'TRACE'].map((name) => [name, true] as const),
    ...['POST', 'PATCH', 'CONNECT', 'QUERY2', 'query'].map((name) => [name, false] as const),
  ]) {
    it(`returns ${String(idempotent)} for a NetworkError of ${method}`, () => {
      expect(isTransient(network(method))).to.equal(idempotent);
    });

    it(`returns true for ${idempotent ? 'seven statuses' : 'no status'} of ${method}`, () => {
      const statuses = Array.from({ length: 300 }, (_, index) => 300 + index);
      expect(statuses.filter((status) => isTransient(http(status, method)))).to.deep.equal(
        idempotent ? [408, 425, 429, 500, 502, 503, 504] : [],
      );
    });
  }

  it('looks at the cause of a ServiceError', () => {
    for (const [cause, expected] of [
      [network('GET'), true],
      [http(503), true],
      [http(404), false],
      [http(503, 'POST'), false],
      [boom, false],
    ] as const) {
      const error = new ServiceError({ service: 'orders', elapsed: 1, cause });
      expect(isTransient(error)).to.equal(expected);
      expect(isTransient(new ServiceError({ service: 'page', elapsed: 1, cause: error }))).to.equal(expected);
    }
  });

  it('returns false for any other error', () => {
    const cause = network('GET');
    for (const error of [
      boom,
      new Error('wrapped', { cause }),
      new CanceledError({ cause }),
      new DeadlineExceededError({ pending: [], elapsed: 1, cause }),
      new DecodeError({ reason: 'no JSON', status: 503, contentType: null, method: 'GET', url }),
      new BodyTooLargeError({ maxBytes: 1, method: 'GET', url }),
      new ValidationError({ issues: [] }),
      { name: 'NetworkError', method: 'GET' },
      'ECONNRESET',
      undefined,
      null,
    ]) {
      expect(isTransient(error)).to.equal(false);
    }
  });
});
