import { expect } from 'chai';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asyncScheduler, catchError, count, EMPTY, lastValueFrom, mergeMap, range } from 'rxjs';
import { adaptive, background, bulkhead, fetchJson } from '../../lib/index.ts';

describe('adaptive, over sockets', () => {
  const waiting: ServerResponse[] = [];
  let capacity = 16;
  let most = 0;
  let server: Server;
  let url: string;

  /** Answers all requests that it holds at once, so that the counts do not depend on the speed of the machine. */
  const answer = (): void => {
    for (const response of waiting.splice(0)) response.setHeader('content-type', 'application/json').end('1');
  };

  beforeEach((done) => {
    capacity = 16;
    most = 0;
    server = createServer((_request, response) => {
      most = Math.max(most, waiting.length + 1);
      if (waiting.length >= capacity) {
        response.writeHead(503).end();
        return;
      }
      waiting.push(response);
      if (waiting.length === 1) asyncScheduler.schedule(answer, 5);
    }).listen(0, '127.0.0.1', () => {
      url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
      done();
    });
  });

  afterEach((done) => {
    server.close(done);
    server.closeAllConnections();
  });

  it('learns the capacity of a server that rejects what it cannot hold, also when the capacity halves', async () => {
    const limit = adaptive({ max: 200 });
    const limited = bulkhead(limit);
    const call = () =>
      fetchJson(background, url).pipe(
        limited,
        catchError(() => EMPTY),
      );
    const answers = (calls: number) => lastValueFrom(range(calls).pipe(mergeMap(call), count()));
    expect(await answers(800)).to.be.at.least(560);
    expect(most).to.be.at.least(8).and.at.most(40);
    capacity = 8;
    expect(await answers(500)).to.be.at.least(300);
    most = 0;
    expect(await answers(200)).to.be.at.least(120);
    expect(most).to.be.at.least(4).and.at.most(16);
  });

  it('falls to min while the server rejects everything, and grows when it is back', async () => {
    const limit = adaptive({ min: 2, max: 200 });
    const limited = bulkhead(limit);
    const call = () =>
      fetchJson(background, url).pipe(
        limited,
        catchError(() => EMPTY),
      );
    const callMany = (calls: number) => lastValueFrom(range(calls).pipe(mergeMap(call)), { defaultValue: 0 });
    await callMany(500);
    expect(limit.current).to.be.at.least(3);
    capacity = 0;
    await callMany(500);
    expect(limit.current).to.equal(2);
    capacity = 16;
    await callMany(500);
    expect(limit.current).to.be.at.least(3);
  });
});
