import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CanceledError, DeadlineExceededError, type RunEvent, ServiceError, silent } from 'forkfast';
import { filter, firstValueFrom, map, merge, Subject, take, tap, toArray } from 'rxjs';
import type { Activity } from '../../example/dashboard/activity.ts';
import { parse } from '../../example/dashboard/command-line.ts';
import { type Problem, statusOf } from '../../example/dashboard/problem.ts';
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

async function ask(url: string | URL, init?: RequestInit): Promise<{ status: number; body: string; headers: Headers }> {
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

  it('answer JSON to whoever asks for it', async () => {
    const profile = await started(startProfileService());
    const orders = await started(startOrderService());
    for (const accept of ['application/json', 'application/json, text/plain, */*']) {
      const { headers, body } = await ask(`${profile.url}/profiles/42`, { headers: { accept } });
      expect(headers.get('content-type')).to.equal('application/json');
      expect(body).to.equal('{"name":"Alice"}');
      expect((await ask(`${orders.url}/orders/42`, { headers: { accept } })).body).to.equal('{"orders":5}');
    }
  });

  it('answer text to all others', async () => {
    const profile = await started(startProfileService());
    const orders = await started(startOrderService());
    for (const accept of ['text/plain', '*/*', 'text/html, */*;q=0.8']) {
      expect((await ask(`${profile.url}/profiles/42`, { headers: { accept } })).body).to.equal('Name: Alice');
      expect((await ask(`${orders.url}/orders/42`, { headers: { accept } })).body).to.equal('Orders: 5');
    }
  });

  it('answer with the status they are given', async () => {
    const profile = await started(startProfileService({ status: 503 }));
    expect(await ask(`${profile.url}/profiles/42`)).to.include({ status: 503, body: 'Service Unavailable' });
  });

  it('know their own path only', async () => {
    const { url } = await started(startOrderService());
    for (const path of ['/', '/orders', '/orders/', '/orders/x', '/profiles/42']) {
      expect((await ask(url + path)).status).to.equal(404);
    }
    expect((await ask(`${url}/orders/42`, { method: 'POST' })).status).to.equal(405);
  });

  const behave = (url: string, body: string, headers: Record<string, string> = {}): Promise<{ status: number }> =>
    ask(`${url}/behavior`, { method: 'PUT', headers: { 'content-type': 'application/json', ...headers }, body });

  it('do as they are told from then on', async () => {
    const { url, activity } = await started(startProfileService());
    const path = `${url}/profiles/42`;
    expect(await behave(url, '{"delay":0,"outcome":503}')).to.include({ status: 204 });
    expect(await ask(path)).to.include({ status: 503 });
    expect(await behave(url, '{"delay":0,"outcome":204}')).to.include({ status: 204 });
    expect(await ask(path)).to.include({ status: 204, body: '' });
    await behave(url, '{"delay":0,"outcome":"reset"}');
    const reset = firstValueFrom(activity.pipe(filter(({ type }) => type !== 'asked')));
    expect(await ask(path).catch((error: unknown) => error)).to.be.an.instanceOf(TypeError);
    expect(await reset).to.include({ type: 'reset' });
    await behave(url, '{"delay":0,"outcome":"hang"}');
    const client = new AbortController();
    const seen = firstValueFrom(
      activity.pipe(
        tap(() => {
          client.abort();
        }),
        filter(({ type }) => type === 'abandoned'),
      ),
    );
    await ask(path, { signal: client.signal }).catch(() => 'gone');
    await seen;
  });

  it('send a slow body a byte at a time, and see a client go in the middle of it', async () => {
    const { url, activity } = await started(startProfileService());
    await behave(url, '{"delay":0,"outcome":"slow-body"}');
    const abandoned = firstValueFrom(activity.pipe(filter(({ type }) => type === 'abandoned')));
    const response = await fetch(`${url}/profiles/42`);
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).to.equal('N');
    await reader.cancel();
    await abandoned;
  });

  it('refuse to do what is not sane', async () => {
    const { url } = await started(startProfileService());
    const refused = [
      ...['', 'null', '[]', '{}', '{"delay":0}', '{"outcome":200}', '{"delay":-1,"outcome":200}'],
      ...['{"delay":60001,"outcome":200}', '{"delay":"1","outcome":200}', '{"delay":0,"outcome":199}'],
      ...['{"delay":0.5,"outcome":200}', '{"delay":0,"outcome":"crash"}', '{"delay":0,"outcome":[200]}'],
    ];
    for (const body of refused) expect(await behave(url, body), body).to.include({ status: 400 });
    expect(await behave(url, `{"delay":0,"outcome":500,"more":"${'x'.repeat(2_000)}"}`)).to.include({ status: 413 });
    expect(await ask(`${url}/profiles/42`)).to.include({ status: 200 });
  });

  it('answer pages of this machine, and no others', async () => {
    const { url } = await started(startProfileService());
    const allowed = async (origin: string, init?: RequestInit): Promise<string | null> =>
      (await ask(`${url}/profiles/42`, { ...init, headers: { origin } })).headers.get('access-control-allow-origin');
    for (const origin of ['http://127.0.0.1:3000', 'http://localhost:3000', 'http://[::1]:3000']) {
      expect(await allowed(origin)).to.equal(origin);
      expect(await allowed(origin, { method: 'OPTIONS' })).to.equal(origin);
    }
    for (const origin of ['http://evil.test', 'http://127.0.0.1.evil.test', 'null', 'http://localhost@evil.test']) {
      expect(await allowed(origin), origin).to.equal(null);
      expect(await behave(url, '{"delay":0,"outcome":500}', { origin }), origin).to.include({ status: 403 });
    }
  });

  it('stream what they see, to who comes late too', async () => {
    const { url } = await started(startProfileService());
    await ask(`${url}/profiles/42`, { headers: { 'x-request-id': 'abc' } });
    const client = new AbortController();
    const response = await fetch(`${url}/activity`, { signal: client.signal });
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes('answered')) break;
    }
    expect(text).to.match(
      /"request":1,"requestId":"abc","type":"asked".*"request":1,"requestId":"abc","type":"answered"/s,
    );
    client.abort();
  });

  it('close at once, whatever is pending', async () => {
    const { url, activity, close } = await startProfileService({ delay: never });
    const asked = firstValueFrom(activity);
    const pending = ask(`${url}/profiles/42`).catch((error: unknown) => error);
    await asked;
    await close();
    expect(await pending).to.be.an.instanceOf(TypeError);
  });
});

describe('example: the dashboard backend', function () {
  this.timeout(10_000);

  const closing: (() => Promise<void>)[] = [];

  interface Stage {
    readonly url: string;
    readonly close: () => Promise<void>;
    /** The next `count` things of this type that the two services see: by default one each. */
    readonly next: (type: Activity['type'], count?: number) => Promise<string[]>;
    readonly runs: Subject<readonly RunEvent[]>;
  }
  const stage = async ({
    profile = {},
    orders = {},
    timeout = never,
  }: { profile?: MockOptions; orders?: MockOptions; timeout?: number } = {}): Promise<Stage> => {
    const mocks = [await startProfileService(profile), await startOrderService(orders)] as const;
    const [{ url: profileUrl }, { url: ordersUrl }] = mocks;
    const runs = new Subject<readonly RunEvent[]>();
    const backend = await startDashboard({ profile: profileUrl, orders: ordersUrl, timeout, logger: silent, runs });
    closing.push(backend.close, ...mocks.map(({ close }) => close));
    const activity = merge(...mocks.map((mock) => mock.activity));
    const next: Stage['next'] = (type, count = 2) =>
      firstValueFrom(
        activity.pipe(
          filter((seen) => seen.type === type),
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
    const { status, headers, body } = await ask(url, init);
    expect(headers.get('content-type')).to.equal('application/problem+json');
    const problem = JSON.parse(body) as Problem;
    expect(problem.status).to.equal(status);
    return problem;
  };

  it('answers 200 with the line', async () => {
    const { url } = await stage();
    const { status, body, headers } = await ask(url);
    expect([status, body]).to.deep.equal([200, line]);
    expect(headers.get('content-type')).to.match(/^text\/plain/);
    expect(await ask(url, { method: 'HEAD' })).to.include({ status: 200, body: '' });
  });

  /** What became of what, by the header. */
  const outcomes = (headers: Headers): Record<string, string> =>
    Object.fromEntries(
      metricsOf(headers.get('server-timing') ?? '').map(({ name, parameters }) => [name, parameters['desc'] ?? 'ok']),
    );

  it('sends what each service took, and what became of it, of its own request only', async () => {
    const { url } = await stage();
    for (const { headers } of await Promise.all([ask(url), ask(url)])) {
      expect(headers.get('server-timing')).to.match(/^total;dur=\d+, profile;dur=\d+, orders;dur=\d+$/);
    }
  });

  it('sends it where it fails too, and no word of the error', async () => {
    const failing = await stage({ profile: { status: 500 }, orders: { delay: never } });
    expect(outcomes((await ask(failing.url)).headers)).to.deep.equal({
      total: 'failed',
      profile: 'failed',
      orders: 'canceled',
    });
    const late = await stage({ profile: { delay: never }, orders: { delay: never }, timeout: 1 });
    expect(outcomes((await ask(late.url)).headers)).to.deep.equal({
      total: 'deadline exceeded',
      profile: 'canceled',
      orders: 'canceled',
    });
  });

  it('gives a request its id, or keeps the one it came with where that is fit to log', async () => {
    const { url } = await stage();
    const idFor = async (id: string): Promise<string | null> =>
      (await ask(url, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await idFor('abc-123')).to.equal('abc-123');
    expect(await idFor('a b {}')).to.match(/^[\da-f-]{36}$/);
  });

  it('answers 400 for an id that is not a positive integer', async () => {
    const { url } = await stage();
    for (const id of ['0', '-1', '1.5', '1e3', '0x2a', 'alice', './', '4%2F2', '9007199254740992']) {
      expect((await ask(new URL(id, url))).status, id).to.equal(400);
    }
  });

  it('answers 404 for other paths, and 405 for other methods', async () => {
    const { url } = await stage();
    for (const path of ['/', '/users', '/users/42/', '/users/42/orders']) {
      expect((await ask(new URL(path, url))).status, path).to.equal(404);
    }
    const { status, headers } = await ask(url, { method: 'DELETE' });
    expect([status, headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
  });

  it('answers 502 where a service fails, and closes the connection to the other', async () => {
    const { url, next } = await stage({ profile: { status: 500 }, orders: { delay: never } });
    const abandoned = next('abandoned', 1);
    const { detail, ...rest } = await problemFrom(url);
    expect(rest).to.deep.equal({ title: 'Bad Gateway', status: 502, code: 'ERR_SERVICE_FAILED' });
    expect(detail).to.match(/^profile: HTTP 500 from GET http:\/\/127\.0\.0\.1:\d+\/profiles\/42$/);
    expect(await abandoned).to.deep.equal(['Order service']);
  });

  it('answers 504 at the deadline, and closes both connections', async () => {
    const { url, next } = await stage({ profile: { delay: never }, orders: { delay: never }, timeout: 500 });
    const abandoned = next('abandoned');
    const { detail, ...rest } = await problemFrom(url);
    expect(rest).to.deep.equal({ title: 'Gateway Timeout', status: 504, code: 'ERR_DEADLINE_EXCEEDED' });
    expect(detail).to.match(/^context deadline exceeded after \d+ ms, pending: profile, orders$/);
    await abandoned;
  });

  it('cancels the run of a client that disconnects: both connections close', async () => {
    const { url, next, runs } = await stage({ profile: { delay: never }, orders: { delay: never } });
    const asked = next('asked');
    const abandoned = next('abandoned');
    const told = firstValueFrom(runs);
    const client = new AbortController();
    const gone = ask(url, { signal: client.signal }).catch(() => 'gone');
    await asked;
    client.abort();
    expect(await gone).to.equal('gone');
    expect(await abandoned).to.have.members(['Profile service', 'Order service']);
    expect((await told).at(-1)).to.include({ type: 'canceled', name: 'dashboard' });
  });

  it('answers 503 when it is closed, and closes both connections', async () => {
    const { url, next, close } = await stage({ profile: { delay: never }, orders: { delay: never } });
    const asked = next('asked');
    const abandoned = next('abandoned');
    const pending = problemFrom(url);
    await asked;
    await close();
    expect(await pending).to.include({ status: 503, detail: 'context canceled' });
    await abandoned;
  });

  it('gives the parts to whoever asks for JSON', async () => {
    const { url } = await stage();
    const parts = { profile: { name: 'Alice' }, orders: { orders: 5 } };
    const { headers, body } = await ask(url, { headers: { accept: 'application/json' } });
    expect([headers.get('content-type'), headers.get('vary')]).to.deep.equal(['application/json', 'Accept']);
    expect(JSON.parse(body)).to.deep.equal(parts);
    for (const accept of ['*/*', 'text/html, */*;q=0.8', 'application/json;q=0.1, text/plain']) {
      expect((await ask(url, { headers: { accept } })).body, accept).to.equal(line);
    }
  });

  it('takes a timeout, retries and a hedge with the question, within bounds', async () => {
    const { url, next } = await stage({ profile: { status: 503 }, orders: { delay: never } });
    const tried = next('answered', 3);
    expect(await problemFrom(`${url}?retries=2`)).to.include({ status: 502 });
    expect(await tried).to.deep.equal(Array(3).fill('Profile service'));
    const late = await stage({ profile: { delay: never }, orders: { delay: never } });
    const asked = late.next('asked', 4);
    expect(await problemFrom(`${late.url}?timeout=500&hedge=0`)).to.include({ status: 504 });
    expect(await asked).to.have.members(['Profile service', 'Order service', 'Profile service', 'Order service']);
    for (const query of ['timeout=0', 'timeout=60001', 'retries=6', 'hedge=-1', 'timeout=', 'retries=1e1']) {
      for (const path of [url, `${url}/events`]) {
        const { status, detail } = await problemFrom(`${path}?${query}`);
        expect([status, detail.startsWith(query.split('=')[0] ?? '')], query).to.deep.equal([400, true]);
      }
    }
  });

  it('says that it is well', async () => {
    const { url } = await stage();
    expect(await ask(new URL('/healthz', url))).to.include({ status: 200, body: '{"status":"ok"}' });
  });

  /** The Server-Sent Events of a response, as they come. */
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
  const typesOf = (told: readonly { event: string; data: unknown }[]): string[] =>
    told.flatMap(({ event, data }) => {
      const { type, service = 'run' } = data as { type: string; service?: string };
      return event === 'run' ? `${service} ${type}` : [];
    });

  it('streams the events of a run, its log, and at last the answer', async () => {
    const { url } = await stage();
    const id = 'abc-123';
    const response = await fetch(`${url}/events`, { headers: { 'x-request-id': id, authorization: 'Bearer secret' } });
    expect(response.headers.get('content-type')).to.match(/^text\/event-stream/);
    const told = [];
    for await (const message of messages(response)) told.push(message);
    expect(told[0]).to.deep.equal({ event: 'request', data: { requestId: id } });
    expect(told.at(-1)).to.deep.equal({
      event: 'answer',
      data: { profile: { name: 'Alice' }, orders: { orders: 5 } },
    });
    expect(typesOf(told)).to.have.members([
      ...['run started', 'profile started', 'orders started'],
      ...['profile succeeded', 'orders succeeded', 'run succeeded'],
    ]);
    expect(told.filter(({ event }) => event === 'log')).to.have.length(6);
    expect(JSON.stringify(told)).not.to.match(/secret|propagate/);
  });

  it('ends the stream of a run that failed with the problem', async () => {
    const { url } = await stage({ profile: { status: 500 }, orders: { delay: never } });
    const told = [];
    for await (const message of messages(await fetch(`${url}/events`))) told.push(message);
    expect(typesOf(told).slice(-3)).to.deep.equal(['profile failed', 'orders canceled', 'run failed']);
    expect(told.at(-1)).to.deep.include({ event: 'problem' });
    expect(told.at(-1)?.data).to.include({ status: 502, code: 'ERR_SERVICE_FAILED' });
  });

  it('cancels the run of a client that disconnects in the middle of its events', async () => {
    const { url, next } = await stage({ orders: { delay: never } });
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
    const { url, next, close } = await stage({ profile: { delay: never }, orders: { delay: never } });
    const asked = next('asked');
    const abandoned = next('abandoned');
    const response = await fetch(`${url}/events`);
    await asked;
    const closing = close();
    const told = [];
    for await (const message of messages(response)) told.push(message);
    await closing;
    expect(typesOf(told).at(-1)).to.equal('run canceled');
    expect(told.at(-1)?.data).to.include({ status: 503, detail: 'context canceled' });
    await abandoned;
  });

  it('maps every way to fail to a status', () => {
    const deadline = new DeadlineExceededError({ pending: ['orders'], elapsed: 1 });
    expect(statusOf(deadline)).to.equal(504);
    expect(statusOf(new ServiceError({ service: 'inner', elapsed: 1, cause: deadline }))).to.equal(504);
    expect(statusOf(new ServiceError({ service: 'inner', elapsed: 1, cause: new Error('boom') }))).to.equal(502);
    expect(statusOf(new CanceledError())).to.equal(503);
    expect(statusOf(new TypeError('a bug'))).to.equal(500);
  });
});

describe('example: the command line', () => {
  it('lets flags win over the scenario, in any order', () => {
    expect(parse(['--timeout', '7', '--scenario', 'slow-poke', '--once'])).to.include({
      timeout: 7,
      'order-delay': 2_000,
      once: true,
    });
    expect(parse([])).to.include({ port: 3_000, 'profile-status': 200, once: false, scenario: false });
  });

  const refused: readonly (readonly [args: string, message: string])[] = [
    ['--port abc', '--port takes a port from 0 to 65535, not "abc"'],
    ['--port -1', '--port takes a port from 0 to 65535, not "-1"'],
    ['--port 65536', '--port takes a port from 0 to 65535, not "65536"'],
    ['--port', '--port takes a port from 0 to 65535, not nothing'],
    ['--timeout 0', '--timeout takes milliseconds from 1 to 2147483647, not "0"'],
    ['--order-delay 2147483648', '--order-delay takes milliseconds from 0 to 2147483647, not "2147483648"'],
    ['--profile-delay=', '--profile-delay takes milliseconds from 0 to 2147483647, not ""'],
    ['--order-status 1e2', '--order-status takes an HTTP status from 200 to 599, not "1e2"'],
    ['--profile-status 600', '--profile-status takes an HTTP status from 200 to 599, not "600"'],
    ['--scenario __proto__', '--scenario takes happy, slow-poke, domino, not "__proto__"'],
    ['--once=yes', '--once takes no value, not "yes"'],
    ['--delay 5', 'unknown flag "--delay"; see --help'],
    ['domino', 'unexpected "domino"; see --help'],
  ];
  for (const [args, message] of refused) {
    it(`refuses ${args}`, () => {
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
  /** The program as it runs: `until` gives what it printed once that matches. */
  interface Run {
    readonly child: ChildProcess;
    readonly ended: Promise<Outcome>;
    readonly until: (stream: 'stdout' | 'stderr', pattern: RegExp) => Promise<RegExpExecArray>;
  }

  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } };
  const [, ...command] = scripts.start.split(' ');
  const children = new Set<ChildProcess>();

  const start = (args: string): Run => {
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
    const until: Run['until'] = (stream, pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(printed[stream]);
          if (match) resolve(match);
        };
        child[stream].on('data', look);
        look();
        void ended.then(({ stderr }) => {
          reject(new Error(`ended before it printed ${String(pattern)}: ${stderr}`));
        });
      });
    return { child, ended, until };
  };

  /** All at once: each is a process of its own, and most of its time is the compiler's. */
  const startAll = (takenPort: number) => ({
    happy: start('--once --port 0'),
    slowPoke: start('--once --port 0 --scenario slow-poke'),
    domino: start('--once --port 0 --scenario domino'),
    taken: start(`--once --port ${String(takenPort)}`),
    usage: start('--port http'),
    help: start('--help'),
    serving: start('--port 0 --scenario happy'),
    failing: start('--port 0 --order-status 500'),
    pending: start(`--once --port 0 --order-delay ${String(never)} --timeout ${String(never)}`),
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

  it('prints exactly the line with --once, and structured lines on stderr', async () => {
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

  /** A bar, and how long it was. */
  const bar = String.raw`[░█]{20} +\d+ ms  `;

  it('shows slow-poke: the deadline, the run, and the connection that the server saw close', async () => {
    const { code, stdout } = await runs.slowPoke.ended;
    expect(stdout).to.match(
      /^Failed after \d+ ms: 504 Gateway Timeout: context deadline exceeded after \d+ ms, pending: .*orders\ndashboard \d+ ms {2}deadline exceeded\n/,
    );
    expect(stdout).to.match(new RegExp(`^  orders   ${bar}canceled$`, 'm'));
    expect(stdout).to.match(/^Order service: connection closed by the client after \d+ ms, before it answered$/m);
    expect(code).to.equal(1);
  });

  it('shows domino: the failure, the run, and the connection that the server saw close', async () => {
    const { code, stdout } = await runs.domino.ended;
    expect(stdout).to.match(
      /^Failed after \d+ ms: 502 Bad Gateway: profile: HTTP 500 from GET http:\S+\/profiles\/42\ndashboard \d+ ms {2}failed: profile\n/,
    );
    expect(stdout).to.match(
      new RegExp(`^  profile  ${bar}failed: HTTP 500 from GET http:\\S+/profiles/42\n  orders   ${bar}canceled$`, 'm'),
    );
    expect(stdout).to.match(/^Order service: connection closed by the client after \d+ ms, before it answered$/m);
    expect(code).to.equal(1);
  });

  it('says in one line that a port is taken', async () => {
    const { code, stdout, stderr } = await runs.taken.ended;
    expect(stderr).to.match(/^port \d+ is taken: choose another by --port, 0 for any\n$/);
    expect([code, stdout]).to.deep.equal([1, '']);
  });

  it('says in one line what is wrong with a flag', async () => {
    const stderr = '--port takes a port from 0 to 65535, not "http"\n';
    expect(await runs.usage.ended).to.deep.equal({ code: 2, stdout: '', stderr });
  });

  it('says how it is used', async () => {
    const { code, stdout } = await runs.help.ended;
    expect(stdout).to.match(/^Usage: npm start/);
    expect(code).to.equal(0);
  });

  it('draws the run of a scenario after each answer, goes on serving, and ends on Ctrl-C', async () => {
    const picture = `dashboard \\d+ ms  ok\n  profile  ${bar}ok\n  orders   ${bar}ok\n`;
    const { child, until, ended } = runs.serving;
    const served = new RegExp(
      `^${line.replace('|', '\\|')}\n${picture}Serving (http:\\S+/users/42) \\(Ctrl-C to stop\\)\n`,
    );
    const [, url = ''] = await until('stdout', served);
    expect(await ask(url)).to.include({ status: 200, body: line });
    const [, page = ''] = await until('stdout', /^Dashboard page (\S+)$/m);
    expect((await ask(page)).body).to.match(/^<!doctype html>/);
    await until('stdout', new RegExp(`Serving [^]*\n${picture}$`));
    child.kill('SIGINT');
    expect(await ended).to.include({ code: 0 });
  });

  it('goes on serving after a failure too', async () => {
    const { child, until, ended } = runs.failing;
    const [, url = ''] = await until('stdout', /^Serving (\S+)/m);
    expect((await ask(url)).status).to.equal(502);
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect(stdout).to.match(/^Failed after \d+ ms: 502 Bad Gateway: orders: HTTP 500 /);
    expect(code).to.equal(0);
  });

  it('cancels what is in flight on SIGTERM', async () => {
    const { child, until, ended } = runs.pending;
    await until('stderr', /"service succeeded".*"profile"/);
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await ended;
    expect([code, stdout]).to.deep.equal([0, '']);
    expect(stderr).to.contain('"run canceled"');
  });
});
