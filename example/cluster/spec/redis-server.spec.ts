import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { itWithRedisServer } from './support/redis.ts';

describe('example: cluster: the redis-server of the example', () => {
  itWithRedisServer('ends also if its program is killed', async () => {
    const program = fork(join(__dirname, 'support/redis-program.cjs'));
    const [url] = (await once(program, 'message')) as [string];
    const socket = connect(new URL(url).pathname);
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    program.kill('SIGKILL');
    await closed; // Redis closes no connection while it runs
  });
});
