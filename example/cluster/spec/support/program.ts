import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const path = 'dist/main.js'; // `npm test` has built it

/** Runs the example. By default it finds neither a Redis nor a `redis-server`. */
export async function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const program = spawn(process.execPath, [path, ...args], {
    env: { PATH: '/nowhere', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  const [[code], stdout, stderr] = await Promise.all([
    once(program, 'exit') as Promise<[number | null]>,
    text(program.stdout),
    text(program.stderr),
  ]);
  return { code, stdout, stderr };
}

/** The cells of a row of the table, by the name of their column. */
export function rowOf(stdout: string, step: string): Readonly<Record<string, number>> {
  const row = new RegExp(`^${step} .*$`, 'm').exec(stdout)?.[0] ?? '';
  const [pages, answered, stale, refused, failed] = (row.match(/ \d+(?= |$)/g) ?? []).slice(-6).map(Number);
  return { pages, answered, stale, refused, failed } as Record<string, number>;
}
