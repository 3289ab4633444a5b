import { expect } from 'chai';
import { lastValueFrom, take } from 'rxjs';
import {
  BodyTooLargeError,
  CanceledError,
  type Fetch,
  fetchEvents,
  fetchJson,
  fetchLines,
  fetchResponse,
  fetchText,
  HttpError,
  NetworkError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { pendingFetch, recordingFetch, responding, streamOf } from '../support/stub-fetch.ts';
import { nextTask } from '../support/tasks.ts';

describe('canceling a request', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';
  const failOnNotification = {
    next: () => expect.fail('a value after the end'),
    error: () => expect.fail('an error after the end'),
    complete: () => expect.fail('completed after the end'),
  };
  it('aborts the signal on unsubscribe with an AbortError, as for every fetch', () => {
    const { fetch, signal } = pendingFetch();
    const subscription = fetchJson({ fetch }, api).subscribe();
    expect(signal().aborted).to.equal(false);
    subscription.unsubscribe();
    expect(signal().reason).to.be.instanceOf(DOMException);
    expect(signal().reason).to.include({ name: 'AbortError', message: 'The answer is no longer needed' });
    expect(signal().reason).to.have.property('cause').that.is.instanceOf(CanceledError);
  });

  it('aborts the signal before it notifies the subscriber', () => {
    const { fetch, signal } = pendingFetch();
    const controller = new AbortController();
    const log: unknown[] = [];
    fetchJson({ fetch, signal: controller.signal }, api).subscribe({
      error: (error: unknown) => log.push(signal().aborted, error),
    });
    controller.abort('the user left');
    expect(log).to.have.length(2);
    expect(log[0]).to.equal(true);
    expect(log[1]).to.be.instanceOf(CanceledError).with.property('cause', 'the user left');
  });

  for (const place of ['ctx.signal', 'init.signal'] as const) {
    it(`errors synchronously, and calls no transport, when ${place} has aborted already`, () => {
      const { fetch, requests } = recordingFetch();
      const signal = AbortSignal.abort({ why: 'the user left' });
      const errors: unknown[] = [];
      const source = place === 'ctx.signal' ? fetchJson({ fetch, signal }, api) : fetchJson({ fetch }, api, { signal });
      source.subscribe({ error: (error: unknown) => errors.push(error) });
      expect(errors).to.have.length(1);
      expect(errors[0])
        .to.be.instanceOf(place === 'ctx.signal' ? CanceledError : NetworkError)
        .with.property('cause', signal.reason);
      expect(requests).to.deep.equal([]);
    });
  }

  it('does not abort the signal after success, even if the subscriber unsubscribes on the value', async () => {
    const { fetch, requests } = recordingFetch();
    expect(await lastValueFrom(fetchJson({ fetch }, api).pipe(take(1)))).to.equal(1);
    expect(requests[0]!.init.signal).to.have.property('aborted', false);
  });

  for (const request of [fetchJson, fetchText, fetchResponse, fetchLines, fetchEvents]) {
    for (const status of [200, 500]) {
      it(`cancels the body of a ${String(status)} that arrives after the end of ${request.name}`, async () => {
        const { stream, canceled } = streamOf(['late']);
        const { fetch, respond } = pendingFetch();
        (request as typeof fetchText)({ fetch }, api).subscribe(failOnNotification).unsubscribe();
        respond(new Response(stream, { status, headers: { 'content-type': 'text/event-stream' } }));
        await nextTask();
        expect(canceled()).to.equal(1);
      });
    }
  }

  const cancels: Record<string, () => PromiseLike<void>> = {
    rejects: () => Promise.reject(new Error('cannot cancel')),
    throws: () => {
      throw new Error('cannot cancel');
    },
    'never settles': () => new Promise(() => undefined),
  };
  for (const [title, cancel] of Object.entries(cancels)) {
    it(`ignores that the cancel of a body ${title}: after the end, while it streams, and after a failure`, async () => {
      const late = streamOf(['late'], 'hang', cancel);
      const { fetch, respond } = pendingFetch();
      fetchText({ fetch }, api).subscribe(failOnNotification).unsubscribe();
      respond(new Response(late.stream));

      const streaming = streamOf(['streaming'], 'hang', cancel);
      const subscription = fetchText({ fetch: responding(streaming.stream) }, api).subscribe(failOnNotification);
      await nextTask();
      subscription.unsubscribe();

      const tooLarge = streamOf(['too large'], 'hang', cancel);
      await failureOf(fetchText({ fetch: responding(tooLarge.stream) }, api, { maxBytes: 1 }), BodyTooLargeError);

      const failed = streamOf(['failed'], 'hang', cancel);
      const error = await failureOf(fetchText({ fetch: responding(failed.stream, { status: 500 }) }, api), HttpError);
      expect(error.body).to.equal('failed');
      await nextTask();
      expect([late, streaming, tooLarge, failed].map(({ canceled }) => canceled())).to.deep.equal([1, 1, 1, 1]);
    });
  }

  it('ignores a transport that rejects after the end', async () => {
    const { fetch, reject } = pendingFetch();
    fetchText({ fetch }, api).subscribe(failOnNotification).unsubscribe();
    reject(new Error('late'));
    await nextTask();
  });

  it('ignores a body that breaks after the end', async () => {
    let breakBody: (error: Error) => void = () => undefined;
    const read = new Promise<never>((_resolve, reject) => (breakBody = reject));
    const reader = { read: () => read, cancel: () => Promise.resolve() };
    const fetch: Fetch = () =>
      Promise.resolve({ status: 200, headers: new Headers(), body: { getReader: () => reader } });
    const subscription = fetchText({ fetch }, api).subscribe(failOnNotification);
    await nextTask();
    subscription.unsubscribe();
    breakBody(new Error('late'));
    await nextTask();
  });
});
