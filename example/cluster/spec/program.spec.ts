import { expect } from 'chai';
import { connect, connected } from '../worker/redis.ts';
import { rowOf, run } from './support/program.ts';
import { itWithRedis, itWithRedisServer, stopRedis } from './support/redis.ts';

const workers = ['--workers', '2'];

describe('example: cluster', function () {
  this.timeout(120_000);
  afterEach(stopRedis);

  it('keeps its promises in memory, in one process, and says so', async () => {
    const { code, stdout, stderr } = await run(workers);
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^In memory: one process at http:.*, because REDIS_URL is not set\.$/m);
    expect(stdout).to.match(/^ {2}--workers 2 needs Redis/m);
    expect(rowOf(stdout, 'a')).to.deep.equal({ pages: 200, answered: 200, stale: 0, refused: 0, failed: 0 });
    expect(rowOf(stdout, 'b')).to.include({ pages: 400, answered: 400, failed: 0 });
    expect(rowOf(stdout, 'c')).to.deep.equal({ pages: 150, answered: 65, stale: 0, refused: 85, failed: 0 });
    expect(stdout).to.match(/^d1 .*\n +left out: there is no Redis.*\nd2 .*\n +left out: there is no Redis/m);
    expect(rowOf(stdout, 'e')['failed']).to.equal(0);
    expect(stdout).to.match(/^ +kept +1 process of 1 drained and ended with 0$/m);
    expect(stdout).to.match(/\nEvery promise was kept\.\n$/);
    expect(code).to.equal(0);
  });

  itWithRedisServer('keeps its promises with several processes, while its Redis hangs and dies', async () => {
    const { code, stdout, stderr } = await run([...workers, '--redis'], { PATH: process.env['PATH'] });
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^With Redis: 2 processes at http:/m);
    expect(rowOf(stdout, 'a')).to.include({ pages: 200, answered: 200, failed: 0 });
    expect(rowOf(stdout, 'b')).to.include({ pages: 400, answered: 400, failed: 0 });
    expect(stdout).to.match(/^ +kept +[1-9]\d* stale pages had been seen by another process only$/m);
    expect(stdout).to.match(/^ +kept +all processes together let pass \d+ of 135: the quota is 50/m);
    for (const step of ['d1', 'd2']) {
      expect(rowOf(stdout, step)).to.include({ pages: 350, answered: 350, failed: 0 });
    }
    expect(stdout.match(/^ +kept +the events say so: store-failed × [1-9]\d*$/gm)).to.have.length(2);
    expect(rowOf(stdout, 'e')['failed']).to.equal(0);
    expect(stdout).to.match(/^ +kept +2 processes of 2 drained and ended with 0$/m);
    expect(stdout).to.match(/\nEvery promise was kept\.\n$/);
    expect(code).to.equal(0);
  });

  itWithRedis('keeps its promises with the Redis of REDIS_URL, and leaves it alone', async (url) => {
    const client = connect(url);
    await connected(client, 10_000);
    const before = new Set(await client.keys('*'));
    const { code, stdout, stderr } = await run(workers, { REDIS_URL: url });
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^ {2}Redis is the one of REDIS_URL, which this program does not kill\.$/m);
    expect(stdout).to.match(/^d1 .*\n +left out: this Redis .*\nd2 .*\n +left out: this Redis /m);
    expect(stdout).to.match(/\nEvery promise was kept\.\n$/);
    expect(code).to.equal(0);
    const keys = (await client.keys('*')).filter((key) => !before.has(key));
    expect(keys).not.to.deep.equal([]);
    expect(new Set(keys.map((key) => /^forkfast-[0-9a-f-]{36}:/.exec(key)?.[0]))).to.have.property('size', 1);
    for (const key of keys) expect(await client.pTTL(key), key).to.be.above(0);
    client.destroy();
  });

  it('reports in one line what the machine or the command line lacks', async () => {
    for (const [args, environment, message] of [
      [['--redis'], {}, '--redis: expected redis-server on the PATH: apt-get install redis-server\n'],
      [['--redis'], { REDIS_URL: 'redis://redis.test' }, '--redis: expected no REDIS_URL: remove one of the two\n'],
      [['--workers', '0'], {}, '--workers: expected a number from 1 to 32, got "0"\n'],
    ] as const) {
      expect(await run(args, environment)).to.deep.equal({ code: 2, stdout: '', stderr: message });
    }
    const { code, stdout } = await run(['--help']);
    expect(stdout).to.match(/^Usage: npm run example:cluster -- /);
    expect(code).to.equal(0);
  });
});
