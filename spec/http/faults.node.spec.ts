import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { inspect, promisify } from 'node:util';
import { defer, lastValueFrom, type Observable, switchMap } from 'rxjs';
import {
  aggregate,
  CanceledError,
  type Context,
  type Fetch,
  fetchJson,
  fetchText,
  NetworkError,
  ServiceError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { type Failure, faults, type Outcome } from '../support/faults.ts';
import type { Report } from '../support/faulty-runs.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { deferred } from '../support/servers.ts';
import { describeTransports, rejectionOf } from '../support/transports.ts';

describeTransports('faults of the network', ({ name: transport, ctx, fetch }) => {
  expectNoUnhandledRejections();

  const secret = 'S3CRET';
  let server: FaultServer;
  beforeEach(async () => {
    server = await startFaultServer();
  });
  afterEach(() => server.close());

  const request = (name: string, ctx: Context, as: typeof fetchText = fetchJson): Observable<unknown> =>
    as({ ...ctx, propagate: { authorization: secret } }, `${server.at(name)}?token=${secret}`);

  const expectFailure = (
    name: string,
    { error: type, message, advice = '', fields }: Failure,
    actual: unknown,
  ): void => {
    const url = server.at(name);
    expect(actual).to.be.instanceOf(type);
    expect(actual).to.include({ method: 'GET', url, ...fields });
    const [reason, target] = (actual as Error).message.split(' from ');
    expect(target).to.equal(`GET ${url}${advice}`);
    if (typeof message === 'string') expect(reason).to.equal(message);
    else expect(reason).to.match(message);
    expect('cause' in (actual as Error)).to.equal(actual instanceof NetworkError);
    const printed = [String(actual), JSON.stringify(actual), inspect(actual, { depth: Infinity })];
    expect(printed.join('\n')).not.to.include(secret);
  };

  const expectOutcome = async (name: string, outcome: Outcome, actual: Observable<unknown>): Promise<void> => {
    if (typeof outcome === 'object' && 'value' in outcome) {
      expect(await lastValueFrom(actual)).to.deep.equal(outcome.value);
    } else expectFailure(name, outcome as Failure, await failureOf(actual, Error));
  };

  /** Starts a run that requests `faulty` once the request for `pending` hangs, and expects both requests to end. */
  async function expectRunToFail(
    faulty: string,
    pending: string,
    pendingCtx = ctx,
    hangs: Promise<unknown> = server.requested(pending),
  ): Promise<void> {
    const run = aggregate({
      pending: (run: Context) => request(pending, run),
      faulty: (run: Context) => defer(() => hangs).pipe(switchMap(() => request(faulty, run))),
    });
    const error = await failureOf(run(pendingCtx), ServiceError);
    expect(error.service).to.equal('faulty');
    expectFailure(faulty, faults[faulty]!.json as Failure, error.cause);
    const { closed } = await server.requested(pending);
    await closed;
  }

  for (const [name, { json, text = json, connection, reads }] of Object.entries(faults)) {
    /** Expects that no request was repeated or sent elsewhere, and that the next request succeeds. */
    const expectConnection = async (): Promise<void> => {
      await new Promise(setImmediate); // a connection is free one turn after its response
      await lastValueFrom(request('healthy', ctx));
      // undici opens one more connection than it uses while another is closing.
      const requests = server.connections.map((each) => each.requests).filter(({ length }) => length > 0);
      const expected = { reused: [[name, 'healthy']], closed: [[name], ['healthy']], 'never opened': [['healthy']] };
      expect(requests).to.deep.equal(expected[connection]);
      if (connection === 'closed') await server.connections[0]!.closed;
    };

    if (json === 'pending') {
      describe(`${name}: the connection`, () => {
        let observed: ReturnType<typeof observe>;
        let hangs: Promise<unknown>;
        beforeEach(() => {
          observed = observe(fetch);
          hangs = Promise.all([server.requested(name), reads === undefined || observed.reading]);
        });
        afterEach(expectConnection);

        it('closes on unsubscribe, and nothing is notified', async () => {
          const notifications: unknown[] = [];
          const record = (notification?: unknown): unknown => notifications.push(notification);
          const observer = { next: record, error: record, complete: record };
          const subscription = request(name, observed.ctx).subscribe(observer);
          await hangs;
          subscription.unsubscribe();
          const { closed } = await server.requested(name);
          await closed;
          expect(notifications).to.deep.equal([]);
        });

        it('closes when the signal aborts, and the subscriber receives CanceledError', async () => {
          const controller = new AbortController();
          void hangs.then(() => {
            controller.abort('the user left');
          });
          const error = await failureOf(request(name, { ...observed.ctx, signal: controller.signal }), CanceledError);
          expect(error.cause).to.equal('the user left');
        });

        it('closes when the run fails', () => expectRunToFail('refuse', name, observed.ctx, hangs));
      });
      continue;
    }

    describe(`${name}: the connection is ${connection}`, () => {
      for (const [as, outcome] of [
        [fetchJson, json],
        [fetchText, text],
      ] as const) {
        it(`${as.name}: ${titleOf(outcome)}`, async () => {
          const observed = observe(fetch);
          await expectOutcome(name, outcome, request(name, observed.ctx, as));
          await expectConnection();
          if (reads !== undefined) expect(observed.bytes()).to.be.within(reads, reads + 2 ** 18);
          // The sockets of a generous system buffer more than was read.
          expect(server.connections[0]!.written).to.be.below(observed.bytes() + 40 * 2 ** 20);
        });
      }

      if ('error' in json) {
        it('fails a run, and closes the pending connection of a sibling', () => expectRunToFail(name, 'never-answer'));
      }
    });
  }

  describe('in the transport', () => {
    it('rejects with a TypeError whose cause has the code', async () => {
      const error = await rejectionOf(fetch(new URL(server.at('end')), {}));
      expect(error).to.be.instanceOf(TypeError).with.property('message', 'fetch failed');
      expect((error as Error).cause).to.have.property('code', 'UND_ERR_SOCKET');
    });

    it('rejects the read of a body with a TypeError whose cause has the code, when the connection breaks', async () => {
      const reader = (await fetch(new URL(server.at('length-too-long')), {})).body!.getReader();
      expect(Buffer.from((await reader.read()).value!).toString()).to.equal('{"name":"Alice"}');
      const error = await rejectionOf(Promise.resolve(reader.read()));
      expect(error).to.be.instanceOf(TypeError).with.property('message', 'terminated');
      expect((error as Error).cause).to.have.property('code', 'UND_ERR_SOCKET');
    });
  });

  describe('200 runs at once, with random faults, timeouts and cancellations', function () {
    this.timeout(120_000);
    const seed = process.env['FAULTS_SEED'] ?? String(Date.now() % 2 ** 31);
    afterEach(function () {
      if (this.currentTest?.state === 'failed') console.error(`FAULTS_SEED=${seed}`);
    });

    it('end as expected, leave nothing behind, and let the process exit', async () => {
      const names = Object.keys(faults);
      const urls = Object.fromEntries(names.map((name) => [name, server.at(name)]));
      const program = [require.resolve('../support/faulty-runs.cjs'), transport, seed, JSON.stringify(urls)];
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        ['--conditions=forkfast:source', '--expose-gc', ...program],
        { timeout: 110_000, killSignal: 'SIGKILL' },
      );
      expect(stderr).to.equal('');
      const { outcomes, resources, ...rest } = JSON.parse(stdout) as Report;
      expect(rest).to.deep.equal({
        listeners: 0,
        rejections: [],
        warnings: [],
        inUse: { subscriptions: 0, signals: 0, promises: 0 },
      });
      expect(resources.after).to.deep.equal(resources.before);

      const { fails, 'has any outcome': any, ...others } = outcomes;
      expect(others).to.deep.equal({
        answers: { answer: 25 },
        'times out': { DeadlineExceededError: 25 },
        'is aborted': { CanceledError: 25 },
        'is unsubscribed': { nothing: 25 },
      });
      const failures = names.flatMap((name) => {
        const { json } = faults[name]!;
        return json !== 'pending' && 'error' in json ? `${name}: ${json.error.name}` : [];
      });
      expect(fails).to.have.all.keys(failures);
      const possible = [...failures, 'answer', 'DeadlineExceededError', 'CanceledError', 'nothing'];
      expect(possible).to.include.members(Object.keys(any!));
      const ends = [fails!, any!].map((counts) => Object.values(counts).reduce((sum, count) => sum + count));
      expect(ends).to.deep.equal([75, 25]);
    });
  });
});

/** A context with the transport, the number of bytes that were read, and a promise that resolves with the first chunk. */
function observe(transport: Fetch): { ctx: Context; bytes: () => number; reading: Promise<void> } {
  const reading = deferred();
  let bytes = 0;
  const fetch: Fetch = async (url, init) => {
    const { status, headers, body } = await transport(url, init);
    if (body === null) return { status, headers, body };
    const reader = body.getReader();
    const cancel = (reason: unknown): PromiseLike<void> => reader.cancel(reason);
    const read = async () => {
      const chunk = await reader.read();
      bytes += chunk.value?.byteLength ?? 0;
      reading.resolve();
      return chunk;
    };
    return { status, headers, body: { getReader: () => ({ read, cancel }) } };
  };
  return { ctx: { fetch }, bytes: () => bytes, reading: reading.promise };
}

function titleOf(outcome: Outcome): string {
  if (outcome === 'pending') return outcome;
  return 'value' in outcome ? JSON.stringify(outcome.value) : outcome.error.name;
}
