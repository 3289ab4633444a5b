// Many runs over real HTTP, all on one long-lived signal: they succeed, fail, time out and are canceled. Fails if they leak: the
// heap must be flat after collections, and the signal must have no listeners. Options: `npm run soak -- --runs 20000 --seed 7`.
import { fork } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as forkfast from 'forkfast';
import { catchError, from, lastValueFrom, map, merge, mergeMap, NEVER, of, retry, switchMap, take, timer } from 'rxjs';

/** Bytes per run. The smallest leak, such as an entry of a map or a listener, is several times larger. */
const FLAT = 10;
/** With fewer runs, compilation and caches dominate the growth of the heap. */
const ENOUGH = 100_000;

if (process.send) upstream();
else await soak();

async function soak() {
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '200000' }, seed: { type: 'string', default: '1' } },
  });
  const runs = Number(values.runs);
  const seed = Number(values.seed);
  const batch = Math.ceil(runs / 100);
  const child = fork(fileURLToPath(import.meta.url), { stdio: 'inherit' });
  const [{ url }] = await once(child, 'message');
  const problems = [];
  for (const event of ['unhandledRejection', 'warning']) process.on(event, (problem) => problems.push(problem));

  const start = scenarios(url);
  const random = mulberry32(seed);
  const lifetime = new AbortController(); // a server's shutdown signal
  const ctx = { signal: lifetime.signal };
  const outcomes = new Map();
  const samples = [];
  let done = 0;
  const startedAt = performance.now();
  console.log(`${runs} runs, seed ${seed}\n\n    runs   heap MB   rss MB   listeners   connections`);
  while (done < runs) {
    const size = Math.min(batch, runs - done);
    const ids = Array.from({ length: size }, (_, index) => done + index);
    await lastValueFrom(from(ids).pipe(mergeMap((id) => start(ctx, { id, random, outcomes }), 100)));
    done += size;
    const sample = {
      done,
      heap: await heapAfterCollection(),
      listeners: getEventListeners(ctx.signal, 'abort').length,
    };
    child.send('connections');
    [sample.connections] = await once(child, 'message');
    samples.push(sample);
    if (samples.length % 10 === 0) {
      const { rss } = process.memoryUsage();
      const columns = [String(done).padStart(8), megabytes(sample.heap).padStart(9), megabytes(rss).padStart(8)];
      console.log(
        [...columns, String(sample.listeners).padStart(11), String(sample.connections.open).padStart(13)].join(' '),
      );
    }
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  child.disconnect();
  await once(child, 'exit');

  const settled = samples.slice(samples.length / 4); // without the samples during compilation
  const { slope, margin } = trend(settled.map(({ done, heap }) => [done, heap]));
  const listeners = Math.max(...samples.map((sample) => sample.listeners));
  const peak = Math.max(...samples.map(({ connections }) => connections.peak));
  console.log(
    `\nin ${seconds.toFixed(0)} s: ${[...outcomes]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  );
  console.log(
    `heap: ${slope.toFixed(2)} ± ${margin.toFixed(2)} bytes per run (95 % confidence), flat is below ${FLAT}`,
  );
  console.log(`listeners left: ${listeners}; most connections: ${peak}; rejections and warnings: ${problems.length}`);
  for (const problem of problems.slice(0, 5)) console.log(problem);
  if (runs < ENOUGH) console.log(`the heap is checked from ${ENOUGH} runs on: fewer runs mostly measure compilation`);
  if ((runs >= ENOUGH && slope + margin > FLAT) || listeners > 0 || problems.length > 0) process.exitCode = 1;
}

/** Starts a run of a scenario that is drawn at random. Completes when the run has ended, and counts its outcome. */
function scenarios(url) {
  const { aggregate, backoff, bulkhead, fetchJson, hedge, perRun, singleFlight, withTimeout } = forkfast;
  const get = (path) => (ctx, id) => fetchJson(ctx, `${url}/${path}/${id}`);
  const limit = bulkhead(200);
  const shared = singleFlight((ctx, id) => get('ok')(ctx, id).pipe(limit));
  const once = perRun(get('ok'));
  const long = withTimeout(10_000);
  const short = withTimeout(20);
  const pair = (first, second, timeout = long) => aggregate({ first: get(first), second: get(second) }, timeout);
  const services = {
    success: pair('ok', 'ok'),
    nested: aggregate({ outer: get('ok'), inner: pair('ok', 'ok') }, long),
    shared: aggregate({ first: shared, second: shared, third: once, fourth: once }, long),
    hedged: aggregate({ first: (ctx, id) => get('late')(ctx, id).pipe(hedge({ after: 1 })), second: get('ok') }, long),
    retried: aggregate(
      { first: (ctx, id) => get('fail')(ctx, id).pipe(retry({ count: 1, delay: backoff(ctx, { initialDelay: 1 }) })) },
      long,
    ),
    failure: pair('fail', 'hang'),
    nestedFailure: aggregate({ outer: get('hang'), inner: pair('fail', 'hang') }, long),
    reset: pair('reset', 'hang'),
    cut: pair('cut', 'hang'),
    drip: pair('ok', 'drip', short),
    deadline: pair('ok', 'hang', short),
    unsubscribed: pair('ok', 'hang'),
    aborted: pair('ok', 'drip'),
  };
  const kinds = Object.keys(services);
  return (ctx, { id, random, outcomes }) => {
    const kind = kinds[Math.floor(random() * kinds.length)];
    const moment = timer(random() * 20);
    let run;
    if (kind === 'unsubscribed')
      run = merge(services.unsubscribed(ctx, id), moment.pipe(map(() => 'unsubscribed'))).pipe(take(1));
    else if (kind === 'aborted') {
      const caller = new AbortController();
      const aborting = moment.pipe(
        switchMap(() => {
          caller.abort();
          return NEVER;
        }),
      );
      run = merge(services.aborted({ signal: caller.signal }, id), aborting).pipe(take(1));
    } else run = services[kind](ctx, id);
    return run.pipe(
      map((answer) => (answer === 'unsubscribed' ? answer : 'success')),
      catchError(({ name, cause }) => of(name === 'ServiceError' ? cause.name : name)),
      map((outcome) => {
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }),
    );
  };
}

function upstream() {
  let open = 0;
  let peak = 0;
  const behaviors = {
    ok: (response) => response.end('{"name":"Alice"}'),
    late: (response) => setTimeout(() => response.end('{"name":"Alice"}'), 5),
    fail: (response) => response.writeHead(500).end('out of order'),
    hang: () => undefined,
    drip: (response) => response.write('{'),
    reset: (response) => response.socket.resetAndDestroy(),
    cut: (response) => response.writeHead(200, { 'content-length': 99 }).write('{', () => response.socket.destroy()),
  };
  const server = createServer((request, response) => behaviors[request.url.split('/')[1]](response));
  server.on('connection', (socket) => {
    peak = Math.max(peak, ++open);
    socket.on('error', () => undefined).on('close', () => open--);
  });
  process.on('message', () => process.send({ open, peak }));
  process.on('disconnect', () => process.exit());
  server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }));
}

async function heapAfterCollection() {
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate(); // finalizers run between collections
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

/** Returns the slope of the least squares line, and half the width of its 95 % confidence interval. */
function trend(points) {
  const count = points.length;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / count;
  const [x, y] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const spread = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  const slope = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0) / spread;
  const residual = points.reduce((sum, [px, py]) => sum + (py - y - slope * (px - x)) ** 2, 0);
  return { slope, margin: 1.99 * Math.sqrt(residual / (count - 2) / spread) };
}

function megabytes(bytes) {
  return (bytes / 2 ** 20).toFixed(2);
}

function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
