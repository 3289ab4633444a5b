import { expect } from 'chai';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { background, HttpError, ServiceError } from 'forkfast';
import { filter, firstValueFrom, lastValueFrom, take, toArray } from 'rxjs';
import { failureOf } from '../../../spec/support/failure.ts';
import { expectNoUnhandledRejections } from '../../../spec/support/rejections.ts';
import { closeServers } from '../../../spec/support/servers.ts';
import { createLivePage } from '../live-page.ts';
import { startUpstream } from './support/upstream.ts';

const eventStream = { 'content-type': 'text/event-stream' };
const message = (id: number) => `id: ${String(id)}\nevent: activity\ndata: {"text":"order ${String(id)}"}\n\n`;

describe('recipe: a live page', function () {
  this.timeout(10_000);
  expectNoUnhandledRejections();
  afterEach(closeServers);

  it('emits the page at each event', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, eventStream).write(`event: other\ndata: x\n\n${message(1)}${message(2)}`);
    });
    const complete = createLivePage(upstream.url)(background, '42').pipe(
      filter(({ profile, activity = [] }) => profile !== undefined && activity.length === 2),
    );
    expect(await firstValueFrom(complete)).to.deep.equal({
      profile: { name: 'Alice' },
      activity: [{ text: 'order 1' }, { text: 'order 2' }],
    });
    await upstream.received('abandoned /activity/42');
  });

  it('emits the page before the first event', async () => {
    const upstream = await startUpstream();
    const pages = createLivePage(upstream.url)(background, '42').pipe(take(2), toArray());
    expect(await lastValueFrom(pages)).to.deep.equal([{ activity: [] }, { profile: { name: 'Alice' }, activity: [] }]);
  });

  it('continues after the last event when the server restarts', async () => {
    const responses = [
      (response: ServerResponse) => response.writeHead(200, eventStream).end(`retry: 0\n${message(1)}`),
      (response: ServerResponse) => response.writeHead(503).end(),
      (response: ServerResponse) => response.writeHead(200, eventStream).write(message(2)),
    ];
    const ids: unknown[] = [];
    const upstream = await startUpstream((request: IncomingMessage, response) => {
      responses[ids.length]?.(response);
      ids.push(request.headers['last-event-id']);
    });
    const page = createLivePage(upstream.url)(background, '42').pipe(
      filter(({ activity = [] }) => activity.length === 2),
    );
    expect(await firstValueFrom(page)).to.have.deep.property('activity', [{ text: 'order 1' }, { text: 'order 2' }]);
    expect(ids).to.deep.equal([undefined, '1', '1']);
  });

  it('closes the stream when the profile fails', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, eventStream).write(message(1));
    });
    const error = await failureOf(createLivePage(upstream.url)(background, 'broken'), ServiceError);
    expect(error).to.have.property('service', 'profile');
    expect(error.cause).to.be.instanceOf(HttpError);
    await upstream.received('abandoned /activity/broken');
  });
});
