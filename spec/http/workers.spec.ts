import { expect } from 'chai';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { type Fetch, fetchJson, HttpError, isTransient, NetworkError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { pendingFetch, streamOf } from '../support/stub-fetch.ts';

/** Cloudflare Workers know no `redirect: 'error'`. The messages are those of workerd and of an imitation. */
describe("a transport that knows no redirect: 'error'", () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';
  const messages = [
    'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented since it does not make sense at the edge; use "manual" and check the response status code).',
    'Invalid redirect value',
    'The redirect mode "error" is not supported',
  ];
  /** A transport with the rule of workerd, and the redirect modes that it received. */
  const worker = (respond: () => Response, message = messages[0], how: 'throws' | 'rejects' = 'rejects') => {
    const modes: unknown[] = [];
    const inits: RequestInit[] = [];
    const fetch: Fetch = (_url, init) => {
      modes.push(init.redirect);
      inits.push(init);
      const error = new TypeError(message);
      if (init.redirect !== 'error') return Promise.resolve(respond());
      if (how === 'throws') throw error;
      return Promise.reject(error);
    };
    return { fetch, modes, inits };
  };

  for (const message of messages) {
    for (const how of ['throws', 'rejects'] as const) {
      it(`answers, if it ${how} "${message.slice(0, 40)}…", and is tried with 'error' only once`, async () => {
        const { fetch, modes } = worker(() => Response.json({ name: 'Alice' }), message, how);
        for (let request = 0; request < 2; request++) {
          expect(await lastValueFrom(fetchJson({ fetch }, api))).to.deep.equal({ name: 'Alice' });
        }
        expect(modes).to.deep.equal(['error', 'manual', 'manual']);
      });
    }
  }

  it('receives the same request again', async () => {
    const { fetch, inits } = worker(() => Response.json(1));
    function* headers(): Generator<[string, string]> {
      yield ['x-a', '1'];
    }
    const init = { method: 'POST', body: 'x', headers: headers() as never };
    await lastValueFrom(fetchJson({ fetch }, api, init));
    const [first, second] = inits.map(({ method, body, headers: sent }) => ({ method, body, sent }));
    expect(second).to.deep.equal(first);
    expect(second).to.deep.equal({ method: 'POST', body: 'x', sent: [['x-a', '1'], ['accept', 'application/json']] }); // prettier-ignore
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`refuses ${String(status)}, and cancels its body`, async () => {
      const body = streamOf(['drip']);
      const { fetch } = worker(() => new Response(body.stream, { status, headers: { location: '/to' } }));
      const error = await failureOf(fetchJson({ fetch }, api), NetworkError);
      expect(error).to.include({ kind: 'redirect', method: 'GET', url: api });
      expect(error.message).to.match(/^a refused redirect from GET .*: request its target, or set redirect: 'follow'$/);
      expect(isTransient(error)).to.equal(false);
      expect(body.canceled()).to.equal(1);
    });
  }

  it('refuses a redirect whose status the platform hides', async () => {
    const opaque = Object.defineProperties(Response.error(), { type: { value: 'opaqueredirect' } });
    const { fetch } = worker(() => opaque);
    expect((await failureOf(fetchJson({ fetch }, api), NetworkError)).kind).to.equal('redirect');
    const manual = fetchJson({ fetch }, api, { redirect: 'manual' });
    expect((await failureOf(manual, NetworkError)).kind).to.equal('redirect');
  });

  it('fails with HttpError for any other status', async () => {
    for (const status of [300, 304, 404]) {
      const { fetch } = worker(() => new Response(null, { status }));
      expect((await failureOf(fetchJson({ fetch }, api), HttpError)).status).to.equal(status);
    }
  });

  it('does what init.redirect says', async () => {
    const redirect = worker(() => new Response('', { status: 302 }));
    const error = await failureOf(fetchJson(redirect, api, { redirect: 'error' }), NetworkError);
    expect(error.kind).to.equal('redirect');
    expect((await failureOf(fetchJson(redirect, api, { redirect: 'manual' }), HttpError)).status).to.equal(302);
    const following = worker(() => Response.json(1));
    expect(await lastValueFrom(fetchJson(following, api, { redirect: 'follow' }))).to.equal(1);
    expect(following.modes).to.deep.equal(['follow']);
  });

  it('sends nothing after the end', async () => {
    const { fetch: pending, reject } = pendingFetch();
    let requests = 0;
    const fetch: Fetch = (url, init) => {
      requests++;
      return pending(url, init);
    };
    fetchJson({ fetch }, api).subscribe().unsubscribe();
    reject(new TypeError('Invalid redirect value'));
    await new Promise((resolve) => setTimeout(resolve));
    expect(requests).to.equal(1);
  });

  it('is tried once more, and not for ever, if it rejects every mode', async () => {
    let requests = 0;
    const fetch: Fetch = () => {
      requests++;
      return Promise.reject(new TypeError('Invalid redirect value'));
    };
    await failureOf(fetchJson({ fetch }, api), NetworkError);
    expect(requests).to.equal(2);
  });

  for (const message of [
    'unexpected redirect',
    "Encountered redirect while redirect mode is set to 'error'",
    'Failed to fetch',
  ]) {
    it(`is another than one that has sent the request: ${message}`, async () => {
      let requests = 0;
      const fetch: Fetch = () => {
        requests++;
        return Promise.reject(new TypeError(message));
      };
      await failureOf(fetchJson({ fetch }, api), NetworkError);
      expect(requests).to.equal(1);
      await firstValueFrom(fetchJson({ fetch: worker(() => Response.json(1)).fetch }, api));
    });
  }
});
