import { expect } from 'chai';
import { firstValueFrom, lastValueFrom, map, type Observable, take, toArray } from 'rxjs';
import { background, type Context, fetchEvents, fetchLines, fetchResponse, NetworkError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { at, expectNothingLeft, observed, type UpstreamRequest } from '../support/upstream.ts';

const all = <T>(source: Observable<T>): Promise<T[]> => lastValueFrom(source.pipe(toArray()));

/** A response that sends each byte in a chunk of its own. */
const bytes = (text: string, type: string, then: 'end' | 'hang' | 'break' = 'end'): UpstreamRequest =>
  at(`/bytes?${String(new URLSearchParams({ text, type, then }))}`);

describe('streams, in a page', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();
  expectNothingLeft();

  it('read the same events, lines and bodies when each byte comes in a chunk of its own', async () => {
    const { url: events } = bytes('\ufeffid: 1\r\ndata: €\rdata: b\n\r\n: hi\r\rdata: c\n\n', 'text/event-stream');
    expect(await all(fetchEvents(background, events))).to.deep.equal([
      { event: 'message', data: '€\nb', id: '1' },
      { event: 'message', data: 'c', id: '1' },
    ]);
    const { url: lines } = bytes('"€"\r\n2\n', 'application/x-ndjson');
    expect(await all(fetchLines(background, lines, { parse: JSON.parse }))).to.deep.equal(['€', 2]);
    const { url: body } = bytes('"€"', 'application/json');
    const response = await lastValueFrom(fetchResponse(background, body));
    expect([response.status, response.headers.get('Content-Type'), response.body]).to.deep.equal([
      200,
      'application/json',
      '€',
    ]);
  });

  it('error with NetworkError when the connection breaks', async () => {
    const type = 'text/event-stream';
    await failureOf(fetchEvents(background, bytes('data: 1\n\n', type, 'break').url), NetworkError);
    await failureOf(fetchLines(background, bytes('1\n', type, 'break').url), NetworkError);
  });

  it('reconnect after an end and a 503, with the last id', async () => {
    const { url, methods } = at('/restart');
    const events = fetchEvents(background, url, { reconnect: true }).pipe(
      map(({ data }) => data),
      take(2),
    );
    expect(await all(events)).to.deep.equal(['after nothing', 'after 1']);
    expect(await methods()).to.have.length(3);
  });

  for (const [name, request] of [
    ['fetchEvents', fetchEvents],
    ['fetchLines', fetchLines],
    ['fetchResponse', fetchResponse],
  ] as const) {
    it(`${name} closes the connection when the subscriber unsubscribes, before and after the head`, async () => {
      const silent = at('/slow');
      const waiting = (request as (ctx: Context, url: string) => Observable<unknown>)(
        background,
        silent.url,
      ).subscribe();
      await silent.requested();
      waiting.unsubscribe();
      await silent.closed();

      const headed = bytes('d', 'text/event-stream', 'hang');
      const { fetch, reading } = observed();
      const started = (request as (ctx: Context, url: string) => Observable<unknown>)(
        { fetch },
        headed.url,
      ).subscribe();
      await reading;
      started.unsubscribe();
      await headed.closed();
    });
  }

  it('close the connection when the subscriber unsubscribes within next', async () => {
    const events = bytes('data: 1\n\n', 'text/event-stream', 'hang');
    await firstValueFrom(fetchEvents(background, events.url));
    await events.closed();
    const lines = bytes('1\n', 'text/plain', 'hang');
    await firstValueFrom(fetchLines(background, lines.url));
    await lines.closed();
  });
});
