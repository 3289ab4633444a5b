import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Upstreams } from '../../dashboard/users.ts';

type Name = keyof Upstreams;

/** The two services, each in a process of its own. */
export class UpstreamProcesses {
  readonly #processes: Partial<Record<Name, ChildProcess>> = {};
  readonly urls: Record<Name, string> = { profile: '', orders: '' };

  /** Starts a service on a free port. */
  async start(name: Name): Promise<void> {
    const child = fork(new URL('driver/upstream.js', import.meta.url), [name]);
    this.#processes[name] = child;
    const [url] = (await once(child, 'message', { signal: AbortSignal.timeout(20_000) })) as [string];
    this.urls[name] = url;
  }

  /** Kills a service, without a goodbye to its clients. */
  async kill(name: Name): Promise<void> {
    const child = this.#processes[name];
    if (child?.exitCode !== null || child.signalCode !== null) return; // there is none, or it has ended
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await Promise.all([this.kill('profile'), this.kill('orders')]);
  }
}
