import { aggregate, background, type Context, fetchJson, withFetch } from 'forkfast';
import { undiciFetch } from 'forkfast/undici';
import { lastValueFrom } from 'rxjs';
import { Agent } from 'undici';
import { certificate } from '../../spec/support/certificate.ts';
import type { CallAll } from '../contenders/index.ts';
import { type Slice, slice } from '../drive.ts';
import { table } from '../format.ts';
import { cellsOf, type Rated, ratesOf } from '../rates.ts';
import { Clients, type Effort, Upstream } from '../rounds.ts';

// HTTP/1.1 and HTTP/2 over TLS: both services respond, or one fails and the other is canceled. Over HTTP/1.1, the cancellation
// closes the connection.

interface Task {
  readonly origins: readonly string[];
  readonly paths: readonly [string, string];
  readonly ms: number;
}

type Figures = readonly { readonly story: string; readonly agents: readonly Rated[] }[];

const BASE = 'HTTP/1.1';
const agents: Readonly<Record<string, Agent.Options>> = {
  [BASE]: {},
  'HTTP/2': { allowH2: true },
  'HTTP/2, { connections: 1 }': { allowH2: true, connections: 1 },
};

const stories: Readonly<Record<string, readonly [string, string]>> = {
  'both answer': ['/ok', '/ok'],
  'one fails, one is canceled': ['/refuse', '/never'],
};

export async function measure({ rounds, quick }: Effort): Promise<Figures> {
  const upstream = new Upstream();
  const origins = await upstream.listen(2, true);
  const clients = new Clients<Task, Slice>('http2', Object.keys(agents));
  const figures: Figures[number][] = [];
  for (const [story, paths] of Object.entries(stories)) {
    const task = { origins, paths, ms: quick ? 50 : 250 };
    figures.push({ story, agents: await ratesOf(clients, upstream, { rounds, task, base: BASE }) });
  }
  clients.stop();
  upstream.stop();
  return figures;
}

export function work(name: string): (task: Task) => Promise<Slice> {
  const transport = undiciFetch({ dispatcher: new Agent({ ...agents[name], connect: { ca: certificate } }) });
  return ({ origins, paths, ms }) => {
    const services = paths.map((path, index) => (ctx: Context) => fetchJson(ctx, `${String(origins[index])}${path}`));
    const run = aggregate(services, withFetch(transport))(background);
    const callAll: CallAll = () => lastValueFrom(run);
    return slice(paths[0] === '/ok' ? callAll : failing(callAll), 50, ms);
  };
}

/**
 * Rejects on any other outcome than the expected failure, which would falsify the figures. After 1,000 canceled requests and 33 more a
 * second, Node ends a connection of HTTP/2, with one of its requests.
 */
function failing(callAll: CallAll): CallAll {
  return () =>
    callAll().then(
      () => {
        throw new Error('expected a failure, got an answer');
      },
      (error: unknown) => {
        if (!/HTTP 500|UND_ERR_SOCKET|ERR_HTTP2_SESSION_ERROR/.test(String(error))) throw error;
      },
    );
}

export function tables(figures: Figures): string {
  const names = figures[0]?.agents.map(({ name }) => name) ?? [];
  return table(
    ['2 services over TLS, 50 in flight', ...figures.flatMap(({ story }) => [story, 'CPU µs'])],
    names.map((name, row) => [name, ...figures.flatMap(({ agents }) => cellsOf(agents[row], row))]),
  );
}
