import { hasRedisServer, RedisServer } from '../../driver/redis-server.ts';

const started = new Set<RedisServer>();

/**
 * A spec that starts a `redis-server` of its own. Without one on the PATH, the spec is listed as left out, and it fails if
 * REQUIRE_REDIS is set.
 */
export function itWithRedisServer(title: string, spec: () => Promise<void>): void {
  if (hasRedisServer()) it(title, spec);
  else if (process.env['REQUIRE_REDIS'] === undefined) it(`${title} (left out: no redis-server on the PATH)`);
  else {
    it(title, () => {
      throw new Error('REQUIRE_REDIS: expected redis-server on the PATH: apt-get install redis-server');
    });
  }
}

/** A spec with any Redis: a server of its own, or the one of REDIS_URL. */
export function itWithRedis(title: string, spec: (url: string) => Promise<void>): void {
  const { REDIS_URL } = process.env;
  if (!hasRedisServer() && REDIS_URL !== undefined) it(title, () => spec(REDIS_URL));
  else itWithRedisServer(title, async () => spec((await startRedis()).url));
}

export async function startRedis(): Promise<RedisServer> {
  const server = await RedisServer.start();
  started.add(server);
  return server;
}

/** For `afterEach`. */
export async function stopRedis(): Promise<void> {
  await Promise.all([...started].map((server) => server.stop()));
  started.clear();
}
