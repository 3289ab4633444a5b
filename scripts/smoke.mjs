// A program that uses the installed package over loopback: a success, a failure, a deadline and a cancellation. It runs on any
// runtime that has node:http. scripts/installed.mjs copies it next to the installed package.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { aggregate, DeadlineExceededError, fetchJson, url, withEvents, withTimeout } from 'forkfast';
import { serverTiming, waterfall } from 'forkfast/report';
import { expectNoLeaks, fakeFetch, marbles } from 'forkfast/testing';
import { orderService, profileService, UserAggregator } from 'forkfast/user-aggregator';
import { firstValueFrom, NEVER } from 'rxjs';

const closed = [];
const server = createServer((request, response) => {
  const id = request.url.split('/').at(-1);
  if (id === '500') response.writeHead(500).end();
  else if (id === 'slow') closed.push(once(response, 'close'));
  else response.setHeader('content-type', 'application/json').end(JSON.stringify({ name: 'Alice', orders: 5 }));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const base = `http://127.0.0.1:${server.address().port}`;

const get = (path) => (ctx, id) => fetchJson(ctx, url`${base}/${path}/${id}`);
const errorOf = (run) => firstValueFrom(run).then(assert.fail, (error) => error);

const users = new UserAggregator({ profile: profileService(base), orders: orderService(base) });
assert.equal(await firstValueFrom(users.aggregate({}, 42)), 'User: Alice | Orders: 5');

const failing = aggregate({ profile: (ctx) => get('profile')(ctx, '500'), orders: get('orders') });
const failure = await errorOf(failing({}, 'slow'));
assert.deepEqual([failure.service, failure.cause.status], ['profile', 500]);

const events = [];
const slow = aggregate({ profile: get('profile') }, withEvents({ next: (event) => events.push(event) }));
const late = await errorOf(aggregate({ slow }, withTimeout(50))({}, 'slow'));
assert.deepEqual([late.code, late.pending], ['ERR_DEADLINE_EXCEEDED', ['slow']]);
assert.match(serverTiming(events), /^total;/);
assert.match(waterfall(events), /profile .* canceled/);

const caller = new AbortController();
const canceled = errorOf(slow({ signal: caller.signal }, 'slow'));
caller.abort('the user left');
assert.equal((await canceled).cause, 'the user left');

marbles(({ cold, expectObservable }) => {
  const run = aggregate({ profile: () => cold('--(p|)'), orders: () => NEVER }, withTimeout(1_000));
  const error = new DeadlineExceededError({ pending: ['orders'], elapsed: 1_000 });
  expectObservable(run({})).toBe('1s #', undefined, error);
});
await expectNoLeaks((ctx) => fetchJson(ctx, 'http://api.test/'), { fetch: fakeFetch({ '/': { name: 'Alice' } }) });

assert(closed.length >= 2);
await Promise.all(closed); // the server sees the canceled requests close
server.close();
server.closeAllConnections();
console.log('smoke: ok');
