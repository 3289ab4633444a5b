import { randomUUID } from 'node:crypto';
import { UsageError } from '../shared/flags.ts';
import { help, type Options, parse } from './command-line.ts';
import { hasRedisServer, RedisServer } from './driver/redis-server.ts';
import { UpstreamProcesses } from './driver/upstreams.ts';
import { Workers } from './driver/workers.ts';
import { steps } from './steps/index.ts';
import type { Stage } from './steps/step.ts';
import { header, rowsOf } from './table.ts';
import { quota } from './worker/dashboard.ts';

/** Starts all processes, runs the steps, and ends the processes. Resolves with whether every promise was kept. */
async function run(options: Options): Promise<boolean> {
  const redisServer = options.redis ? await RedisServer.start() : undefined;
  // All other processes end when this one ends. The folder of Redis would be left.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void Promise.resolve(redisServer?.stop()).finally(() => process.exit(1));
    });
  }
  const REDIS_URL = redisServer?.url ?? process.env['REDIS_URL'];
  const count = REDIS_URL === undefined ? 1 : options.workers;
  const namespace = `forkfast-${randomUUID()}`; // the Redis of REDIS_URL may have other users
  const upstreams = new UpstreamProcesses();
  try {
    await Promise.all([upstreams.start('profile'), upstreams.start('orders')]);
    const workers = new Workers(() => ({
      PROFILE_URL: upstreams.urls.profile,
      ORDERS_URL: upstreams.urls.orders,
      NAMESPACE: namespace,
      WORKERS: String(count),
      REDIS_URL,
    }));
    await workers.start(count);
    const shared = REDIS_URL === undefined ? 'memory' : 'Redis';
    console.log(introductionOf({ workers, upstreams, shared, redisServer }, options));
    const kept = await runSteps({ workers, upstreams, shared, redisServer });
    await workers.stop();
    for (const crash of workers.crashes) console.log(crash);
    return kept && workers.crashes.length === 0;
  } finally {
    await upstreams.stop();
    await redisServer?.stop();
  }
}

async function runSteps(stage: Stage): Promise<boolean> {
  console.log(`\n${header}`);
  let kept = true;
  for (const [name, step] of Object.entries(steps)) {
    const result = { name, ...(await step(stage)) };
    console.log(rowsOf(result));
    kept &&= result.claims.every((claim) => claim.kept);
  }
  return kept;
}

function introductionOf({ workers, shared, redisServer }: Stage, options: Options): string {
  const points = `${String(quota.points)} calls in ${String(quota.duration)} s`;
  if (shared === 'memory') {
    return [
      `In memory: one process at ${workers.url}, because REDIS_URL is not set.`,
      `  --workers ${String(options.workers)} needs Redis: several processes would each have answers and counts of their own.`,
      '  The last good answers are in the memory of the process, and end with it.',
      `  The quota of a tenant, ${points}, is counted in the process.`,
    ].join('\n');
  }
  return [
    `With Redis: ${String(workers.size)} processes at ${workers.url}.`,
    `  Redis ${redisServer ? 'was started by this program, which may kill it' : 'is the one of REDIS_URL, which this program does not kill'}.`,
    '  The last good answers are in Redis, through Keyv: each process answers with what any process has seen.',
    `  The quota of a tenant, ${points}, is counted in Redis, for all processes together.`,
  ].join('\n');
}

/** @throws UsageError if the machine cannot do what the flags say. */
function check({ redis }: Options): void {
  if (!redis) return;
  if (process.env['REDIS_URL'] !== undefined)
    throw new UsageError('--redis: expected no REDIS_URL: remove one of the two');
  if (!hasRedisServer())
    throw new UsageError('--redis: expected redis-server on the PATH: apt-get install redis-server');
}

async function main(args: readonly string[]): Promise<void> {
  try {
    const options = parse(args);
    if (options.help) {
      console.log(help);
      return;
    }
    check(options);
    const kept = await run(options);
    console.log(kept ? '\nEvery promise was kept.' : '\nA promise was broken.');
    if (!kept) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

void main(process.argv.slice(2));
