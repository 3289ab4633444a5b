import KeyvRedis from '@keyv/redis';
import type { AnswerStore } from 'forkfast';
import Keyv from 'keyv';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Limiters } from './limits.ts';
import type { RedisClient } from './redis.ts';

/** How often each key may be used. */
export interface Quota {
  readonly name: string;
  readonly points: number;
  /** In seconds. */
  readonly duration: number;
}

/** The state that all workers have in common. */
export interface SharedState {
  /** The store of `lastGood`. Without Redis there is none, and the answers stay in the memory of this process. */
  readonly answers: AnswerStore | undefined;
  limiters(quota: Quota): Limiters;
}

/** The state in the memory of this process, for a backend of one process. */
export function inMemory(): SharedState {
  return {
    answers: undefined,
    limiters: (quota) => ({ main: new RateLimiterMemory(optionsOf(quota)), spare: undefined }),
  };
}

/**
 * The state in Redis.
 *
 * @param namespace - The keys begin with it, so that programs can share a Redis.
 * @param workers - The number of processes. While Redis is away, each process allows its share of a quota.
 */
export function inRedis(client: RedisClient, namespace: string, workers: number): SharedState {
  // By default, Keyv and its adapter turn an error into a missing answer, and `lastGood` could not report it.
  const adapter = new KeyvRedis(client, { throwOnErrors: true });
  // The adapter puts the namespace of Keyv before each key. With a key prefix, Keyv would do it a second time.
  const answers = new Keyv(adapter, { throwOnErrors: true, namespace, useKeyPrefix: false });
  return {
    answers,
    limiters: (quota) => {
      const { name, points, duration } = quota;
      const share = Math.max(1, Math.floor(points / workers));
      return {
        main: new RateLimiterRedis({
          keyPrefix: `${namespace}:${name}`,
          points,
          duration,
          storeClient: client,
          useRedisPackage: true, // the client is node-redis, and not ioredis
          rejectIfRedisNotReady: true,
        }),
        spare: new RateLimiterMemory({ keyPrefix: name, points: share, duration }),
      };
    },
  };
}

function optionsOf({ name, points, duration }: Quota): { keyPrefix: string; points: number; duration: number } {
  return { keyPrefix: name, points, duration };
}
