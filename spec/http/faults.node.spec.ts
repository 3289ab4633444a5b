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
  silent,
  withLogger,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import type { Failure, Outcome } from '../support/faults.ts';
import type { Report } from '../support/faulty-runs.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { deferred } from '../support/servers.ts';
import { transports } from '../support/transports.ts';

for (const transport of transports) {
  describe(`the wire, with faults, over ${transport.name}`, function () {
    this.timeout(30_000);
    expectNoUnhandledRejections();

    const secret = 'S3CRET';
    let server: FaultServer;
    beforeEach(async () => {
      server = await startFaultServer();
    });
    afterEach(() => server.close());

    const ask = (name: string, ctx: Context, as: typeof fetchText = fetchJson): Observable<unknown> =>
      as({ ...ctx, propagate: { authorization: secret } }, `${server.at(name)}?token=${secret}`);

    const expectFailure = (name: string, outcome: Outcome, actual: unknown): void => {
      const { error: type, message, fields } = outcome as Failure;
      const url = server.at(name);
      expect(actual).to.be.instanceOf(type);
      expect(actual).to.include({ method: 'GET', url, ...fields });
      const [what, where] = (actual as Error).message.split(' from ');
      expect(where).to.equal(`GET ${url}`);
      if (typeof message === 'string') expect(what).to.equal(message);
      else expect(what).to.match(message);
      expect('cause' in (actual as Error)).to.equal(actual instanceof NetworkError);
      const printed = [String(actual), JSON.stringify(actual), inspect(actual, { depth: Infinity })];
      expect(printed.join('\n')).not.to.include(secret);
    };

    const expectOutcome = async (name: string, outcome: Outcome, actual: Observable<unknown>): Promise<void> => {
      if (typeof outcome === 'object' && 'value' in outcome) {
        expect(await lastValueFrom(actual)).to.deep.equal(outcome.value);
      } else expectFailure(name, outcome, await failureOf(actual, Error));
    };

    /** A run in which `faulty` is asked for when `hanging` hangs. */
    async function expectRunToFail(
      faulty: string,
      hanging: string,
      ctx = transport.ctx,
      hangs: Promise<unknown> = server.asked(hanging),
    ): Promise<void> {
      const run = aggregate(
        {
          hanging: (run: Context) => ask(hanging, run),
          faulty: (run: Context) => defer(() => hangs).pipe(switchMap(() => ask(faulty, run))),
        },
        withLogger(silent),
      );
      const error = await failureOf(run(ctx), ServiceError);
      expect(error.service).to.equal('faulty');
      expectFailure(faulty, transport.faults[faulty]!.json, error.cause);
      const { closed } = await server.asked(hanging);
      await closed;
    }

    for (const [name, { json, text = json, connection, reads }] of Object.entries(transport.faults)) {
      /** Nothing was sent twice, or elsewhere, and the next request works. */
      const expectConnection = async (): Promise<void> => {
        await new Promise(setImmediate); // a connection is free a turn after its answer
        await lastValueFrom(ask('healthy', transport.ctx));
        // Where a connection is just closing, undici opens one more than it uses.
        const requests = server.connections.map((each) => each.requests).filter(({ length }) => length > 0);
        const expected = { reused: [[name, 'healthy']], closed: [[name], ['healthy']], 'never opened': [['healthy']] };
        expect(requests).to.deep.equal(expected[connection]);
        if (connection === 'closed') await server.connections[0]!.closed;
      };

      if (json === 'nothing') {
        describe(`${name}: its connection`, () => {
          let seen: ReturnType<typeof observed>;
          let hangs: Promise<unknown>;
          beforeEach(() => {
            seen = observed(transport.ctx);
            hangs = Promise.all([server.asked(name), reads === undefined || seen.reading]);
          });
          afterEach(expectConnection);

          it('closes on unsubscribing, without a word', async () => {
            const words: unknown[] = [];
            const say = (word?: unknown): unknown => words.push(word);
            const asked = ask(name, seen.ctx).subscribe({ next: say, error: say, complete: say });
            await hangs;
            asked.unsubscribe();
            const { closed } = await server.asked(name);
            await closed;
            expect(words).to.deep.equal([]);
          });

          it('closes with its signal, which gives CanceledError', async () => {
            const controller = new AbortController();
            void hangs.then(() => {
              controller.abort('the user left');
            });
            const error = await failureOf(ask(name, { ...seen.ctx, signal: controller.signal }), CanceledError);
            expect(error.cause).to.equal('the user left');
          });

          it('closes with its run', () => expectRunToFail('refuse', name, seen.ctx, hangs));
        });
        continue;
      }

      describe(`${name}: its connection is ${connection}`, () => {
        for (const [as, outcome] of [
          [fetchJson, json],
          [fetchText, text],
        ] as const) {
          it(`gives ${as.name} ${told(outcome)}`, async () => {
            const seen = observed(transport.ctx);
            await expectOutcome(name, outcome, ask(name, seen.ctx, as));
            await expectConnection();
            if (reads !== undefined) expect(seen.bytes()).to.be.within(reads, reads + 2 ** 18);
            // Beside what was read, what the buffers of sockets hold where the system is generous.
            expect(server.connections[0]!.written).to.be.below(seen.bytes() + 40 * 2 ** 20);
          });
        }

        if ('error' in json) {
          it('fails a run, and closes what hangs beside it', () => expectRunToFail(name, 'never-answer'));
        }
      });
    }

    describe('200 runs at once, with random faults, timeouts and callers who leave', function () {
      this.timeout(120_000);
      const seed = process.env['FAULTS_SEED'] ?? String(Date.now() % 2 ** 31);
      afterEach(function () {
        if (this.currentTest?.state === 'failed') console.error(`FAULTS_SEED=${seed}`);
      });

      it('come to what they must, leave nothing behind, and let the process end by itself', async () => {
        const names = Object.keys(transport.faults);
        const urls = Object.fromEntries(names.map((name) => [name, server.at(name)]));
        const program = [require.resolve('../support/faulty-runs.cjs'), transport.name, seed, JSON.stringify(urls)];
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

        const { fails, 'is anything': anything, ...sure } = outcomes;
        expect(sure).to.deep.equal({
          answers: { 'an answer': 25 },
          'times out': { DeadlineExceededError: 25 },
          'is aborted': { CanceledError: 25 },
          'is left': { nothing: 25 },
        });
        const failures = names.flatMap((name) => {
          const { json } = transport.faults[name]!;
          return json !== 'nothing' && 'error' in json ? `${name}: ${json.error.name}` : [];
        });
        expect(fails).to.have.all.keys(failures);
        expect([...failures, 'an answer', 'DeadlineExceededError', 'CanceledError', 'nothing']).to.include.members(
          Object.keys(anything!),
        );
        const ends = [fails!, anything!].map((counts) => Object.values(counts).reduce((sum, count) => sum + count));
        expect(ends).to.deep.equal([75, 25]);
      });
    });
  });
}

/** The transport of `ctx`, and what is read through it. */
function observed(ctx: Context): { ctx: Context; bytes: () => number; reading: Promise<void> } {
  const reading = deferred();
  let bytes = 0;
  const watched: Fetch = async (url, init) => {
    const { status, headers, body } = await (ctx.fetch ?? fetch)(url, init);
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
  return { ctx: { ...ctx, fetch: watched }, bytes: () => bytes, reading: reading.promise };
}

function told(outcome: Outcome): string {
  if (outcome === 'nothing') return outcome;
  return 'value' in outcome ? JSON.stringify(outcome.value) : outcome.error.name;
}
