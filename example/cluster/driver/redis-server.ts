import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * Prints the pid of Redis, and ends with it. If standard input closes before, this program was killed: then the script kills Redis and
 * removes its folder.
 */
const script = [
  'exec 2>&1', // an error of the shell belongs to the output
  'folder=$1; shift',
  'redis-server "$@" & redis=$!',
  'echo "pid $redis"',
  'exec 3<&0', // a command in the background has no standard input
  '{ cat <&3; kill -KILL $redis && rm -rf "$folder"; } > /dev/null 2>&1 &',
  'wait $redis',
].join('\n');

/** Whether a `redis-server` is on the PATH. */
export function hasRedisServer(path = process.env['PATH'] ?? ''): boolean {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'redis-server'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A `redis-server` that this program starts and kills. It listens on a socket in a folder of its own, and keeps nothing. */
export class RedisServer {
  readonly #folder: string;
  #shell: ChildProcess | undefined;
  #pid = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await mkdtemp(join(tmpdir(), 'forkfast-redis-')));
    await server.start();
    return server;
  }

  get url(): string {
    return `unix:${this.#socket}`;
  }

  get #socket(): string {
    return join(this.#folder, 'redis.sock');
  }

  /** Starts it, also again after {@link kill}. The data are gone then. */
  async start(): Promise<void> {
    const options = [
      '--port',
      '0',
      '--unixsocket',
      this.#socket,
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      this.#folder,
    ];
    const shell = spawn('sh', ['-c', script, 'sh', this.#folder, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#shell = shell;
    const lines: string[] = [];
    for await (const line of createInterface(shell.stdout)) {
      lines.push(line);
      const pid = /^pid (\d+)$/.exec(line)?.[1];
      if (pid !== undefined) this.#pid = Number(pid);
      if (/ready to accept connections/i.test(line)) {
        shell.stdout.resume();
        return;
      }
    }
    throw new Error(`redis-server: it has not started:\n${lines.join('\n')}`);
  }

  /** Stops its process, which keeps its connections open and answers nothing. */
  hang(): Promise<void> {
    return this.#signal('SIGSTOP');
  }

  resume(): Promise<void> {
    return this.#signal('SIGCONT');
  }

  async kill(): Promise<void> {
    const shell = this.#shell;
    if (shell?.exitCode !== null) return;
    process.kill(this.#pid, 'SIGKILL');
    await once(shell, 'exit');
    shell.stdin?.end();
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    process.kill(this.#pid, signal);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
