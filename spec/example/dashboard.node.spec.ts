import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunEvent } from 'forkfast';
import { filter, firstValueFrom, map, merge, Subject, take, tap, toArray } from 'rxjs';
import type { Activity } from '../../example/dashboard/activity.ts';
import { parse } from '../../example/dashboard/command-line.ts';
import type { Problem } from '../../example/dashboard/problem.ts';
import { startDashboard } from '../../example/dashboard/server.ts';
import {
  type MockOptions,
  type MockService,
  startOrderService,
  startProfileService,
} from '../../example/dashboard/services.ts';
import { metricsOf } from '../support/server-timing.ts';

const line = 'User: Alice | Orders: 5';
const never = 2 ** 31 - 1;

async function get(url: string | URL, init?: RequestInit): Promise<{ status: number; body: string; headers: Headers }> {
  const response = await fetch(url, init);
  return { status: response.status, body: await response.text(), headers: response.headers };
}

describe('example: the mock services', () => {
  const running: MockService[] = [];
  const started = async (starting: Promise<MockService>): Promise<MockService> => {
    const service = await starting;
    running.push(service);
    return service;
  };
  afterEach(() => Promise.all(running.splice(0).map((service) => service.close())));

  it('return JSON to clients that accept it', async () => {
    const profile = await started(startProfileService());
    const orders = await started(startOrderService());
    for (const accept of ['application/json', 'application/json, text/plain, */*']) {
      const { headers, body } = await get(`${profile.url}/profiles/42`, { headers: { accept } });
      expect(headers.get('content-type')).to.equal('application/json');
      expect(body).to.equal('{"name":"Alice"}');
      expect((await get(`${orders.url}/orders/42`, { headers: { accept } })).body).to.equal('{"orders":5}');
    }
  });

  it('return text to all other clients', async () => {
    const profile = await started(startProfileService());
    const orders = await started(startOrderService());
    for (const accept of ['text/plain', '*/*', 'text/html, */*;q=0.8']) {
      expect((await get(`${profile.url}/profiles/42`, { headers: { accept } })).body).to.equal('Name: Alice');
      expect((await get(`${orders.url}/orders/42`, { headers: { accept } })).body).to.equal('Orders: 5');
    }
  });

  it('respond with the status of their options', async () => {
    const profile = await started(startProfileService({ status: 503 }));
    expect(await get(`${profile.url}/profiles/42`)).to.include({ status: 503, body: 'Service Unavailable' });
  });

  it('respond with 404 to other paths, and with 405 to other methods', async () => {
    const { url } = await started(startOrderService());
    for (const path of ['/', '/orders', '/orders/', '/orders/x', '/profiles/42']) {
      expect((await get(url + path)).status).to.equal(404);
    }
    expect((await get(`${url}/orders/42`, { method: 'POST' })).status).to.equal(405);
  });

  const setBehavior = (url: string, body: string, headers: Record<string, string> = {}): Promise<{ status: number }> =>
    get(`${url}/behavior`, { method: 'PUT', headers: { 'content-type': 'application/json', ...headers }, body });

  it('change their behavior from the next request on', async () => {
    const { url, activity } = await started(startProfileService());
    const path = `${url}/profiles/42`;
    expect(await setBehavior(url, '{"delay":0,"outcome":503}')).to.include({ status: 204 });
    expect(await get(path)).to.include({ status: 503 });
    expect(await setBehavior(url, '{"delay":0,"outcome":204}')).to.include({ status: 204 });
    expect(await get(path)).to.include({ status: 204, body: '' });
    await setBehavior(url, '{"delay":0,"outcome":"reset"}');
    const reset = firstValueFrom(activity.pipe(filter(({ type }) => type !== 'received')));
    expect(await get(path).catch((error: unknown) => error)).to.be.an.instanceOf(TypeError);
    expect(await reset).to.include({ type: 'reset' });
    await setBehavior(url, '{"delay":0,"outcome":"hang"}');
    const client = new AbortController();
    const abandoned = firstValueFrom(
      activity.pipe(
        tap(() => {
          client.abort();
        }),
        filter(({ type }) => type === 'abandoned'),
      ),
    );
    await get(path, { signal: client.signal }).catch(() => 'aborted');
    await abandoned;
  });

  it('send a slow body byte by byte, and report a client that disconnects before its end', async () => {
    const { url, activity } = await started(startProfileService());
    await setBehavior(url, '{"delay":0,"outcome":"slow-body"}');
    const abandoned = firstValueFrom(activity.pipe(filter(({ type }) => type === 'abandoned')));
    const response = await fetch(`${url}/profiles/42`);
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).to.equal('N');
    await reader.cancel();
    await abandoned;
  });

  it('reject invalid behaviors', async () => {
    const { url } = await started(startProfileService());
    const invalid = [
      ...['', 'null', '[]', '{}', '{"delay":0}', '{"outcome":200}', '{"delay":-1,"outcome":200}'],
      ...['{"delay":60001,"outcome":200}', '{"delay":"1","outcome":200}', '{"delay":0,"outcome":199}'],
      ...['{"delay":0.5,"outcome":200}', '{"delay":0,"outcome":"crash"}', '{"delay":0,"outcome":[200]}'],
    ];
    for (const body of invalid) expect(await setBehavior(url, body), body).to.include({ status: 400 });
    expect(await setBehavior(url, `{"delay":0,"outcome":500,"more":"${'x'.repeat(2_000)}"}`)).to.include({
      status: 413,
    });
    expect(await get(`${url}/profiles/42`)).to.include({ status: 200 });
  });

  it('accept requests from pages of this machine, and from no others', async () => {
    const { url } = await started(startProfileService());
    const allowed = async (origin: string, init?: RequestInit): Promise<string | null> =>
      (await get(`${url}/profiles/42`, { ...init, headers: { origin } })).headers.get('access-control-allow-origin');
    for (const origin of ['http://127.0.0.1:3000', 'http://localhost:3000', 'http://[::1]:3000']) {
      expect(await allowed(origin)).to.equal(origin);
      expect(await allowed(origin, { method: 'OPTIONS' })).to.equal(origin);
    }
    for (const origin of ['http://evil.test', 'http://127.0.0.1.evil.test', 'null', 'http://localhost@evil.test']) {
      expect(await allowed(origin), origin).to.equal(null);
      expect(await setBehavior(url, '{"delay":0,"outcome":500}', { origin }), origin).to.include({ status: 403 });
    }
  });

  it('stream their activity, also to clients that connect late', async () => {
    const { url } = await started(startProfileService());
    await get(`${url}/profiles/42`, { headers: { 'x-request-id': 'abc' } });
    const client = new AbortController();
    const response = await fetch(`${url}/activity`, { signal: client.signal });
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes('answered')) break;
    }
    expect(text).to.match(
      /"request":1,"requestId":"abc","type":"received".*"request":1,"requestId":"abc","type":"answered"/s,
    );
    client.abort();
  });

  it('close at once while a request is pending', async () => {
    const { url, activity, close } = await startProfileService({ delay: never });
    const received = firstValueFrom(activity);
    const pending = get(`${url}/profiles/42`).catch((error: unknown) => error);
    await received;
    await close();
    expect(await pending).to.be.an.instanceOf(TypeError);
  });
});

describe('example: the dashboard backend', function () {
  this.timeout(10_000);

  const closing: (() => Promise<void>)[] = [];

  interface Backend {
    readonly url: string;
    readonly close: () => Promise<void>;
    /** Resolves with the services of the next `count` activities of this type. By default, waits for two. */
    readonly next: (type: Activity['type'], count?: number) => Promise<string[]>;
    readonly runs: Subject<readonly RunEvent[]>;
  }
  const start = async ({
    profile = {},
    orders = {},
    timeout = never,
  }: { profile?: MockOptions; orders?: MockOptions; timeout?: number } = {}): Promise<Backend> => {
    const mocks = [await startProfileService(profile), await startOrderService(orders)] as const;
    const [{ url: profileUrl }, { url: ordersUrl }] = mocks;
    const runs = new Subject<readonly RunEvent[]>();
    const backend = await startDashboard({ profile: profileUrl, orders: ordersUrl, timeout, runs });
    closing.push(backend.close, ...mocks.map(({ close }) => close));
    const activity = merge(...mocks.map((mock) => mock.activity));
    const next: Backend['next'] = (type, count = 2) =>
      firstValueFrom(
        activity.pipe(
          filter((request) => request.type === type),
          map(({ service }) => service),
          take(count),
          toArray(),
        ),
      );
    return { url: `${backend.url}/users/42`, close: backend.close, next, runs };
  };
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  const problemFrom = async (url: string | URL, init?: RequestInit): Promise<Problem> => {
    const { status, headers, body } = await get(url, init);
    expect(headers.get('content-type')).to.equal('application/problem+json');
    const problem = JSON.parse(body) as Problem;
    expect(problem.status).to.equal(status);
    return problem;
  };

  it('returns the line with 200', async () => {
    const { url } = await start();
    const { status, body, headers } = await get(url);
    expect([status, body]).to.deep.equal([200, line]);
    expect(headers.get('content-type')).to.match(/^text\/plain/);
    expect(await get(url, { method: 'HEAD' })).to.include({ status: 200, body: '' });
  });

  /** Reads the outcomes of the run and of its services from the header. */
  const outcomes = (headers: Headers): Record<string, string> =>
    Object.fromEntries(
      metricsOf(headers.get('server-timing') ?? '').map(({ name, parameters }) => [name, parameters['desc'] ?? 'ok']),
    );

  it('sends a Server-Timing header with the services of its own run only', async () => {
    const { url } = await start();
    for (const { headers } of await Promise.all([get(url), get(url)])) {
      expect(headers.get('server-timing')).to.match(/^total;dur=\d+, profile;dur=\d+, orders;dur=\d+$/);
    }
  });

  it('sends the outcomes of a failed run, without the text of the error', async () => {
    const failing = await start({ profile: { status: 500 }, orders: { delay: never } });
    expect(outcomes((await get(failing.url)).headers)).to.deep.equal({
      total: 'failed',
      profile: 'failed',
      orders: 'canceled',
    });
    const late = await start({ profile: { delay: never }, orders: { delay: never }, timeout: 1 });
    expect(outcomes((await get(late.url)).headers)).to.deep.equal({
      total: 'deadline exceeded',
      profile: 'canceled',
      orders: 'canceled',
    });
  });

  it('keeps the id of a request if it is safe to log, and creates one otherwise', async () => {
    const { url } = await start();
    const idFor = async (id: string): Promise<string | null> =>
      (await get(url, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await idFor('abc-123')).to.equal('abc-123');
    expect(await idFor('a b {}')).to.match(/^[\da-f-]{36}$/);
  });

  it('responds with 400 to an id that is not a positive integer', async () => {
    const { url } = await start();
    for (const id of ['0', '-1', '1.5', '1e3', '0x2a', 'alice', './', '4%2F2', '9007199254740992']) {
      expect((await get(new URL(id, url))).status, id).to.equal(400);
    }
  });

  it('responds with 404 to other paths, and with 405 to other methods', async () => {
    const { url } = await start();
    for (const path of ['/', '/users', '/users/42/', '/users/42/orders']) {
      expect((await get(new URL(path, url))).status, path).to.equal(404);
    }
    const { status, headers } = await get(url, { method: 'DELETE' });
    expect([status, headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
  });

  it('responds with 502 if a service fails, and closes the connection to the other service', async () => {
    const { url, next } = await start({ profile: { status: 500 }, orders: { delay: never } });
    const abandoned = next('abandoned', 1);
    const { detail, ...rest } = await problemFrom(url);
    expect(rest).to.deep.equal({ type: 'about:blank', title: 'Bad Gateway', status: 502, service: 'profile' });
    expect(detail).to.equal('The service profile failed.');
    expect(await abandoned).to.deep.equal(['Order service']);
  });

  it('responds with 504 at the deadline, and closes both connections', async () => {
    const { url, next } = await start({ profile: { delay: never }, orders: { delay: never }, timeout: 500 });
    const abandoned = next('abandoned');
    const { detail, ...rest } = await problemFrom(url);
    const pending = ['profile', 'orders'];
    expect(rest).to.deep.equal({ type: 'about:blank', title: 'Gateway Timeout', status: 504, pending });
    expect(detail).to.equal('The deadline passed before profile, orders answered.');
    await abandoned;
  });

  it('cancels the run of a client that disconnects, and closes both connections', async () => {
    const { url, next, runs } = await start({ profile: { delay: never }, orders: { delay: never } });
    const received = next('received');
    const abandoned = next('abandoned');
    const run = firstValueFrom(runs);
    const client = new AbortController();
    const aborted = get(url, { signal: client.signal }).catch(() => 'aborted');
    await received;
    client.abort();
    expect(await aborted).to.equal('aborted');
    expect(await abandoned).to.have.members(['Profile service', 'Order service']);
    expect((await run).at(-1)).to.include({ type: 'canceled', name: 'dashboard' });
  });

  it('responds with 503 when it is closed, and closes both connections', async () => {
    const { url, next, close } = await start({ profile: { delay: never }, orders: { delay: never } });
    const received = next('received');
    const abandoned = next('abandoned');
    const pending = problemFrom(url);
    await received;
    await close();
    expect(await pending).to.include({ status: 503, detail: 'The server is shutting down.' });
    await abandoned;
  });

  it('returns JSON to clients that prefer it', async () => {
    const { url } = await start();
    const parts = { profile: { name: 'Alice' }, orders: { orders: 5 } };
    const { headers, body } = await get(url, { headers: { accept: 'application/json' } });
    expect([headers.get('content-type'), headers.get('vary')]).to.deep.equal(['application/json', 'Accept']);
    expect(JSON.parse(body)).to.deep.equal(parts);
    for (const accept of ['*/*', 'text/html, */*;q=0.8', 'application/json;q=0.1, text/plain']) {
      expect((await get(url, { headers: { accept } })).body, accept).to.equal(line);
    }
  });

  it('accepts a timeout, retries and hedging as parameters, within bounds', async () => {
    const { url, next } = await start({ profile: { status: 503 }, orders: { delay: never } });
    const answered = next('answered', 3);
    expect(await problemFrom(`${url}?retries=2`)).to.include({ status: 502 });
    expect(await answered).to.deep.equal(Array(3).fill('Profile service'));
    const late = await start({ profile: { delay: never }, orders: { delay: never } });
    const received = late.next('received', 4);
    expect(await problemFrom(`${late.url}?timeout=500&hedge=0`)).to.include({ status: 504 });
    expect(await received).to.have.members(['Profile service', 'Order service', 'Profile service', 'Order service']);
    for (const query of ['timeout=0', 'timeout=60001', 'retries=6', 'hedge=-1', 'timeout=', 'retries=1e1']) {
      for (const path of [url, `${url}/events`]) {
        const { status, detail } = await problemFrom(`${path}?${query}`);
        expect([status, detail.startsWith(query.split('=')[0] ?? '')], query).to.deep.equal([400, true]);
      }
    }
  });

  it('reports its health', async () => {
    const { url } = await start();
    expect(await get(new URL('/healthz', url))).to.include({ status: 200, body: '{"status":"ok"}' });
  });

  /** Yields the Server-Sent Events of a response. */
  const messages = async function* (response: Response): AsyncGenerator<{ event: string; data: unknown }> {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (const [whole, event = '', data = ''] of text.matchAll(/event: (.*)\ndata: (.*)\n\n/g)) {
        yield { event, data: JSON.parse(data) as unknown };
        text = text.replace(whole, '');
      }
    }
  };
  const typesOf = (received: readonly { event: string; data: unknown }[]): string[] =>
    received.flatMap(({ event, data }) => {
      const { type, service = 'run' } = data as { type: string; service?: string };
      return event === 'run' ? `${service} ${type}` : [];
    });

  it('streams the events and the log of a run, and then its answer', async () => {
    const { url } = await start();
    const id = 'abc-123';
    const response = await fetch(`${url}/events`, { headers: { 'x-request-id': id, authorization: 'Bearer secret' } });
    expect(response.headers.get('content-type')).to.match(/^text\/event-stream/);
    const received = [];
    for await (const message of messages(response)) received.push(message);
    expect(received[0]).to.deep.equal({ event: 'request', data: { requestId: id } });
    expect(received.at(-1)).to.deep.equal({
      event: 'answer',
      data: { profile: { name: 'Alice' }, orders: { orders: 5 } },
    });
    expect(typesOf(received)).to.have.members([
      ...['run started', 'profile started', 'orders started'],
      ...['profile succeeded', 'orders succeeded', 'run succeeded'],
    ]);
    expect(received.filter(({ event }) => event === 'log')).to.have.length(6);
    expect(JSON.stringify(received)).not.to.match(/secret|propagate/);
  });

  it('ends the stream of a failed run with the problem', async () => {
    const { url } = await start({ profile: { status: 500 }, orders: { delay: never } });
    const received = [];
    for await (const message of messages(await fetch(`${url}/events`))) received.push(message);
    expect(typesOf(received).slice(-3)).to.deep.equal(['profile failed', 'orders canceled', 'run failed']);
    expect(received.at(-1)).to.deep.include({ event: 'problem' });
    expect(received.at(-1)?.data).to.include({ status: 502, service: 'profile' });
  });

  it('cancels the run of a client that disconnects during the stream', async () => {
    const { url, next } = await start({ orders: { delay: never } });
    const abandoned = next('abandoned', 1);
    const client = new AbortController();
    try {
      for await (const message of messages(await fetch(`${url}/events`, { signal: client.signal }))) {
        if (typesOf([message]).includes('profile succeeded')) client.abort();
      }
    } catch (error) {
      expect(error).to.have.property('name', 'AbortError');
    }
    expect(await abandoned).to.deep.equal(['Order service']);
  });

  it('ends the streams when it is closed, and closes both connections', async () => {
    const { url, next, close } = await start({ profile: { delay: never }, orders: { delay: never } });
    const requested = next('received');
    const abandoned = next('abandoned');
    const response = await fetch(`${url}/events`);
    await requested;
    const closing = close();
    const received = [];
    for await (const message of messages(response)) received.push(message);
    await closing;
    expect(typesOf(received).at(-1)).to.equal('run canceled');
    expect(received.at(-1)?.data).to.include({ status: 503, detail: 'The server is shutting down.' });
    await abandoned;
  });
});

describe('example: the command line', () => {
  it('prefers flags to the scenario, in any order', () => {
    expect(parse(['--timeout', '7', '--scenario', 'slow-poke', '--once'])).to.include({
      timeout: 7,
      'order-delay': 2_000,
      once: true,
    });
    expect(parse([])).to.include({ port: 3_000, 'profile-status': 200, once: false, scenario: false });
  });

  const wrong: readonly (readonly [args: string, message: string])[] = [
    ['--port abc', '--port: expected a port from 0 to 65535, got "abc"'],
    ['--port -1', '--port: expected a port from 0 to 65535, got "-1"'],
    ['--port 65536', '--port: expected a port from 0 to 65535, got "65536"'],
    ['--port', '--port: expected a port from 0 to 65535, got nothing'],
    ['--timeout 0', '--timeout: expected milliseconds from 1 to 2147483647, got "0"'],
    ['--order-delay 2147483648', '--order-delay: expected milliseconds from 0 to 2147483647, got "2147483648"'],
    ['--profile-delay=', '--profile-delay: expected milliseconds from 0 to 2147483647, got ""'],
    ['--order-status 1e2', '--order-status: expected an HTTP status from 200 to 599, got "1e2"'],
    ['--profile-status 600', '--profile-status: expected an HTTP status from 200 to 599, got "600"'],
    ['--scenario __proto__', '--scenario: expected happy, slow-poke, domino, got "__proto__"'],
    ['--once=yes', '--once: expected no value, got "yes"'],
    ['--delay 5', '--delay: expected a flag of this program: see --help'],
    ['domino', 'expected a flag, got "domino": see --help'],
  ];
  for (const [args, message] of wrong) {
    it(`rejects ${args}`, () => {
      expect(() => parse(args.split(' '))).to.throw(message);
    });
  }
});

describe('example: npm start', function () {
  this.timeout(60_000);

  interface Outcome {
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }
  /** A running program. `until` resolves when the output matches. */
  interface Program {
    readonly child: ChildProcess;
    readonly ended: Promise<Outcome>;
    readonly until: (stream: 'stdout' | 'stderr', pattern: RegExp) => Promise<RegExpExecArray>;
  }

  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } };
  const [, ...command] = scripts.start.split(' ');
  const children = new Set<ChildProcess>();

  const spawnProgram = (args: string): Program => {
    const { LOG_LEVEL: _level, NODE_V8_COVERAGE: _coverage, ...env } = process.env;
    const child = spawn(process.execPath, [...command, ...args.split(' ')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    const printed = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (chunk: string) => (printed[stream] += chunk));
    }
    const ended = new Promise<Outcome>((resolve) => {
      child.once('close', (code) => {
        children.delete(child);
        resolve({ code, ...printed });
      });
    });
    const until: Program['until'] = (stream, pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const match = pattern.exec(printed[stream]);
          if (match) resolve(match);
        };
        child[stream].on('data', check);
        check();
        void ended.then(({ stderr }) => {
          reject(new Error(`ended before it printed ${String(pattern)}: ${stderr}`));
        });
      });
    return { child, ended, until };
  };

  /** The programs run concurrently, since each of them spends most of its time in the compiler. */
  const startAll = (takenPort: number) => ({
    happy: spawnProgram('--once --port 0'),
    slowPoke: spawnProgram('--once --port 0 --scenario slow-poke'),
    domino: spawnProgram('--once --port 0 --scenario domino'),
    taken: spawnProgram(`--once --port ${String(takenPort)}`),
    usage: spawnProgram('--port http'),
    help: spawnProgram('--help'),
    serving: spawnProgram('--port 0 --scenario happy'),
    failing: spawnProgram('--port 0 --order-status 500'),
    pending: spawnProgram(`--once --port 0 --order-delay ${String(never)} --timeout ${String(never)}`),
  });
  const taken = createServer();
  let runs: ReturnType<typeof startAll>;
  before((done) => {
    taken.listen(0, '127.0.0.1', () => {
      runs = startAll((taken.address() as AddressInfo).port);
      done();
    });
  });
  after(() => {
    taken.close();
    for (const child of children) child.kill('SIGKILL');
  });

  it('prints exactly the line with --once, and logs JSON lines to stderr', async () => {
    const { code, stdout, stderr } = await runs.happy.ended;
    expect(stdout).to.equal(`${line}\n`);
    expect(code).to.equal(0);
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(lines.map(({ message }) => message)).to.include.members(['run started', 'run succeeded']);
    for (const fields of lines) expect(fields).to.include.keys('level', 'timestamp', 'requestId', 'run');
  });

  /** A bar and its duration. */
  const bar = String.raw`[░█]{20} +\d+ ms  `;

  it('prints the deadline, the drawing and the closed connection of slow-poke', async () => {
    const { code, stdout } = await runs.slowPoke.ended;
    expect(stdout).to.match(
      /^Failed after \d+ ms: 504 Gateway Timeout: The deadline passed before .*orders answered\.\ndashboard \d+ ms {2}deadline exceeded\n/,
    );
    expect(stdout).to.match(new RegExp(`^  orders   ${bar}canceled$`, 'm'));
    expect(stdout).to.match(/^Order service: connection closed by the client after \d+ ms, before it answered$/m);
    expect(code).to.equal(1);
  });

  it('prints the failure, the drawing and the closed connection of domino', async () => {
    const { code, stdout } = await runs.domino.ended;
    expect(stdout).to.match(
      /^Failed after \d+ ms: 502 Bad Gateway: The service profile failed\.\ndashboard \d+ ms {2}failed: profile\n/,
    );
    expect(stdout).to.match(
      new RegExp(`^  profile  ${bar}failed: HTTP 500 from GET http:\\S+/profiles/42\n  orders   ${bar}canceled$`, 'm'),
    );
    expect(stdout).to.match(/^Order service: connection closed by the client after \d+ ms, before it answered$/m);
    expect(code).to.equal(1);
  });

  it('reports a port that is taken in one line', async () => {
    const { code, stdout, stderr } = await runs.taken.ended;
    expect(stderr).to.match(/^port \d+ is taken: choose another port with --port, or 0 for any\n$/);
    expect([code, stdout]).to.deep.equal([1, '']);
  });

  it('reports a wrong flag in one line', async () => {
    const stderr = '--port: expected a port from 0 to 65535, got "http"\n';
    expect(await runs.usage.ended).to.deep.equal({ code: 2, stdout: '', stderr });
  });

  it('prints its usage', async () => {
    const { code, stdout } = await runs.help.ended;
    expect(stdout).to.match(/^Usage: npm start/);
    expect(code).to.equal(0);
  });

  it('draws each run of a scenario, keeps serving, and ends on Ctrl-C', async () => {
    const drawing = `dashboard \\d+ ms  ok\n  profile  ${bar}ok\n  orders   ${bar}ok\n`;
    const { child, until, ended } = runs.serving;
    const served = new RegExp(
      `^${line.replace('|', '\\|')}\n${drawing}Serving (http:\\S+/users/42) \\(Ctrl-C to stop\\)\n`,
    );
    const [, url = ''] = await until('stdout', served);
    expect(await get(url)).to.include({ status: 200, body: line });
    const [, page = ''] = await until('stdout', /^Dashboard page (\S+)$/m);
    expect((await get(page)).body).to.match(/^<!doctype html>/);
    await until('stdout', new RegExp(`Serving [^]*\n${drawing}$`));
    child.kill('SIGINT');
    expect(await ended).to.include({ code: 0 });
  });

  it('keeps serving after a failure', async () => {
    const { child, until, ended } = runs.failing;
    const [, url = ''] = await until('stdout', /^Serving (\S+)/m);
    expect((await get(url)).status).to.equal(502);
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect(stdout).to.match(/^Failed after \d+ ms: 502 Bad Gateway: The service orders failed\./);
    expect(code).to.equal(0);
  });

  it('cancels the run in flight on SIGTERM', async () => {
    const { child, until, ended } = runs.pending;
    await until('stderr', /"service succeeded".*"profile"/);
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await ended;
    expect([code, stdout]).to.deep.equal([0, '']);
    expect(stderr).to.contain('"run canceled"');
  });
});
