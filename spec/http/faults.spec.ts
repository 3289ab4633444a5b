import { expect } from 'chai';
import { firstValueFrom, throwError } from 'rxjs';
import { type Fetch, fetchJson, fetchText, HttpError, NetworkError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { responding, streamOf } from '../support/stub-fetch.ts';

describe('a failing transport', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';
  const nested = (depth: number): object =>
    depth === 0 ? { code: 'EDEEP' } : new Error('secret', { cause: nested(depth - 1) });

  const failures: [title: string, cause: unknown, reason: string, advice?: string][] = [
    ['an Error', new Error('secret'), 'no answer'],
    ['an Error with a code', Object.assign(new Error('secret'), { code: 'EBROKEN' }), 'no answer (EBROKEN)'],
    [
      'an Error with a code in its cause',
      new TypeError('secret', { cause: { code: 'ENOTFOUND' } }),
      'no answer (ENOTFOUND)',
    ],
    ['an Error with a code in the cause of its cause', nested(2), 'no answer (EDEEP)'],
    ['an Error with a code that is nested deeper', nested(3), 'no answer'],
    [
      "Node's error for a redirect",
      new TypeError('x', { cause: new Error('unexpected redirect') }),
      'a refused redirect',
      ": request its target, or set redirect: 'follow'",
    ],
    ['a string', 'secret', 'no answer'],
    ['null', null, 'no answer'],
    ['undefined', undefined, 'no answer'],
  ];
  for (const [title, cause, reason, advice = ''] of failures) {
    const fails: Record<string, Fetch> = {
      throws: () => {
        throw cause;
      },
      'rejects with': () => firstValueFrom(throwError(() => cause)),
    };
    for (const [how, fetch] of Object.entries(fails)) {
      it(`errors with NetworkError when it ${how} ${title}`, async () => {
        const error = await failureOf(fetchText({ fetch }, `${api}?token=secret`), NetworkError);
        expect(error.message).to.equal(`${reason} from GET ${api}${advice}`);
        expect(error).to.include({ method: 'GET', url: api, cause });
      });
    }
  }

  it('passes an error of forkfast through', async () => {
    const own = new HttpError({ status: 401, method: 'POST', url: 'http://auth.test/token' });
    expect(await failureOf(fetchJson({ fetch: () => Promise.reject(own) }, api), HttpError)).to.equal(own);
  });

  it('errors with TypeError when it resolves with nothing', async () => {
    const fetch = (() => undefined) as unknown as Fetch;
    await failureOf(fetchJson({ fetch }, api), TypeError);
  });

  for (const [url, scheme] of [
    ['xhttp:secret', 'xhttp:'],
    ['alice:secret@api.test/users', 'alice:'],
  ] as const) {
    it(`errors with NetworkError that shows only the scheme of ${url}`, async () => {
      const fetch: Fetch = () => Promise.reject(new Error('no such scheme'));
      const error = await failureOf(fetchText({ fetch }, url), NetworkError);
      expect(error).to.include({ url: scheme, kind: 'unsendable' });
      expect(error.message).to.equal(
        `no answer from GET ${scheme} use http: or https:, and a port that fetch does not block`,
      );
    });
  }

  it('errors with NetworkError when the body breaks', async () => {
    const { stream } = streamOf(['[1,'], 'break');
    const error = await failureOf(fetchJson({ fetch: responding(stream) }, api), NetworkError);
    expect(error.message).to.equal(`a body cut short from GET ${api}`);
    expect(error.cause).to.have.property('message', 'the stream broke');
  });

  it('errors with NetworkError when another reader has the body', async () => {
    const response = new Response('[1]');
    response.body?.getReader();
    await failureOf(fetchJson({ fetch: () => Promise.resolve(response) }, api), NetworkError);
  });
});
