import { aggregate, background, type Context, fetchJson, withFetch, withTimeout } from 'forkfast';
import type { UndiciFetch } from 'forkfast/undici';
import type { Agent } from 'undici';
import { abortable, type Contender, withObservables } from './contender.ts';
import { dispatchJson } from './dispatch-json.ts';

type GetJson = (url: string, signal: AbortSignal | null) => Promise<unknown>;

/** The default of forkfast/undici. */
const bound = { connections: 256 };

/** The contenders over undici. */
export const overUndici: readonly Contender[] = [
  withoutCancellation('undici.request + Promise.all', () => requestJson()),
  byHand('undici.request by hand, one signal a run', () => requestJson()),
  withoutCancellation('undici dispatch + Promise.all', () => dispatcherJson()),
  byHand('undici dispatch by hand', () => dispatcherJson()),
  { ...byHand('undici dispatch by hand, 256 connections', () => dispatcherJson(bound)), ...bound },
  forkfastOver('forkfast + forkfast/undici', async () => (await import('forkfast/undici')).undiciFetch()),
];

function withoutCancellation(name: string, getter: () => Promise<GetJson>): Contender {
  const prepare: Contender['prepare'] = async (urls) => {
    const get = await getter();
    return () => Promise.all(urls.map((url) => get(url, null)));
  };
  return { name, packages: ['undici'], cancels: false, prepare };
}

/** One signal and one timer for all requests. */
function byHand(name: string, getter: () => Promise<GetJson>): Contender {
  const prepare: Contender['prepare'] = async (urls, ms) => {
    const get = await getter();
    return () => abortable(ms, (signal) => Promise.all(urls.map((url) => get(url, signal))));
  };
  return { name, packages: ['undici'], cancels: true, prepare };
}

function forkfastOver(name: string, transportOf: () => Promise<UndiciFetch>): Contender {
  let transport: UndiciFetch | undefined;
  return withObservables(name, ['forkfast', 'rxjs', 'undici'], async (urls, ms) => {
    transport ??= await transportOf();
    const services = urls.map((url) => (ctx: Context) => fetchJson(ctx, url));
    return aggregate(services, withTimeout(ms), withFetch(transport))(background);
  });
}

let agent: Agent | undefined;

/**
 * Returns the one agent of the process. The contenders pass it as the dispatcher, since the global one may be that of Node. They load
 * undici when they need it, since it may replace the dispatcher of the global `fetch`.
 */
async function agentOf(options: Agent.Options): Promise<Agent> {
  const { Agent } = await import('undici');
  return (agent ??= new Agent(options));
}

async function requestJson(): Promise<GetJson> {
  const dispatcher = await agentOf({});
  const { request } = await import('undici');
  return async (url, signal) => {
    const { statusCode, body } = await request(url, { dispatcher, signal });
    if (statusCode !== 200) throw new Error(`HTTP ${String(statusCode)}`);
    return body.json();
  };
}

async function dispatcherJson(options: Agent.Options = {}): Promise<GetJson> {
  const dispatcher = await agentOf(options);
  return (url, signal) => dispatchJson(dispatcher, url, signal);
}
