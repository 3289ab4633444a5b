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
const at = { method: 'GET', url: 'http://api.test/a' };

describe('errors', () => {
  const all = [
    new ServiceError({ service: 'profile', elapsed: 3, cause }),
    new DeadlineExceededError({ pending: ['a', 'b'], elapsed: 3, cause }),
    new CanceledError({ cause }),
    new NetworkError({ reason: 'no answer (ECONNREFUSED)', ...at, cause }),
    new HttpError({ ...at, status: 503, body: 'secret', retryAfter: 1_000 }),
    new DecodeError({ reason: 'no JSON', ...at, status: 200, contentType: 'text/html', cause }),
    new BodyTooLargeError({ ...at, maxBytes: 10 }),
    new ValidationError({ issues: [{ message: 'got "secret"', path: ['user', { key: 'name' }] }] }),
    new BulkheadFullError({ running: 2, waiting: 1 }),
  ] as const;

  it('have a literal name and a stable code', () => {
    expect(all.map(({ name, code }) => [name, code])).to.deep.equal([
      ['ServiceError', 'ERR_SERVICE_FAILED'],
      ['DeadlineExceededError', 'ERR_DEADLINE_EXCEEDED'],
      ['CanceledError', 'ERR_CANCELED'],
      ['NetworkError', 'ERR_NETWORK'],
      ['HttpError', 'ERR_HTTP_STATUS'],
      ['DecodeError', 'ERR_DECODE'],
      ['BodyTooLargeError', 'ERR_BODY_TOO_LARGE'],
      ['ValidationError', 'ERR_VALIDATION'],
      ['BulkheadFullError', 'ERR_BULKHEAD_FULL'],
    ]);
    expectTypeOf(all[0].name).toEqualTypeOf<'ServiceError'>();
    expectTypeOf(all[2].code).toEqualTypeOf<'ERR_CANCELED'>();
  });

  it('are errors, with a stack that names them', () => {
    for (const error of all) {
      expect(error).to.be.instanceOf(Error).and.instanceOf(ForkfastError);
      expect(error.stack).to.include(error.message);
    }
  });

  it('say what happened in one line', () => {
    expect(all.map(({ message }) => message)).to.deep.equal([
      'profile: secret',
      'context deadline exceeded after 3 ms, pending: a, b',
      'context canceled',
      'no answer (ECONNREFUSED) from GET http://api.test/a',
      'HTTP 503 from GET http://api.test/a',
      'no JSON (HTTP 200) from GET http://api.test/a',
      'more than 10 bytes from GET http://api.test/a',
      'user.name: got "secret"',
      'bulkhead full: 2 running, 1 waiting',
    ]);
  });

  it('print as JSON: fields and causes, and of what is not ours only name and code', () => {
    const foreign = { name: 'TypeError', code: 'E_CODE' };
    expect(JSON.parse(JSON.stringify(all))).to.deep.equal([
      {
        name: 'ServiceError',
        code: 'ERR_SERVICE_FAILED',
        message: 'profile: TypeError E_CODE',
        service: 'profile',
        elapsed: 3,
        cause: foreign,
      },
      {
        name: 'DeadlineExceededError',
        code: 'ERR_DEADLINE_EXCEEDED',
        message: 'context deadline exceeded after 3 ms, pending: a, b',
        pending: ['a', 'b'],
        elapsed: 3,
        cause: foreign,
      },
      { name: 'CanceledError', code: 'ERR_CANCELED', message: 'context canceled', cause: foreign },
      {
        name: 'NetworkError',
        code: 'ERR_NETWORK',
        message: 'no answer (ECONNREFUSED) from GET http://api.test/a',
        ...at,
        cause: foreign,
      },
      {
        name: 'HttpError',
        code: 'ERR_HTTP_STATUS',
        message: 'HTTP 503 from GET http://api.test/a',
        status: 503,
        ...at,
        retryAfter: 1_000,
      },
      {
        name: 'DecodeError',
        code: 'ERR_DECODE',
        message: 'no JSON (HTTP 200) from GET http://api.test/a',
        status: 200,
        contentType: 'text/html',
        ...at,
        cause: foreign,
      },
      {
        name: 'BodyTooLargeError',
        code: 'ERR_BODY_TOO_LARGE',
        message: 'more than 10 bytes from GET http://api.test/a',
        maxBytes: 10,
        ...at,
      },
      {
        name: 'ValidationError',
        code: 'ERR_VALIDATION',
        message: 'invalid user.name',
        issues: [{ path: 'user.name' }],
      },
      {
        name: 'BulkheadFullError',
        code: 'ERR_BULKHEAD_FULL',
        message: 'bulkhead full: 2 running, 1 waiting',
        running: 2,
        waiting: 1,
      },
    ]);
    expect(JSON.stringify(all)).not.to.include('secret');
  });

  it('print the words of our own causes, however deep', () => {
    const validation = new ServiceError({
      service: 'a',
      elapsed: 1,
      cause: new ValidationError({ issues: [{ message: 'secret' }] }),
    });
    expect(validation.message).to.equal('a: secret');
    expect(validation.toJSON()).to.deep.include({ message: 'a: invalid' });
    const late = new DeadlineExceededError({ pending: ['x'], elapsed: 1 });
    expect(new ServiceError({ service: 'a', elapsed: 2, cause: late }).toJSON()).to.deep.include({
      cause: late.toJSON(),
    });
  });

  it('print a chain that bites its own tail', () => {
    const canceled = new CanceledError({ cause: undefined });
    Object.assign(canceled, { cause: canceled });
    expect(canceled.toJSON()).to.deep.equal({
      name: 'CanceledError',
      code: 'ERR_CANCELED',
      message: 'context canceled',
    });
  });

  it('have a cause only where one was given', () => {
    expect(new CanceledError()).not.to.have.property('cause');
    expect(new CanceledError({ cause: undefined })).to.have.property('cause', undefined);
    expect(new DeadlineExceededError({ pending: [], elapsed: 0 })).not.to.have.property('cause');
  });

  it('print a cause that is no error by its type', () => {
    const json = (reason: unknown): unknown => new CanceledError({ cause: reason }).toJSON()['cause'];
    expect(json('secret')).to.deep.equal({ name: 'string' });
    expect(json(null)).to.deep.equal({ name: 'object' });
    expect(json({ name: 'secret', code: 'secret' })).to.deep.equal({ name: 'object' });
    expect(new ServiceError({ service: 'a', elapsed: 0, cause: { secret: 1 } }).message).to.equal(
      'a: failed with an instance of Object',
    );
    expect(new ServiceError({ service: 'a', elapsed: 0, cause: 'no luck' }).message).to.equal('a: no luck');
    expect(new ServiceError({ service: 'a', elapsed: 0, cause: new RangeError() }).message).to.equal('a: RangeError');
  });

  it('print name and code of a cause where they are single words', () => {
    const json = (name: unknown, code: unknown): unknown =>
      new CanceledError({ cause: Object.assign(new Error('secret'), { name, code }) }).toJSON()['cause'];
    for (const code of ['23505', 'auth/no-user', 'ERR_X', 'ns:a-b.c', 7]) {
      expect(json('TypeError', code)).to.deep.equal({ name: 'TypeError', code });
    }
    for (const prose of ['', 'a secret', 'a\nsecret', 'secret@a.test', 'x'.repeat(65), 7n, ['a'], undefined]) {
      expect(json(prose, prose)).to.deep.equal({ name: 'Error' });
    }
  });

  it('list no more than five issues, and cut their paths', () => {
    const issues = Array.from({ length: 7 }, (_, index) => ({ message: 'no', path: [index, 'x'.repeat(100)] }));
    const error = new ValidationError({ issues });
    expect(error.issues).to.equal(issues);
    expect(error.message).to.match(/^0\.x{78}: no; 1\..*; 4\.x{78}: no and 2 more$/);
    const { message, issues: shown } = error.toJSON();
    expect(message).to.match(/^invalid 0\.x{78}, 1\.x{78}, .*, 4\.x{78} and 2 more$/);
    expect(shown).to.have.length(5);
  });

  it('name no more than five of those pending, and count the rest', () => {
    const pending = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    expect(new DeadlineExceededError({ pending, elapsed: 1 }).message).to.match(/pending: a, b, c, d, e and 2 more$/);
    const five = pending.slice(0, 5);
    expect(new DeadlineExceededError({ pending: five, elapsed: 1 }).message).to.match(/pending: a, b, c, d, e$/);
  });

  it('keep the excerpt of a body where nothing prints it', () => {
    const error = new HttpError({ ...at, status: 500, body: 'secret' });
    expect(error.body).to.equal('secret');
    expect(Object.keys(error)).not.to.include('body');
    expect(new HttpError({ ...at, status: 500 }).body).to.equal('');
  });

  it('print what is not there as nothing: a code, and when to come back', () => {
    const uncoded = new ServiceError({ service: 'a', elapsed: 0, cause: new RangeError('secret') });
    expect(uncoded.toJSON()).to.include({ message: 'a: RangeError' });
    expect(new HttpError({ ...at, status: 500 }).toJSON()).not.to.have.property('retryAfter');
  });
});
