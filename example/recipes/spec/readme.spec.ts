import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { compileFunction } from 'node:vm';
import { expect } from 'chai';
import express, { type Express } from 'express';
import { aggregate, type Context, type Service } from 'forkfast';
import { contextOf, problemOf } from 'forkfast/server';
import { NEVER, Observable, of, Subject, throwError } from 'rxjs';

/** The route of the README, as a program that has an `app` and a `dashboard`. Only its import is left out. */
const [, block = ''] = /^```js\n(.*?)^```$/ms.exec(readFileSync('../../README.md', 'utf8')) ?? [];
const addRoute = compileFunction(block.replace(/^import .*\n/, ''), ['app', 'dashboard', 'contextOf', 'problemOf']) as (
  app: Express,
  dashboard: Service<number, unknown>,
  ...helpers: unknown[]
) => void;

describe('the route in the README', () => {
  const started = new Subject<void>();
  const canceled = new Subject<void>();
  const profile = (ctx: Context, id: number): Observable<unknown> => {
    if (id === 7) return throwError(() => new Error('down'));
    if (id === 42) return of({ name: 'Alice', tenant: ctx.propagate?.['x-tenant'] });
    return new Observable(() => {
      started.next();
      return () => {
        canceled.next();
      };
    });
  };
  let server: Server;
  let base: string;
  before(async () => {
    const app = express();
    addRoute(
      app,
      aggregate({ profile, slow: (_ctx, id: number) => (id === 42 ? of(1) : NEVER) }),
      contextOf,
      problemOf,
    );
    server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/users`;
  });
  after(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });

  it('responds with the answer, and forwards the headers', async () => {
    const response = await fetch(`${base}/42`, { headers: { 'x-tenant': 'acme' } });
    expect(await response.json()).to.deep.equal({ profile: { name: 'Alice', tenant: 'acme' }, slow: 1 });
  });

  it('responds with problem details when a service fails', async () => {
    const response = await fetch(`${base}/7`);
    expect(response.headers.get('content-type')).to.match(/^application\/problem\+json/);
    expect(response.status).to.equal(502);
  });

  it('cancels the run when the client disconnects', async () => {
    const client = new AbortController();
    const isRunning = new Promise<void>((resolve) => started.subscribe(resolve));
    const isCanceled = new Promise<void>((resolve) => canceled.subscribe(resolve));
    const response = fetch(`${base}/1`, { signal: client.signal }).catch((error: unknown) => error);
    await isRunning;
    client.abort();
    await isCanceled;
    expect(await response).to.have.property('name', 'AbortError');
  });
});
