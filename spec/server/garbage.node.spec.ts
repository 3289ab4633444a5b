import { expect } from 'chai';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { of } from 'rxjs';
import { aggregate, type Context } from '../../lib/index.ts';
import { contextOf, type WebRequest } from '../../lib/server/index.ts';
import { countingController } from '../support/signals.ts';
import { nextTask } from '../support/tasks.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('contextOf: a Request that is garbage', () => {
  it('leaves no listener on the signal of the server, although the context was copied', async () => {
    const server = countingController();
    const page = aggregate({ tenant: (ctx: Context & { tenant: string }) => of(ctx.tenant) });
    const handle = (): void => {
      const ctx = contextOf(new Request('http://api.test/'), { signal: server.signal });
      page({ ...ctx, tenant: 'acme' }).subscribe();
    };
    for (let count = 0; count < 100; count++) handle();
    expect(server.listeners()).to.equal(1);
    for (let round = 0; round < 20 && server.listeners() > 0; round++) {
      collectGarbage();
      await nextTask();
    }
    expect(server.listeners()).to.equal(0);
  });

  it('does not lose the signal of a request that is still handled', async () => {
    const server = new AbortController();
    const client = new AbortController();
    const aborts: string[] = [];
    const listen = (): void => {
      const { signal } = contextOf({ headers: new Headers(), signal: client.signal }, { signal: server.signal });
      signal.addEventListener('abort', () => aborts.push(String(signal.reason)));
    };
    listen();
    for (let round = 0; round < 5; round++) {
      collectGarbage();
      await nextTask();
    }
    server.abort('shutdown');
    expect(aborts).to.deep.equal(['shutdown']);
    client.abort();
  });

  it('does not lose the signal of a server for code that has kept nothing but the signal of the context', async () => {
    const server = new AbortController();
    const signalOf = (request: WebRequest): AbortSignal => contextOf(request, { signal: server.signal }).signal;
    const signals = [signalOf(new Request('http://api.test/')), signalOf({ headers: new Headers() })];
    for (let round = 0; round < 5; round++) {
      collectGarbage();
      await nextTask();
    }
    server.abort('shutdown');
    expect(signals.map(({ reason }) => String(reason))).to.deep.equal(['shutdown', 'shutdown']);
  });
});
