import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { aggregate, fetchJson, withFetch } from 'forkfast';
import { contextOf, problemOf } from 'forkfast/server';
import { undiciFetch } from 'forkfast/undici';
import { Child, onTask } from './child.ts';

// A backend that answers each request with a run of two services. The argument is the number of workers of node:cluster, which share
// one port. With 0, the process itself listens.

export type BackendTask = { readonly task: 'listen'; readonly origins: readonly string[] } | { readonly task: 'cpu' };

const workers = cluster.isPrimary
  ? await Promise.all(Array.from({ length: Number(process.argv[2]) }, startWorker))
  : [];

/** Returns the port, or the microseconds of CPU time so far of all processes. */
onTask(async (task: BackendTask): Promise<number> => {
  const results = await Promise.all(workers.map((worker) => worker.run(task)));
  if (task.task === 'listen') return results[0] ?? listen(task.origins);
  const { user, system } = process.cpuUsage();
  return results.reduce((sum, cpu) => sum + cpu, user + system);
});

/** A worker loses the messages that arrive before it listens to them. So it sends one when it listens. */
if (cluster.isWorker) process.send?.('ready');

async function startWorker(): Promise<Child<BackendTask, number>> {
  const worker = cluster.fork();
  await once(worker, 'message');
  return new Child(worker.process);
}

function listen(origins: readonly string[]): Promise<number> {
  const services = origins.map((origin) => (ctx: object) => fetchJson(ctx, `${origin}/ok`));
  const dashboard = aggregate(services, withFetch(undiciFetch()));
  const server = createServer((request, response) => {
    dashboard(contextOf(request, response)).subscribe({
      next: (answers) => response.setHeader('content-type', 'application/json').end(JSON.stringify(answers)),
      error: (error: unknown) => {
        const { status, headers, body } = problemOf(error);
        response.writeHead(status, headers).end(JSON.stringify(body));
      },
    });
  });
  return new Promise((resolve) => {
    // node:cluster gives the same free port to all workers.
    server.listen({ port: 0, host: '127.0.0.1', backlog: 8_192 }, () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}
