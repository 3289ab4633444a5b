import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import {
  BodyTooLargeError,
  BulkheadFullError,
  CanceledError,
  DeadlineExceededError,
  DecodeError,
  ForkfastError,
  HttpError,
  NetworkError,
  ServiceError,
  ValidationError,
} from '../../lib/index.ts';

const cause = Object.assign(new TypeError('secret'), { code: 'E_CODE' });
const foreign = { name: 'TypeError', code: 'E_CODE' };
const request = { method: 'GET', url: 'http://api.test/a' };
const issue = { message: 'got "secret"', path: ['user', { key: 'name' }] };

/** Each error with its JSON, and with its message if the JSON has another message. */
const errors: readonly (readonly [ForkfastError, Readonly<Record<string, unknown>>, message?: string])[] = [
  [
    new ServiceError({ service: 'profile', elapsed: 3, cause }),
    {
      name: 'ServiceError',
      code: 'ERR_SERVICE_FAILED',
      message: 'profile: TypeError E_CODE',
      service: 'profile',
      elapsed: 3,
      cause: foreign,
    },
    'profile: secret',
  ],
  [
    new DeadlineExceededError({ pending: ['a', 'b'], elapsed: 3, cause }),
    {
      name: 'DeadlineExceededError',
      code: 'ERR_DEADLINE_EXCEEDED',
      message: 'context deadline exceeded after 3 ms, pending: a, b',
      pending: ['a', 'b'],
      elapsed: 3,
      cause: foreign,
    },
  ],
  [
    new CanceledError({ cause }),
    { name: 'CanceledError', code: 'ERR_CANCELED', message: 'context canceled', cause: foreign },
  ],
  [
    new NetworkError({ reason: 'no answer (ECONNREFUSED)', kind: 'connect', ...request, cause }),
    {
      name: 'NetworkError',
      code: 'ERR_NETWORK',
      message: 'no answer (ECONNREFUSED) from GET http://api.test/a',
      kind: 'connect',
      ...request,
      cause: foreign,
    },
  ],
  [
    new HttpError({ ...request, status: 503, body: 'secret', retryAfter: 1_000 }),
    {
      name: 'HttpError',
      code: 'ERR_HTTP_STATUS',
      message: 'HTTP 503 from GET http://api.test/a',
      ...request,
      status: 503,
      retryAfter: 1_000,
    },
  ],
  [
    new DecodeError({ reason: 'no JSON', ...request, status: 200, contentType: 'text/html', cause }),
    {
      name: 'DecodeError',
      code: 'ERR_DECODE',
      message: 'no JSON (HTTP 200) from GET http://api.test/a',
      ...request,
      status: 200,
      contentType: 'text/html',
      cause: foreign,
    },
  ],
  [
    new BodyTooLargeError({ ...request, maxBytes: 10 }),
    {
      name: 'BodyTooLargeError',
      code: 'ERR_BODY_TOO_LARGE',
      message: 'more than 10 bytes from GET http://api.test/a',
      ...request,
      maxBytes: 10,
    },
  ],
  [
    new ValidationError({ issues: [issue] }),
    {
      name: 'ValidationError',
      code: 'ERR_VALIDATION',
      message: 'invalid user.name',
      issues: [{ path: 'user.name' }],
    },
    'user.name: got "secret"',
  ],
  [
    new BulkheadFullError({ running: 2, waiting: 1 }),
    {
      name: 'BulkheadFullError',
      code: 'ERR_BULKHEAD_FULL',
      message: 'bulkhead full: 2 running, 1 waiting',
      running: 2,
      waiting: 1,
    },
  ],
];

function causeInJson(reason: unknown): unknown {
  return new CanceledError({ cause: reason }).toJSON()['cause'];
}

describe('errors', () => {
  for (const [error, json, message = json['message']] of errors) {
    describe(error.name, () => {
      it('is an Error with a literal name, a stable code and a message of one line', () => {
        expect(error).to.be.instanceOf(Error).and.instanceOf(ForkfastError);
        expect(error).to.include({ name: json['name'], code: json['code'], message });
        expect(error.stack).to.include(message);
      });

      it('has its fields as properties', () => {
        const { cause: unused, message: summary, issues, ...fields } = json;
        expect(error).to.deep.include(fields);
      });

      it('prints its fields and its causes as JSON, and nothing secret', () => {
        expect(JSON.parse(JSON.stringify(error))).to.deep.equal(json);
        expect(JSON.stringify(error)).not.to.include('secret');
      });
    });
  }

  it('take one options object each, and have literal types', () => {
    type Options<E extends new (...given: never) => unknown> = ConstructorParameters<E>;
    interface Request {
      method: string;
      url: string;
    }
    expectTypeOf<Options<typeof ServiceError>>().toEqualTypeOf<
      [options: { service: string; elapsed: number; cause: unknown }]
    >();
    expectTypeOf<Options<typeof DeadlineExceededError>>().toEqualTypeOf<
      [options: { pending: readonly string[]; elapsed: number; cause?: unknown }]
    >();
    expectTypeOf<Options<typeof CanceledError>[0]>().toEqualTypeOf<{ cause?: unknown } | undefined>();
    expectTypeOf<Request & { reason: string }>().toExtend<Options<typeof NetworkError>[0]>();
    expectTypeOf<Request & { status: number }>().toExtend<Options<typeof HttpError>[0]>();
    expectTypeOf<Request & { reason: string; status: number; contentType: null }>().toExtend<
      Options<typeof DecodeError>[0]
    >();
    expectTypeOf<Request & { maxBytes: number }>().toExtend<Options<typeof BodyTooLargeError>[0]>();
    expectTypeOf<{ issues: readonly [] }>().toExtend<Options<typeof ValidationError>[0]>();
    expectTypeOf<Options<typeof BulkheadFullError>>().toEqualTypeOf<[options: { running: number; waiting: number }]>();
    expectTypeOf<ServiceError['name']>().toEqualTypeOf<'ServiceError'>();
    expectTypeOf<CanceledError['code']>().toEqualTypeOf<'ERR_CANCELED'>();
  });

  it('have a cause only if one was given', () => {
    expect(new CanceledError()).not.to.have.property('cause');
    expect(new CanceledError({ cause: undefined })).to.have.property('cause', undefined);
    expect(new DeadlineExceededError({ pending: [], elapsed: 0 })).not.to.have.property('cause');
  });

  describe('messages', () => {
    for (const [title, reason, message] of [
      ['quote the message of an Error', new RangeError('boom'), 'a: boom'],
      ['name an Error without a message', new RangeError(), 'a: RangeError'],
      ['quote a thrown string', 'no luck', 'a: no luck'],
      ['describe any other thrown value by its type', { secret: 1 }, 'a: failed with an instance of Object'],
    ] as const) {
      it(title, () => {
        expect(new ServiceError({ service: 'a', elapsed: 0, cause: reason }).message).to.equal(message);
      });
    }

    it('list at most five pending services, and count the rest', () => {
      const late = (pending: string[]): string => new DeadlineExceededError({ pending, elapsed: 1 }).message;
      expect(late(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).to.match(/pending: a, b, c, d, e and 2 more$/);
      expect(late(['a', 'b', 'c', 'd', 'e'])).to.match(/pending: a, b, c, d, e$/);
    });

    it('list at most five issues, and cut their paths', () => {
      const issues = Array.from({ length: 7 }, (_, index) => ({ message: 'no', path: [index, 'x'.repeat(100)] }));
      const error = new ValidationError({ issues });
      expect(error.issues).to.equal(issues);
      expect(error.message).to.match(/^0\.x{78}: no; 1\..*; 4\.x{78}: no and 2 more$/);
      const json = error.toJSON();
      expect(json['message']).to.match(/^invalid 0\.x{78}, 1\.x{78}, .*, 4\.x{78} and 2 more$/);
      expect(json['issues']).to.have.length(5);
    });

    it('quote an issue without a path as it is', () => {
      const error = new ValidationError({ issues: [{ message: 'secret' }, { message: 'no', path: ['a'] }] });
      expect(error.message).to.equal('secret; a: no');
      expect(new ValidationError({ issues: [{ message: 'secret' }] }).toJSON()).to.include({ message: 'invalid' });
    });
  });

  describe('toJSON', () => {
    it('prints forkfast errors among the causes with their own JSON', () => {
      const late = new DeadlineExceededError({ pending: ['x'], elapsed: 1 });
      const error = new ServiceError({ service: 'a', elapsed: 2, cause: late });
      expect(error.toJSON()).to.deep.include({ message: `a: ${late.message}`, cause: late.toJSON() });
      const invalid = new ServiceError({ service: 'a', elapsed: 1, cause: new ValidationError({ issues: [issue] }) });
      expect(invalid.message).to.equal('a: user.name: got "secret"');
      expect(invalid.toJSON()).to.include({ message: 'a: invalid user.name' });
    });

    it('ends a circular chain of causes', () => {
      const canceled = new CanceledError({ cause: undefined });
      Object.assign(canceled, { cause: canceled });
      expect(canceled.toJSON()).to.deep.equal({
        name: 'CanceledError',
        code: 'ERR_CANCELED',
        message: 'context canceled',
      });
    });

    it('keeps only the type of a cause that is not an Error', () => {
      expect(causeInJson('secret')).to.deep.equal({ name: 'string' });
      expect(causeInJson(null)).to.deep.equal({ name: 'object' });
      expect(causeInJson({ name: 'secret', code: 'secret' })).to.deep.equal({ name: 'object' });
    });

    it('keeps the name and the code of a foreign cause if they are single words', () => {
      const json = (name: unknown, code: unknown): unknown =>
        causeInJson(Object.assign(new Error('secret'), { name, code }));
      for (const code of ['23505', 'auth/no-user', 'ERR_X', 'ns:a-b.c', 7]) {
        expect(json('TypeError', code)).to.deep.equal({ name: 'TypeError', code });
      }
      for (const prose of ['', 'a secret', 'a\nsecret', 'secret@a.test', 'x'.repeat(65), 7n, ['a'], undefined]) {
        expect(json(prose, prose)).to.deep.equal({ name: 'Error' });
      }
    });

    it('omits a code and a retryAfter that do not exist', () => {
      const error = new ServiceError({ service: 'a', elapsed: 0, cause: new RangeError('secret') });
      expect(error.toJSON()).to.include({ message: 'a: RangeError' });
      expect(new HttpError({ ...request, status: 500 }).toJSON()).not.to.have.property('retryAfter');
    });

    it('prints an object that inherits from an error', () => {
      const heir = Object.create(new BulkheadFullError({ running: 2, waiting: 1 })) as ForkfastError;
      expect(causeInJson(heir)).to.deep.equal({
        name: 'BulkheadFullError',
        code: 'ERR_BULKHEAD_FULL',
        message: 'bulkhead full: 2 running, 1 waiting',
        running: 2,
        waiting: 1,
      });
    });
  });

  it('keep the excerpt of a body in a property that nothing prints', () => {
    const error = new HttpError({ ...request, status: 500, body: 'secret' });
    expect(error.body).to.equal('secret');
    expect(Object.keys(error)).not.to.include('body');
    expect(new HttpError({ ...request, status: 500 }).body).to.equal('');
  });
});
