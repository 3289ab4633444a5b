import { expect } from 'chai';
import { inspect } from 'node:util';
import { BodyTooLargeError, DecodeError, fetchJson, type FetchInit, HttpError, NetworkError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, refusingUrl, serve, serveRaw } from '../support/servers.ts';
import { describeTransports } from '../support/transports.ts';

describeTransports('secrets', ({ name, ctx }) => {
  expectNoUnhandledRejections();

  const secret = 'S3CRET';
  let url: string;
  let breaking: string;
  let refusing: string;
  before(async () => {
    ({ url: breaking } = await serveRaw((socket) => {
      socket.end(`HTTP/1.1 200 OK\r\nset-cookie: ${secret}\r\ncontent-length: 99\r\n\r\n{"${secret}`);
    }));
    ({ url } = await serve((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://api.test');
      response.setHeader('set-cookie', secret).setHeader('location', `/elsewhere?${secret}`);
      response.writeHead(Number(pathname.slice(1)) || 200).end(pathname === '/utf8' ? Buffer.from([0xff]) : secret);
    }));
    refusing = await refusingUrl();
  });
  after(closeServers);

  const query = `?token=${secret}#${secret}`;
  const get = { method: 'GET', body: null };
  const failures: [title: string, input: () => string, type: abstract new (...args: never[]) => Error, FetchInit?][] = [
    ['a status', () => `${url}/500${query}`, HttpError],
    ['a redirect', () => `${url}/302${query}`, NetworkError],
    ['a body that is not JSON', () => `${url}/200${query}`, DecodeError],
    ['a body that is not UTF-8', () => `${url}/utf8${query}`, DecodeError],
    ['a body that is too large', () => `${url}/200${query}`, BodyTooLargeError, { maxBytes: 1 }],
    ['a connection that breaks', () => `${breaking}/${query}`, NetworkError],
    ['a connection that is refused', () => `${refusing}/${query}`, NetworkError],
    ['an aborted init.signal', () => `${url}/200${query}`, NetworkError, { signal: AbortSignal.abort() }],
    ['the value of a header', () => `${url}/200${query}`, TypeError, { headers: { 'x-key': `${secret}\n` } }],
    ['the name of a header', () => `${url}/200${query}`, TypeError, { headers: { [`x ${secret}`]: '' } }],
    ['a GET with a body', () => `${url}/200${query}`, TypeError, { method: 'GET' }],
    ['credentials in a URL', () => url.replace('//', `//${secret}:${secret}@`), TypeError],
    ['a relative URL', () => `/users${query}`, TypeError],
    ['an invalid URL', () => `http://${secret}@a b/${query}`, TypeError],
    // undici supports only HTTP.
    ['a data URL', () => `data:,${secret}`, name === 'undici' ? NetworkError : DecodeError, get],
    ['an unknown scheme', () => `unknown:${secret}`, NetworkError],
  ];
  for (const [title, input, type, init] of failures) {
    it(`do not leak through the error for ${title}, printed, inspected or as JSON`, async () => {
      const given = { ...ctx, propagate: { authorization: `Bearer ${secret}` }, signal: new AbortController().signal };
      const request = { method: 'POST', body: secret, headers: { cookie: secret }, ...init };
      const error = await failureOf(fetchJson(given, input(), request), type);
      const printed = [String(error), error.stack, JSON.stringify(error), inspect(error, { depth: Infinity })];
      expect(printed.join('\n')).not.to.include(secret);
    });
  }
});
