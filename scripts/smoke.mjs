// What a program does with the installed package, on any runtime that has node:http: an answer, a failure, a deadline and a
// caller who leaves, over loopback. It is copied next to the package's consumers, and imports what they would.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { aggregate, DeadlineExceededError, fetchJson, orderService, profileService, silent, url } from 'forkfast';
import { UserAggregator, withEvents, withLogger, withTimeout } from 'forkfast';
import { serverTiming, waterfall } from 'forkfast/report';
import { expectNoLeaks, fakeFetch, marbles } from 'forkfast/testing';
import { firstValueFrom, NEVER } from 'rxjs';

const hungUp = [];
const server = createServer((request, response) => {
  const id = request.url.split('/').at(-1);
  if (id === '500') response.writeHead(500).end();
  else if (id === 'slow') hungUp.push(once(response, 'close'));
  else response.setHeader('content-type', 'application/json').end(JSON.stringify({ name: 'Alice', orders: 5 }));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const base = `http://127.0.0.1:${server.address().port}`;

const quiet = withLogger(silent);
const get = (what) => (ctx, id) => fetchJson(ctx, url`${base}/${what}/${id}`);
const errorOf = (asked) => firstValueFrom(asked).then(assert.fail, (error) => error);

const services = { profile: profileService(base), orders: orderService(base) };
assert.equal(await firstValueFrom(new UserAggregator(services, quiet).aggregate({}, 42)), 'User: Alice | Orders: 5');

const failing = aggregate({ profile: (ctx) => get('profile')(ctx, '500'), orders: get('orders') }, quiet);
const failure = await errorOf(failing({}, 'slow'));
assert.deepEqual([failure.service, failure.cause.status], ['profile', 500]);

const events = [];
const slow = aggregate({ profile: get('profile') }, quiet, withEvents({ next: (event) => events.push(event) }));
const late = await errorOf(aggregate({ slow }, quiet, withTimeout(50))({}, 'slow'));
assert.deepEqual([late.code, late.pending], ['ERR_DEADLINE_EXCEEDED', ['slow']]);
assert.match(serverTiming(events), /^total;/);
assert.match(waterfall(events), /profile .* canceled/);

const caller = new AbortController();
const leaving = errorOf(slow({ signal: caller.signal }, 'slow'));
caller.abort('gone');
assert.equal((await leaving).cause, 'gone');

marbles(({ cold, expectObservable }) => {
  const asked = aggregate({ profile: () => cold('--(p|)'), orders: () => NEVER }, quiet, withTimeout(1_000));
  expectObservable(asked({})).toBe(
    '1s #',
    undefined,
    new DeadlineExceededError({ pending: ['orders'], elapsed: 1_000 }),
  );
});
await expectNoLeaks((ctx) => fetchJson(ctx, 'http://api.test/'), { fetch: fakeFetch({ '/': { name: 'Alice' } }) });

assert(hungUp.length >= 2);
await Promise.all(hungUp); // the server sees them go
server.close();
server.closeAllConnections();
console.log('smoke: ok');
