import { expect } from 'chai';
import { firstValueFrom, lastValueFrom, type Observable, toArray } from 'rxjs';
import {
  aggregateLatest,
  CanceledError,
  type Context,
  DecodeError,
  type Fetch,
  fetchEvents,
  type FetchEventsInit,
  HttpError,
  NetworkError,
  type RunEvent,
  withEvents,
  withLogger,
} from '../../lib/index.ts';
import { recordingLogger } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { bytesOf } from '../support/stub-fetch.ts';
import { nextTask } from '../support/tasks.ts';
import { waitsOf } from '../support/waits.ts';

const api = 'http://api.test/activity';
const eventStream = { headers: { 'content-type': 'text/event-stream' } };
const all = <T>(source: Observable<T>): Promise<T[]> => lastValueFrom(source.pipe(toArray()));
const failure = (status: number, headers: Record<string, string> = {}) => new Response('', { status, headers });
const offline = new TypeError('fetch failed');

/** A transport that responds with one stream, response or error after the other, never for `'hang'`, and at last with a 204. */
function connections(...responses: (string | Response | Error)[]) {
  const requests: Headers[] = [];
  const fetch: Fetch = (_url, init) => {
    const response = responses[requests.length] ?? new Response(null, { status: 204 });
    requests.push(new Headers(init.headers));
    if (response === 'hang') return new Promise(() => undefined);
    if (response instanceof Error) return Promise.reject(response);
    return Promise.resolve(typeof response === 'string' ? new Response(response, eventStream) : response);
  };
  return { ctx: { fetch } as Context, requests, ids: () => requests.map((headers) => headers.get('last-event-id')) };
}

describe('fetchEvents with reconnect', () => {
  expectNoUnhandledRejections();

  const reconnecting = (ctx: Context, init?: FetchEventsInit) => fetchEvents(ctx, api, { ...init, reconnect: true });

  it('reconnects after an end and after a failure that may pass, with the last id in UTF-8', async () => {
    const { ctx, ids } = connections(
      'id: é\ndata: a\n\nid: lost\ndata: x',
      offline,
      'data: b\n\nid\n\n',
      'data: c\n\n',
    );
    await waitsOf(async () => {
      const events = await all(reconnecting(ctx, { headers: { 'Last-Event-ID': 'start' } }));
      expect(events.map(({ data, id }) => [data, id])).to.deep.equal([
        ['a', 'é'],
        ['b', 'é'],
        ['c', ''],
      ]);
    });
    expect(ids()).to.deep.equal(['start', 'Ã©', 'Ã©', null, null]);
  });

  it('sends an id of 1 MB, and none with control characters', async () => {
    for (const [id, sent] of [
      ['x'.repeat(10 ** 6), 'x'.repeat(10 ** 6)],
      ['a\u007fb', null],
    ] as const) {
      const { ctx, ids } = connections(`id: ${id}\n\n`);
      await waitsOf(() => all(reconnecting(ctx)));
      expect(ids()).to.deep.equal([null, sent]);
    }
  });

  it('sends the same headers and the same idempotency key, and reads an iterable of headers once', async () => {
    const { ctx, requests } = connections('data: a\n\n', offline);
    const headers = new Map([['x-tenant', 'acme']]).entries() as unknown as [string, string][];
    await waitsOf(() => all(reconnecting(ctx, { method: 'POST', json: {}, headers, idempotencyKey: true })));
    const sent = requests.map((each) => ['x-tenant', 'idempotency-key', 'content-type'].map((name) => each.get(name)));
    expect(sent).to.have.length(3);
    expect(sent[0]).to.include.members(['acme', 'application/json']);
    for (const each of sent) expect(each).to.deep.equal(sent[0]);
  });

  it('starts each subscription without the id of another one', async () => {
    const { ctx, ids } = connections('id: 1\ndata: a\n\n', 'data: b\n\n');
    const events = reconnecting(ctx);
    for (const data of ['a', 'b']) expect(await firstValueFrom(events)).to.have.property('data', data);
    expect(ids()).to.deep.equal([null, null]);
  });

  for (const [title, response, isRepeated] of [
    ['408', failure(408), true],
    ['429', failure(429), true],
    ['500', failure(500), true],
    ['503', failure(503), true],
    ['400', failure(400), false],
    ['401', failure(401), false],
    ['404', failure(404), false],
    ['501', failure(501), false],
  ] as const) {
    it(`${isRepeated ? 'reconnects' : 'does not reconnect'} after an HTTP ${title}`, async () => {
      const { ctx, requests } = connections(response);
      await waitsOf(async () => {
        if (isRepeated) expect(await all(reconnecting(ctx, { method: 'POST' }))).to.deep.equal([]);
        else await failureOf(reconnecting(ctx), HttpError);
      });
      expect(requests).to.have.length(isRepeated ? 2 : 1);
    });
  }

  it('reconnects after a connection that hangs for idle ms, and completes with a 204', async () => {
    const { ctx, requests } = connections('data: a\n\n', 'hang', 'data: b\n\n');
    await waitsOf(async () => {
      expect(await all(reconnecting(ctx, { idle: 20 }))).to.have.length(2);
    });
    expect(requests).to.have.length(4);
  });

  it('does not reconnect after another media type', async () => {
    const { ctx, requests } = connections(new Response('<html>'));
    await failureOf(reconnecting(ctx), DecodeError);
    expect(requests).to.have.length(1);
  });

  it('errors with the first failure if the body can be sent only once', async () => {
    const { ctx, requests } = connections(offline);
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(bytesOf('x'));
        controller.close();
      },
    });
    const fetch: Fetch = async (url, init) => {
      await new Response(init.body).text();
      return ctx.fetch!(url, init);
    };
    const source = reconnecting({ fetch }, { method: 'POST', body, duplex: 'half' } as FetchEventsInit);
    await waitsOf(async () => {
      expect(await failureOf(source, NetworkError)).to.have.property('cause', offline);
    });
    expect(requests).to.have.length(1);
  });

  for (const [title, responses, from, to] of [
    ['3,000 ms by default', ['data: a\n\n'], 3_000, 4_500],
    ['the time that the server has sent', ['retry: 1000\n\n'], 1_000, 1_500],
    ['500 ms at least, though the server sends 0', ['retry: 0\n\n'], 500, 750],
    ['the default if the server sends garbage', ['retry: 1x\nretry: -1\nretry: 1.5\nretry\n\n'], 3_000, 4_500],
    ['the same time after each failure', [offline, offline, offline], 3_000, 4_500],
    ['Retry-After, if that is longer', [failure(503, { 'retry-after': '9' })], 9_000, 9_001],
    ['its own time, if Retry-After is shorter', [failure(503, { 'retry-after': '0' })], 3_000, 4_500],
    ['the longest time of a timer', [`retry: ${'9'.repeat(400)}\n\n`], 2 ** 31 - 1, 2 ** 31],
    [
      'the longest time of a timer for Retry-After',
      [failure(503, { 'retry-after': '9999999999' })],
      2 ** 31 - 1,
      2 ** 31,
    ],
  ] as const) {
    it(`waits for ${title}`, async () => {
      const { ctx } = connections(...responses);
      const waits = await waitsOf(() => all(reconnecting(ctx)));
      expect(waits).to.have.length(responses.length);
      for (const wait of waits) expect(wait).to.be.at.least(from).and.below(to);
    });
  }

  it('waits for up to half as long again, at random, so that not all clients come back together', async () => {
    const { ctx } = connections(...Array.from({ length: 20 }, () => 'retry: 1000\n\n'));
    const waits = await waitsOf(() => all(reconnecting(ctx)));
    expect(new Set(waits).size).to.be.above(1);
  });

  it('does not wait past ctx.deadline: completes after an end, and errors with the last error', async () => {
    const deadline = Date.now() + 2_000;
    const ended = connections('data: a\n\n'); // the next connection would be 3,000 ms later
    expect(await all(reconnecting({ ...ended.ctx, deadline }))).to.have.length(1);
    const failed = connections(offline);
    await failureOf(reconnecting({ ...failed.ctx, deadline }), NetworkError);
    const asked = connections(failure(503, { 'retry-after': '60' }));
    const later = Date.now() + 30_000;
    await failureOf(reconnecting({ ...asked.ctx, deadline: later }), HttpError);
    expect([...ended.requests, ...failed.requests, ...asked.requests]).to.have.length(3);
  });

  it('ends the wait for the next connection when ctx.signal aborts', async () => {
    const controller = new AbortController();
    const { ctx, requests } = connections('data: a\n\n');
    const error = failureOf(reconnecting({ ...ctx, signal: controller.signal }), CanceledError);
    await nextTask();
    await nextTask();
    controller.abort('the user left');
    expect((await error).cause).to.equal('the user left');
    expect(requests).to.have.length(1);
  });

  it('ends the wait when init.signal aborts', async () => {
    for (const response of ['retry: 1000000\n\n', failure(503, { 'retry-after': '1000' })]) {
      const controller = new AbortController();
      const { ctx, requests } = connections(response);
      const error = failureOf(reconnecting(ctx, { signal: controller.signal }), NetworkError);
      await nextTask();
      await nextTask();
      controller.abort('enough');
      expect(await error).to.include({ kind: 'aborted', cause: 'enough' });
      expect(requests).to.have.length(1);
    }
  });

  it('counts its requests in resends, and reports and logs each failure', async () => {
    const { ctx } = connections('data: a\n\n', failure(503), offline, 'data: b\n\n');
    const events: RunEvent[] = [];
    const logger = recordingLogger();
    const sink = { next: (event: RunEvent) => events.push(event) };
    const page = aggregateLatest({ activity: (own) => reconnecting(own) }, withEvents(sink), withLogger(logger));
    await waitsOf(() => all(page(ctx)));
    const shown = events.filter(({ service }) => service !== undefined);
    expect(shown.map(({ type, resends }) => [type, resends])).to.deep.equal([
      ['started', undefined],
      ['reconnecting', 1],
      ['reconnecting', 2],
      ['succeeded', 4],
    ]);
    expect(shown[1]).to.have.property('error').that.is.instanceOf(HttpError);
    const lines = logger.lines.filter(({ message }) => message === 'reconnecting');
    expect(lines.map(({ level, fields }) => [level, fields['service']])).to.deep.equal([
      ['warn', 'activity'],
      ['warn', 'activity'],
    ]);
  });

  it('reports no failure that it does not repeat', async () => {
    const { ctx } = connections('data: a\n\n', failure(404));
    const types: string[] = [];
    const sink = { next: ({ type }: RunEvent) => types.push(type) };
    const page = aggregateLatest({ activity: (own) => reconnecting(own) }, withEvents(sink));
    await waitsOf(() =>
      page(ctx)
        .forEach(() => undefined)
        .catch(() => undefined),
    );
    expect(types).to.deep.equal(['started', 'started', 'failed', 'failed']);
  });
});
