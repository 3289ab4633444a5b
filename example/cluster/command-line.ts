import { readFlags } from '../shared/flags.ts';

export interface Options {
  /** The number of processes that serve. */
  readonly workers: number;
  /** Whether to start a `redis-server`. */
  readonly redis: boolean;
  readonly help: boolean;
}

export const help = `Usage: npm run example:cluster -- [flags]

Serves the dashboard backend from several processes behind one port, and shows step by step what happens when an upstream or Redis
is killed, when a limit is reached, and when each process is restarted. Exits with 0 if every promise in the table was kept.

  --workers N   the number of processes (4). Only with Redis: without it, one process serves, with its state in memory
  --redis       start a redis-server for the example, which must be on the PATH. It can be killed
  --help        print this text

REDIS_URL=redis://host:6379 uses a Redis that is running. All keys begin with the name of the run, and expire.`;

/**
 * Reads the command line.
 *
 * @throws UsageError
 */
export function parse(args: readonly string[]): Options {
  const {
    workers = 4,
    redis = false,
    help = false,
  } = readFlags(args, {
    numbers: { workers: { min: 1, max: 32, unit: 'a number' } },
    booleans: ['redis', 'help'],
  });
  return { workers, redis, help };
}
