import { expect } from 'chai';
import { lastValueFrom, of, retry } from 'rxjs';
import {
  aggregate,
  backoff,
  CanceledError,
  type Context,
  fetchJson,
  type FetchInit,
  isTransient,
  NetworkError,
  ServiceError,
  optional,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { pendingFetch, recordingFetch, responding, streamOf } from '../support/stub-fetch.ts';
import { nextTask } from '../support/tasks.ts';

describe('init.signal', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';

  for (const [title, reason] of [
    ['an Error', new Error('enough')],
    ['a timeout', new DOMException('too late', 'TimeoutError')],
    ['a string', 'enough'],
    ['null', null],
    ['a CanceledError', new CanceledError()],
  ] as const) {
    it(`fails the service with NetworkError, whose cause is the reason: ${title}`, async () => {
      const { fetch, signal } = pendingFetch();
      const own = new AbortController();
      const failure = failureOf(fetchJson({ fetch }, api, { signal: own.signal }), NetworkError);
      own.abort(reason);
      const error = await failure;
      expect(error.cause).to.equal(reason);
      expect(error).to.include({ kind: 'aborted', method: 'GET', url: api });
      expect(error.message).to.match(/^no answer \(init\.signal aborted\) from GET /);
      expect(isTransient(error)).to.equal(false);
      expect(signal().reason).to.have.property('name', 'AbortError');
    });
  }

  it('aborts while the body is read, before the subscriber is notified', async () => {
    const { stream, canceled } = streamOf(['[1,']);
    const own = new AbortController();
    const failure = failureOf(fetchJson({ fetch: responding(stream) }, api, own), NetworkError);
    await nextTask();
    own.abort('enough');
    expect((await failure).kind).to.equal('aborted');
    expect(canceled()).to.equal(1);
  });

  it('fails at once, without a request, if it has aborted, and is not retried', async () => {
    const { fetch, requests } = recordingFetch();
    const delay = backoff({ fetch });
    const source = fetchJson({ fetch }, api, { signal: AbortSignal.abort('enough') }).pipe(retry({ count: 2, delay }));
    expect(await failureOf(source, NetworkError)).to.include({ kind: 'aborted', cause: 'enough' });
    expect(requests).to.deep.equal([]);
  });

  it('makes an optional part missing, and leaves the page', async () => {
    const { fetch } = pendingFetch();
    const own = new AbortController();
    const page = aggregate({ profile: () => of('Alice'), ads: optional((ctx) => fetchJson(ctx, api, own)) });
    const answer = lastValueFrom(page({ fetch }));
    own.abort('enough');
    expect((await answer).ads).to.have.nested.property('reason.kind', 'aborted');
  });

  it('may be that of a context that the service has made', async () => {
    const { fetch } = pendingFetch();
    const own = new AbortController();
    const ads = (ctx: Context) => fetchJson({ ...ctx, signal: own.signal }, api);
    const failure = failureOf(aggregate({ ads })({ fetch }), ServiceError);
    const answer = lastValueFrom(aggregate({ ads: optional(ads) })({ fetch }));
    own.abort('enough');
    expect(await failure).to.have.nested.include({ 'cause.kind': 'aborted', 'cause.cause': 'enough' });
    expect((await failure).message).to.include('ctx.signal aborted');
    expect((await answer).ads).to.have.nested.property('reason.kind', 'aborted');
  });

  it('leaves to a signal that the service has put into the context its own error', async () => {
    const { fetch } = pendingFetch();
    const own = new AbortController();
    const other = new AbortController();
    const ads = (ctx: Context) => fetchJson({ ...ctx, signal: own.signal }, api, { signal: other.signal });
    const failure = failureOf(aggregate({ ads })({ fetch }), ServiceError);
    own.abort('enough');
    expect(await failure).to.have.nested.include({ 'cause.kind': 'aborted', 'cause.cause': 'enough' });
    expect((await failure).message).to.include('ctx.signal aborted');
  });

  it('is the cause of the ServiceError of its service', async () => {
    const { fetch } = pendingFetch();
    const own = new AbortController();
    const failure = failureOf(aggregate({ ads: (ctx) => fetchJson(ctx, api, own) })({ fetch }), ServiceError);
    own.abort('enough');
    expect(await failure).to.have.nested.property('cause.kind', 'aborted');
  });

  const signals = (): { caller: AbortController; own: AbortController } => ({
    caller: new AbortController(),
    own: new AbortController(),
  });
  it('loses to ctx.signal, if that aborts first', async () => {
    const { caller, own } = signals();
    const { fetch } = pendingFetch();
    const failure = failureOf(fetchJson({ fetch, signal: caller.signal }, api, own), CanceledError);
    caller.abort('the user left');
    own.abort('enough');
    expect((await failure).cause).to.equal('the user left');
  });

  it('wins over ctx.signal, if it aborts first', async () => {
    const { caller, own } = signals();
    const { fetch } = pendingFetch();
    const failure = failureOf(fetchJson({ fetch, signal: caller.signal }, api, own), NetworkError);
    own.abort('enough');
    caller.abort('the user left');
    expect((await failure).cause).to.equal('enough');
  });

  for (const [title, derived] of [
    ['is ctx.signal', (signal: AbortSignal) => signal],
    ['follows ctx.signal', (signal: AbortSignal) => AbortSignal.any([signal, new AbortController().signal])],
  ] as const) {
    for (const when of ['before', 'after'] as const) {
      it(`is a cancellation by the caller, if it ${title}, which aborts ${when} the request`, async () => {
        const caller = new AbortController();
        if (when === 'before') caller.abort('the user left');
        const { fetch } = pendingFetch();
        const { signal } = caller;
        const failure = failureOf(fetchJson({ fetch, signal }, api, { signal: derived(signal) }), CanceledError);
        caller.abort('the user left');
        expect((await failure).cause).to.equal('the user left');
      });

      it(`is a cancellation of the run, if it ${title} of the run, which aborts ${when} the request`, async () => {
        const caller = new AbortController();
        const { fetch } = pendingFetch();
        const page = aggregate({ ads: (ctx) => fetchJson(ctx, api, { signal: derived(ctx.signal!) }) });
        if (when === 'before') caller.abort('the user left');
        const failure = failureOf(page({ fetch, signal: caller.signal }), CanceledError);
        caller.abort('the user left');
        expect((await failure).cause).to.equal('the user left');
      });
    }
  }

  it('may be null, and is checked', async () => {
    const { fetch } = recordingFetch();
    expect(await lastValueFrom(fetchJson({ fetch }, api, { signal: null }))).to.equal(1);
    await failureOf(fetchJson({ fetch }, api, { signal: 20 } as unknown as FetchInit), TypeError);
  });
});
