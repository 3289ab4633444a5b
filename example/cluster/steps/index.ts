import { allHealthy } from './all-healthy.ts';
import { quotaExceeded } from './quota-exceeded.ts';
import { redisFails } from './redis-fails.ts';
import { rollingRestart } from './rolling-restart.ts';
import type { Step } from './step.ts';
import { upstreamKilled } from './upstream-killed.ts';

/** The steps in order. Each has users of its own, so that no answer and no quota is left from an earlier step. */
export const steps: Readonly<Record<string, Step>> = {
  'a  all healthy': allHealthy,
  'b  profile killed under load': upstreamKilled,
  'c  one tenant over its quota': quotaExceeded,
  'd1 Redis hangs under load': redisFails({
    firstUser: 3_000,
    fail: (redis) => redis.hang(),
    recover: (redis) => redis.resume(),
  }),
  'd2 Redis killed under load': redisFails({
    firstUser: 4_000,
    fail: (redis) => redis.kill(),
    recover: (redis) => redis.start(),
  }),
  'e  rolling restart under load': rollingRestart,
};
