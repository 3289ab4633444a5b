import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { parse } from '../../example/resilience/command-line.ts';
import { type Outcome, type Report, reportOf, type Score, tableOf } from '../../example/resilience/report.ts';
import { type Counts, replyTo, startUpstream } from '../../example/resilience/upstream.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program as its usage says. */
function run(...args: readonly string[]): Promise<Ended> {
  const command = ['-C', 'forkfast:source', 'example/resilience/start.cjs'];
  const { NODE_V8_COVERAGE: _coverage, ...env } = process.env;
  const child = spawn(process.execPath, [...command, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => (printed[stream] += chunk));
  }
  return new Promise((resolve) => {
    child.once('close', (code) => {
      resolve({ code, ...printed });
    });
  });
}

describe('example: the unreliable upstream', () => {
  const faults = { seed: 1, slow: 10, failing: 10 };

  it('chooses a reply by the seed, the call and the attempt alone', () => {
    expect(replyTo(faults, 5, 1)).to.deep.equal(replyTo(faults, 5, 1));
    const others = [replyTo({ ...faults, seed: 2 }, 5, 1), replyTo(faults, 6, 1), replyTo(faults, 5, 2)];
    for (const other of others) expect(other).not.to.deep.equal(replyTo(faults, 5, 1));
  });

  it('has the configured rates of faults', () => {
    for (let seed = 0; seed < 20; seed++) {
      for (const attempt of [0, 1, 2]) {
        const replies = Array.from({ length: 2_000 }, (_, call) => replyTo({ ...faults, seed }, call, attempt));
        const failing = replies.filter(({ status }) => status === 503).length;
        const slow = replies.filter(({ delay }) => delay >= 200).length;
        expect(failing / replies.length, `seed ${String(seed)}`).to.be.within(0.07, 0.13);
        expect(slow / replies.length, `seed ${String(seed)}`).to.be.within(0.07, 0.13);
      }
    }
    const healthy = Array.from({ length: 1_000 }, (_, call) => replyTo({ seed: 1, slow: 0, failing: 0 }, call, 0));
    expect(healthy.every(({ status, delay }) => status === 200 && delay >= 5 && delay <= 15)).to.equal(true);
  });

  it('returns its counts when no request is in flight', async () => {
    const upstream = await startUpstream({ seed: 1, slow: 0, failing: 0 });
    try {
      const responses = [0, 1, 2].map((call) => fetch(`${upstream.url}/plain/${String(call)}/0`));
      const bodies = await Promise.all(responses.map(async (response) => (await response).json() as Promise<unknown>));
      expect(bodies).to.deep.equal([{ call: 0 }, { call: 1 }, { call: 2 }]);
      expect((await fetch(`${upstream.url}/elsewhere`)).status).to.equal(404);
      const counts = (await (await fetch(`${upstream.url}/counts`)).json()) as Record<string, Counts>;
      expect(counts).to.deep.equal({ plain: { requests: 3, closed: 0 } });
    } finally {
      await upstream.close();
    }
  });
});

describe('example: the report on resilience', () => {
  const options = parse(['--calls', '100']);
  const outcomes = Array.from({ length: 100 }, (_, n): Outcome => ({
    strategy: 'plain',
    answered: n < 90,
    elapsed: 90 - n,
  }));

  it('computes the percentiles of the answered calls by the nearest rank', () => {
    const { strategies } = reportOf(['plain'], outcomes, { plain: { requests: 150, closed: 3 } }, options, 1);
    expect(strategies['plain']).to.deep.equal({
      calls: 100,
      answered: 90,
      success: 0.9,
      p50: 45,
      p99: 90,
      requests: 150,
      load: 1.5,
      closed: 3,
    });
  });

  it('has no percentiles if no call was answered', () => {
    const failed = outcomes.map((outcome) => ({ ...outcome, answered: false }));
    const report = reportOf(['plain'], failed, {}, options, 1);
    expect(report.strategies['plain']).to.include({ success: 0, p50: null, p99: null, load: 0 });
    expect(tableOf(report)).to.match(/^plain +100 +0\.0 % +- +- +0\.00 +0$/m);
  });

  it('reports missing calls', () => {
    const report = reportOf(['plain'], outcomes.slice(1), {}, options, 1);
    expect(tableOf(report)).to.match(/\nsome calls are missing: the time limit passed$/);
    expect(tableOf(reportOf(['plain'], outcomes, {}, options, 1))).not.to.contain('missing');
  });
});

describe('example: the command line of resilience', () => {
  it('has defaults, and reads all flags', () => {
    const defaults = { calls: 400, concurrency: 10, seed: 1, slow: 10, failing: 10, json: false, help: false };
    expect(parse([])).to.deep.equal(defaults);
    const given = parse(['--calls=7', '--concurrency', '2', '--seed=3', '--slow=0', '--failing', '50', '--json']);
    const expected = { calls: 7, concurrency: 2, seed: 3, slow: 0, failing: 50, json: true, help: false };
    expect(given).to.deep.equal(expected);
  });

  const wrong: readonly (readonly [string, string])[] = [
    ['--calls 0', '--calls: expected a number from 1 to 2000, got "0"'],
    ['--calls many', '--calls: expected a number from 1 to 2000, got "many"'],
    ['--concurrency=101', '--concurrency: expected a number from 1 to 100, got "101"'],
    ['--seed=-1', '--seed: expected a number from 0 to 2147483647, got "-1"'],
    ['--seed', '--seed: expected a number from 0 to 2147483647, got nothing'],
    ['--failing 51', '--failing: expected a percentage from 0 to 50, got "51"'],
    ['--json=yes', '--json: expected no value, got "yes"'],
    ['--loud', '--loud: expected a flag of this program: see --help'],
    ['400', 'expected a flag, got "400": see --help'],
  ];
  for (const [args, message] of wrong) {
    it(`rejects ${args}`, () => {
      expect(() => parse(args.split(' '))).to.throw(message);
    });
  }
});

describe('example: resilience', function () {
  this.timeout(60_000);

  const options = { calls: 60, concurrency: 20, seed: 4, slow: 10, failing: 30 };
  let runs: Readonly<Record<'json' | 'table' | 'usage' | 'help', Promise<Ended>>>;
  before(() => {
    runs = {
      json: run(...Object.entries(options).map(([name, value]) => `--${name}=${String(value)}`), '--json'),
      table: run('--calls', '8'),
      usage: run('--calls', 'many'),
      help: run('--help'),
    };
  });
  const reportOfRun = async (): Promise<Report> => {
    const { code, stdout, stderr } = await runs.json;
    expect([code, stderr]).to.deep.equal([0, '']);
    return JSON.parse(stdout) as Report;
  };

  it('makes the same calls with all four strategies', async () => {
    const { strategies, seconds: _seconds, ...report } = await reportOfRun();
    expect(report).to.deep.equal({ ...options, budget: { ratio: 0.2, min: 10 } });
    expect(Object.keys(strategies)).to.deep.equal(['plain', 'retried', 'hedged', 'budgeted']);
    for (const score of Object.values(strategies)) {
      expect(score.calls).to.equal(60);
      expect(score.p50).to.be.at.most(score.p99!);
      expect(score.requests).to.be.at.least(60);
      expect(score.closed).to.be.within(0, score.requests - 60);
    }
  });

  it('shows the effect of each strategy', async () => {
    const { strategies } = await reportOfRun();
    const { plain, retried, hedged, budgeted } = strategies as Record<
      'plain' | 'retried' | 'hedged' | 'budgeted',
      Score
    >;
    const statuses = Array.from({ length: 60 }, (_, call) =>
      [0, 1, 2].map((attempt) => replyTo(options, call, attempt).status),
    );
    expect(plain.answered).to.equal(statuses.filter(([first]) => first === 200).length);
    expect(plain.load).to.equal(1);
    expect(plain.closed).to.equal(0);
    expect(retried.answered).to.equal(statuses.filter((attempts) => attempts.includes(200)).length);
    expect(retried.answered).to.be.above(plain.answered);
    for (const { answered } of [hedged, budgeted]) expect(answered).to.be.at.least(plain.answered);
  });

  it('stays within the budget', async () => {
    const { strategies, budget, seconds } = await reportOfRun();
    const { ratio, min } = budget;
    const { requests } = strategies['budgeted']!;
    expect(requests).to.be.at.most(60 * (1 + ratio) + min * (Math.floor(seconds) + 1));
  });

  it('prints a table', async () => {
    const { code, stdout, stderr } = await runs.table;
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^8 calls of each strategy, 10 at a time, in \d+\.\d s; .*; seed 1\n/);
    expect(stdout).to.match(/^ +calls +success +p50 ms +p99 ms +load +closed$/m);
    for (const name of ['plain', 'retried', 'hedged', 'budgeted']) {
      expect(stdout).to.match(new RegExp(`^${name} +8 +\\d+\\.\\d % +\\d+ +\\d+ +\\d\\.\\d\\d +\\d+$`, 'm'));
    }
  });

  it('reports a wrong flag in one line, and prints its usage', async () => {
    const stderr = '--calls: expected a number from 1 to 2000, got "many"\n';
    expect(await runs.usage).to.deep.equal({ code: 2, stdout: '', stderr });
    const { code, stdout } = await runs.help;
    expect(stdout).to.match(/^Usage: node -C forkfast:source example\/resilience\/start.cjs/);
    expect(code).to.equal(0);
  });
});
