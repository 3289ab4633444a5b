import cluster, { type Address, type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Upstreams } from '../../dashboard/users.ts';
import type { Report, ToWorker } from '../worker/messages.ts';

/** Milliseconds. A worker that takes longer to start or to end is an error. */
const patience = 30_000;

/** The environment of a worker. */
export interface WorkerEnvironment {
  readonly PROFILE_URL: string;
  readonly ORDERS_URL: string;
  readonly NAMESPACE: string;
  readonly WORKERS: string;
  readonly REDIS_URL: string | undefined;
}

/** The processes that serve the dashboard. They share one port: the primary accepts connections and hands them out in turn. */
export class Workers {
  readonly #environment: () => WorkerEnvironment;
  #url = '';
  /** The ends of workers that nobody had asked to end. */
  readonly crashes: string[] = [];
  #workers: readonly Worker[] = [];
  readonly #ending = new Set<Worker>();

  /** @param environment - Returns the environment of the next worker: an upstream may have moved since the last one. */
  constructor(environment: () => WorkerEnvironment) {
    this.#environment = environment;
    cluster.setupPrimary({ exec: fileURLToPath(new URL('worker/main.js', import.meta.url)) });
    cluster.on('exit', (worker, code, signal) => {
      if (!this.#ending.has(worker))
        this.crashes.push(`worker ${String(worker.id)} ended with ${signal || String(code)}`);
    });
  }

  get url(): string {
    return this.#url;
  }

  get size(): number {
    return this.#workers.length;
  }

  async start(count: number): Promise<void> {
    this.#workers = await Promise.all(Array.from({ length: count }, () => this.#fork()));
  }

  /** Tells the workers where the upstreams are now. */
  announce(upstreams: Upstreams): void {
    this.#send({ type: 'upstreams', upstreams });
  }

  /** Resolves with the sums of all workers. The answers that they have sent to Redis are there then. */
  async report(): Promise<Report> {
    const answers = this.#workers.map((worker) => once(worker, 'message', { signal: AbortSignal.timeout(patience) }));
    this.#send({ type: 'report' });
    const reports = (await Promise.all(answers)).map(([message]) => message as Report);
    const sum = (name: 'stale' | 'storeFailed' | 'countedAlone'): number =>
      reports.reduce((total, report) => total + report[name], 0);
    return {
      type: 'report',
      connected: reports.every(({ connected }) => connected),
      stale: sum('stale'),
      storeFailed: sum('storeFailed'),
      countedAlone: sum('countedAlone'),
    };
  }

  /** Replaces each worker in turn. The new one listens before the old one drains. Resolves with the exit codes of the old ones. */
  async rollingRestart(): Promise<readonly (number | null)[]> {
    const codes: (number | null)[] = [];
    for (const old of this.#workers) {
      const replacement = await this.#fork();
      this.#workers = [...this.#workers.filter((worker) => worker !== old), replacement];
      codes.push(await this.#end(old));
    }
    return codes;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => this.#end(worker)));
  }

  async #fork(): Promise<Worker> {
    const worker = cluster.fork(this.#environment());
    const signal = AbortSignal.timeout(patience);
    const ended = once(worker, 'exit', { signal }).then(([code]) => {
      throw new Error(`worker ${String(worker.id)}: expected it to listen, it ended with ${String(code)}`);
    });
    const listening = once(worker, 'listening', { signal }) as Promise<[Address]>;
    const [{ address, port }] = await Promise.race([listening, ended]);
    this.#url = `http://${address}:${String(port)}`;
    return worker;
  }

  async #end(worker: Worker): Promise<number | null> {
    this.#ending.add(worker);
    worker.process.kill('SIGTERM');
    const [code] = (await once(worker, 'exit', { signal: AbortSignal.timeout(patience) })) as [number | null];
    return code;
  }

  #send(message: ToWorker): void {
    for (const worker of this.#workers) worker.send(message);
  }
}
