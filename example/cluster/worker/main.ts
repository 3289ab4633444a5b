// One worker: a process that serves the dashboard. It has its configuration from the environment, like a container.
import cluster from 'node:cluster';
import type { RunEvent } from 'forkfast';
import { dashboardOf } from './dashboard.ts';
import type { Report, ToWorker } from './messages.ts';
import { answersPing, connect, connected } from './redis.ts';
import { markStale, routesOf } from './routes.ts';
import { serve } from './server.ts';
import { inMemory, inRedis } from './shared-state.ts';

/** Milliseconds for the requests in flight after a SIGTERM. Shorter than the time after which the platform kills the process. */
const grace = 10_000;

async function main(): Promise<void> {
  const { PROFILE_URL = '', ORDERS_URL = '', REDIS_URL, NAMESPACE = 'dashboard', WORKERS = '1' } = process.env;
  const upstreams = { profile: PROFILE_URL, orders: ORDERS_URL };
  const redis = REDIS_URL === undefined ? undefined : connect(REDIS_URL);
  // Waits, because the first pages should share their state, but not for long: a worker serves without Redis, too.
  if (redis) await connected(redis, 1_000);

  let counts = { stale: 0, storeFailed: 0, countedAlone: 0 };
  const onEvent = (event: RunEvent): void => {
    markStale(event);
    if (event.type === 'stale') counts.stale++;
    else if (event.type === 'store-failed') counts.storeFailed++;
  };
  const dashboard = dashboardOf({
    upstreams,
    state: redis ? inRedis(redis, NAMESPACE, Number(WORKERS)) : inMemory(),
    events: { next: onEvent },
    onSpareLimiter: () => counts.countedAlone++,
  });
  const shutdown = new AbortController();
  const routes = routesOf(dashboard, {
    worker: String(cluster.worker?.id),
    isReady: () => !server.draining,
    shutdown: shutdown.signal,
  });
  const server = await serve(routes, 0); // the primary gives all workers the same port

  const report = async (): Promise<void> => {
    const reported: Report = { type: 'report', connected: redis ? await answersPing(redis) : false, ...counts };
    counts = { stale: 0, storeFailed: 0, countedAlone: 0 };
    process.send?.(reported);
  };
  process.on('message', (message: ToWorker) => {
    if (message.type === 'upstreams') Object.assign(upstreams, message.upstreams);
    else void report();
  });

  const drain = async (): Promise<void> => {
    const timer = setTimeout(() => {
      shutdown.abort(); // the runs that are left respond with 503
    }, grace);
    await server.drain(grace + 1_000);
    clearTimeout(timer);
    redis?.destroy();
    if (process.connected) cluster.worker?.disconnect(); // now nothing keeps the process alive, and it ends with 0
  };
  process.once('SIGTERM', () => void drain());
  process.on('SIGINT', () => undefined); // a terminal sends Ctrl-C to all processes: the primary ends the workers
}

void main();
