import { expect } from 'chai';
import fc from 'fast-check';
import { aggregate, fetchJson, fetchText, HttpError, type Problem, withLogger } from '../../lib/index.ts';
import { recordingLogger } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { responding } from '../support/stub-fetch.ts';

const api = 'http://api.test/orders';
const jsonType = 'application/problem+json';

async function errorOf(body: string, contentType = jsonType): Promise<HttpError> {
  const fetch = responding(body, { status: 403, headers: { 'content-type': contentType } });
  return failureOf(fetchText({ fetch }, api), HttpError);
}

async function problemOf(body: unknown, contentType?: string): Promise<Problem | undefined> {
  return (await errorOf(typeof body === 'string' ? body : JSON.stringify(body), contentType)).problem;
}

describe('the problem of an HttpError', () => {
  const outOfCredit = {
    type: 'https://api.test/problems/out-of-credit',
    title: 'You do not have enough credit.',
    status: 403,
    detail: 'secret: your balance is 30',
    instance: '/secret/accounts/12345',
    balance: 30,
    accounts: ['/secret/1', '/secret/2'],
  };

  it('has the members of RFC 9457, and the others as extensions', async () => {
    const problem = (await problemOf(outOfCredit))!;
    const { balance, accounts, ...standard } = outOfCredit;
    for (const [key, value] of Object.entries(standard)) expect(problem).to.have.property(key, value);
    expect(problem.extensions).to.deep.equal({ balance, accounts });
  });

  for (const contentType of [jsonType, 'Application/Problem+JSON', `${jsonType}; charset=utf-8`, ` ${jsonType} ;x=1`]) {
    it(`is read from ${contentType}`, async () => {
      expect(await problemOf({ title: 'No' }, contentType)).to.have.property('title', 'No');
    });
  }

  for (const contentType of [
    'application/json',
    'text/html',
    'application/problem+xml',
    `${jsonType}x`,
    `x${jsonType}`,
  ]) {
    it(`is not read from ${contentType}`, async () => {
      const error = await errorOf(JSON.stringify(outOfCredit), contentType);
      expect(error.problem).to.equal(undefined);
      expect(Object.keys(error)).not.to.include('problem');
    });
  }

  for (const [body, title] of [
    ['', 'an empty body'],
    ['{"title":', 'a body cut short'],
    ['<html>', 'HTML'],
    ['null', 'null'],
    ['"text"', 'a text'],
    ['[{"title":"No"}]', 'a list'],
    ['['.repeat(60_000), 'a deep list'],
    [JSON.stringify({ title: 'x'.repeat(70_000) }), 'more than 64 KiB'],
  ] as const) {
    it(`is undefined for ${title}`, async () => {
      expect(await problemOf(body)).to.equal(undefined);
    });
  }

  it('leaves out members of a wrong type', async () => {
    const problem = (await problemOf({ type: 1, title: null, status: '403', detail: [], instance: {} }))!;
    expect({ ...problem }).to.deep.equal({ type: 'about:blank' });
    expect(problem).to.include({ detail: undefined, instance: undefined });
    expect(problem.extensions).to.deep.equal({});
    for (const status of ['1.5', '1e999', 'true']) {
      expect(await problemOf(`{"status":${status}}`)).not.to.have.property('status');
    }
  });

  it('pollutes no prototype', async () => {
    const problem = (await problemOf('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'))!;
    expect({}).not.to.have.property('polluted');
    expect(problem).not.to.have.property('polluted');
    expect(problem.extensions).not.to.have.property('polluted');
    expect(Object.getPrototypeOf(problem)).to.equal(Object.prototype);
  });

  it('shows type, title and status in JSON, logs and when it is spread, and nothing else', async () => {
    const error = await errorOf(JSON.stringify(outOfCredit));
    const { type, title, status } = outOfCredit;
    expect(error.toJSON()).to.deep.include({ problem: { type, title, status } });
    expect({ ...error.problem }).to.deep.equal({ type, title, status });
    expect(error.message).to.equal(`HTTP 403 from GET ${api}`);

    const logger = recordingLogger();
    const fetch = responding(JSON.stringify(outOfCredit), { status: 403, headers: { 'content-type': jsonType } });
    const page = aggregate({ orders: (ctx) => fetchJson(ctx, api) }, withLogger(logger));
    const failure = await failureOf(page({ fetch }), Error);
    for (const text of [
      JSON.stringify(logger.lines),
      JSON.stringify(failure),
      JSON.stringify(Object.assign({}, error)),
    ]) {
      expect(text).to.include(title).and.not.to.include('secret').and.not.to.include('balance');
    }
  });

  it('shows a type without credentials and query in JSON, and cuts long texts', async () => {
    const error = await errorOf(
      JSON.stringify({ type: 'https://u:p@api.test/problems?token=secret#credit', title: 'x'.repeat(9_000) }),
    );
    const { problem } = error.toJSON() as { problem: Problem };
    expect(problem.type).to.equal('https://api.test/problems#credit');
    expect(problem.title).to.equal(`${'x'.repeat(200)}…`);
    expect(error.problem?.title).to.have.length(9_000);
  });

  it('is read without an error, whatever the JSON', () => {
    fc.assert(
      fc.property(fc.json(), (body) => {
        const error = new HttpError({ status: 500, method: 'GET', url: api, body, contentType: jsonType });
        expect(JSON.stringify(error)).to.be.a('string');
        const { type, title, status, detail, instance } = error.problem ?? {};
        for (const text of [type, title, detail, instance]) expect(typeof text).to.be.oneOf(['string', 'undefined']);
        expect(typeof status).to.be.oneOf(['number', 'undefined']);
      }),
    );
  });
});
