import { createClient } from '@keyv/redis';
import { once } from 'node:events';

export type RedisClient = ReturnType<typeof createRedisClient>;

/**
 * Connects to Redis. While there is no connection, each command fails at once, because a page works without the data of Redis. The client
 * connects again by itself.
 *
 * @param url - `redis://host:6379`, `rediss://…`, or `unix:/path/of/the/socket`.
 */
export function connect(url: string): RedisClient {
  const client = createRedisClient(url);
  // Without a listener, an `error` event ends the process. Each command that fails reports its own error.
  client.on('error', () => undefined);
  client.connect().catch(() => undefined); // rejects only if the client is closed before it has connected
  return client;
}

function createRedisClient(url: string) {
  const { protocol, pathname } = new URL(url);
  return createClient({
    ...(protocol === 'unix:' ? {} : { url }),
    // By default, commands wait until the connection is back, and the pages would wait with them.
    disableOfflineQueue: true,
    // A Redis that hangs keeps its connections open. A PING without an answer ends the connection, and all commands in flight fail.
    pingInterval: 400,
    socket: {
      ...(protocol === 'unix:' ? { path: pathname } : {}),
      socketTimeout: 1_000,
      connectTimeout: 1_000,
      // The default strategy does not connect again after a `socketTimeout`.
      reconnectStrategy: (attempts) => Math.min(50 * 2 ** attempts, 1_000) + Math.random() * 50,
    },
  });
}

/** Resolves when the client has connected, or after `most` milliseconds: a worker must start without Redis, too. */
export async function connected(client: RedisClient, most: number): Promise<void> {
  if (!client.isReady) await once(client, 'ready', { signal: AbortSignal.timeout(most) }).catch(() => undefined);
}

/** Whether Redis answers. It answers the commands of a connection in order: after the PING, all earlier writes are done. */
export async function answersPing(client: RedisClient): Promise<boolean> {
  return client.ping().then(
    () => true,
    () => false,
  );
}
