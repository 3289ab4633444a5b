import { expect } from 'chai';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import type { HopMessage } from '../support/hop.ts';

/** A server in a process of its own. */
interface Hop {
  readonly child: ChildProcess;
  readonly url: string;
  readonly messages: readonly HopMessage[];
  /** Sends the URL of the next server. */
  readonly chain: (url: string) => Promise<unknown>;
  /** Resolves with the first message about `path` of this type. */
  readonly first: <T extends 'received' | 'closed'>(type: T, path: string) => Promise<HopMessage & { type: T }>;
}

const units: Readonly<Record<string, number>> = { n: 1e-6, u: 1e-3, m: 1, S: 1_000 };
const milliseconds = (header: string): number => Number(header.slice(0, -1)) * (units[header.slice(-1)] ?? NaN);

describe('Three servers in three processes', function () {
  this.timeout(60_000);
  const children: ChildProcess[] = [];
  let hops: readonly [Hop, Hop, Hop];

  const startHop = async (name: string): Promise<Hop> => {
    const { NODE_V8_COVERAGE: _coverage, ...env } = process.env;
    const child = fork(require.resolve('../support/hop.cjs'), [name], {
      env,
      execArgv: ['--conditions=forkfast:source'],
    });
    children.push(child);
    const all: HopMessage[] = [];
    const messages = new ReplaySubject<HopMessage>(Infinity);
    child.on('message', (message: HopMessage) => {
      all.push(message);
      messages.next(message);
    });
    child.on('exit', (code) => {
      messages.error(new Error(`the server ended with ${String(code)}`));
    });
    const { url } = await firstValueFrom(messages.pipe(filter((message) => message.type === 'listening')));
    return {
      child,
      url,
      messages: all,
      chain: (next) => {
        child.send(next);
        return firstValueFrom(messages.pipe(filter((message) => message.type === 'chained')));
      },
      first: (type, path) =>
        firstValueFrom(
          messages.pipe(
            filter((message): message is never => message.type === type && 'path' in message && message.path === path),
          ),
        ),
    };
  };

  before(async () => {
    hops = await Promise.all([startHop('first'), startHop('second'), startHop('upstream')]);
    const [first, second, upstream] = hops;
    await Promise.all([first.chain(second.url), second.chain(upstream.url)]);
  });
  after(async () => {
    await Promise.all(
      children.map(async (child) => {
        const exited = child.exitCode === null ? once(child, 'exit') : undefined;
        child.kill('SIGKILL');
        await exited;
      }),
    );
  });

  const request = (path: string, timeout: string, signal?: AbortSignal): Promise<Response> =>
    fetch(hops[0].url + path, { headers: { 'grpc-timeout': timeout, 'x-request-id': 'r1' }, signal: signal ?? null });

  it('hand on a time that never grows, and close all connections when the first client leaves', async () => {
    const client = new AbortController();
    const answer = request('/hang', '30S', client.signal).catch((error: unknown) => error);
    const received = await Promise.all(hops.map(({ first }) => first('received', '/hang')));
    const times = received.map(({ timeout }) => milliseconds(timeout));
    expect(times[0]).to.equal(30_000);
    expect(times).to.deep.equal([...times].sort((a, b) => b - a));
    expect(times[2]).to.be.above(0);
    expect(received.map(({ id }) => id)).to.deep.equal(['r1', 'r1', 'r1']);
    client.abort();
    await Promise.all(hops.map(({ first }) => first('closed', '/hang')));
    expect(await answer).to.have.property('name', 'AbortError');
  });

  it('do not request the third when nothing is left', async () => {
    for (const [path, timeout, notRequested] of [
      ['/nothing', '0S', hops.slice(1)],
      ['/slow-first', '200m', hops.slice(1)],
      ['/slow-second', '300m', hops.slice(2)],
    ] as const) {
      const response = await request(path, timeout);
      expect([response.status, response.headers.get('content-type')]).to.deep.equal([504, 'application/problem+json']);
      expect(await response.json()).to.deep.include({ status: 504, pending: ['next'] });
      // Messages of one process arrive in order: a later request shows that none came before.
      const marker = `/after${path}`;
      for (const { url, first, messages } of notRequested) {
        fetch(url + marker).catch(() => undefined);
        await first('received', marker);
        expect(messages.filter((message) => message.type === 'received' && message.path === path)).to.deep.equal([]);
      }
    }
  });
});
