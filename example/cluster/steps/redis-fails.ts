import { load } from '../driver/load.ts';
import type { RedisServer } from '../driver/redis-server.ts';
import type { Workers } from '../driver/workers.ts';
import { allAnswered, atPage, claim, pagesOf, type Step, usersFrom } from './step.ts';

/** A way in which Redis fails. */
interface Failure {
  readonly firstUser: number;
  readonly fail: (redis: RedisServer) => Promise<void>;
  readonly recover: (redis: RedisServer) => Promise<void>;
}

/** Redis fails, and comes back. No page needs it while the services are healthy. */
export function redisFails({ firstUser, fail, recover }: Failure): Step {
  return async ({ workers, redisServer, shared }) => {
    if (!redisServer) {
      const why = shared === 'Redis' ? 'this Redis belongs to somebody else' : 'there is no Redis';
      return { pages: [], claims: [claim(`left out: ${why}: use --redis`, true)] };
    }
    let failed: Promise<void> | undefined;
    const failNow = (): void => {
      failed = fail(redisServer);
    };
    const pages = await pagesOf(load(workers.url, usersFrom(firstUser, 350)).pipe(atPage(100, failNow)));
    await failed;
    const { storeFailed, countedAlone } = await workers.report();
    await recover(redisServer);
    const back = await areConnected(workers);
    return {
      pages,
      claims: [
        allAnswered(pages),
        claim(`the events say so: store-failed × ${String(storeFailed)}`, storeFailed > 0),
        claim(`the processes counted the quota alone, ${String(countedAlone)} times`, countedAlone > 0),
        claim('all processes are connected again after Redis is back', back),
      ],
    };
  };
}

/** Whether all workers are connected to Redis, now or within ten seconds. */
async function areConnected(workers: Workers): Promise<boolean> {
  const end = performance.now() + 10_000;
  while (performance.now() < end) {
    const { connected } = await workers.report();
    if (connected) return true;
  }
  return false;
}
