import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse } from '../../example/resilience/command-line.ts';
import { type Outcome, type Report, reportOf, type Score, tableOf } from '../../example/resilience/report.ts';
import { fateOf, type Seen, startUpstream } from '../../example/resilience/upstream.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run example:resilience -- …`, without npm. */
function run(...args: readonly string[]): Promise<Ended> {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const [, ...command] = (scripts['example:resilience'] ?? '').split(' ');
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

describe('example: the flaky upstream', () => {
  const mood = { seed: 1, slow: 10, failing: 10 };

  it('decides by the seed, the question and the attempt alone', () => {
    expect(fateOf(mood, 5, 1)).to.deep.equal(fateOf(mood, 5, 1));
    const others = [fateOf({ ...mood, seed: 2 }, 5, 1), fateOf(mood, 6, 1), fateOf(mood, 5, 2)];
    for (const other of others) expect(other).not.to.deep.equal(fateOf(mood, 5, 1));
  });

  it('is as slow and as failing as it is told', () => {
    for (let seed = 0; seed < 20; seed++) {
      for (const attempt of [0, 1, 2]) {
        const fates = Array.from({ length: 2_000 }, (_, question) => fateOf({ ...mood, seed }, question, attempt));
        const failing = fates.filter(({ status }) => status === 503).length;
        const slow = fates.filter(({ delay }) => delay >= 200).length;
        expect(failing / fates.length, `seed ${String(seed)}`).to.be.within(0.07, 0.13);
        expect(slow / fates.length, `seed ${String(seed)}`).to.be.within(0.07, 0.13);
      }
    }
    const calm = Array.from({ length: 1_000 }, (_, question) => fateOf({ seed: 1, slow: 0, failing: 0 }, question, 0));
    expect(calm.every(({ status, delay }) => status === 200 && delay >= 5 && delay <= 15)).to.equal(true);
  });

  it('says what it saw once nothing is in flight', async () => {
    const upstream = await startUpstream({ seed: 1, slow: 0, failing: 0 });
    try {
      const asked = [0, 1, 2].map((question) => fetch(`${upstream.url}/plain/${String(question)}/0`));
      const bodies = await Promise.all(asked.map(async (response) => (await response).json() as Promise<unknown>));
      expect(bodies).to.deep.equal([{ question: 0 }, { question: 1 }, { question: 2 }]);
      expect((await fetch(`${upstream.url}/elsewhere`)).status).to.equal(404);
      const seen = (await (await fetch(`${upstream.url}/seen`)).json()) as Record<string, Seen>;
      expect(seen).to.deep.equal({ plain: { requests: 3, closed: 0 } });
    } finally {
      await upstream.close();
    }
  });
});

describe('example: the report on resilience', () => {
  const options = parse(['--requests', '100']);
  const outcomes = Array.from({ length: 100 }, (_, n): Outcome => ({
    strategy: 'plain',
    answered: n < 90,
    elapsed: 90 - n,
  }));

  it('takes the percentiles of what was answered, by the nearest rank', () => {
    const { strategies } = reportOf(['plain'], outcomes, { plain: { requests: 150, closed: 3 } }, options, 1);
    expect(strategies['plain']).to.deep.equal({
      asked: 100,
      answered: 90,
      success: 0.9,
      p50: 45,
      p99: 90,
      requests: 150,
      load: 1.5,
      closed: 3,
    });
  });

  it('has no percentiles where nothing was answered', () => {
    const failed = outcomes.map((outcome) => ({ ...outcome, answered: false }));
    const report = reportOf(['plain'], failed, {}, options, 1);
    expect(report.strategies['plain']).to.include({ success: 0, p50: null, p99: null, load: 0 });
    expect(tableOf(report)).to.match(/^plain +100 +0\.0 % +- +- +0\.00 +0$/m);
  });

  it('says where not all were asked', () => {
    const report = reportOf(['plain'], outcomes.slice(1), {}, options, 1);
    expect(tableOf(report)).to.match(/\nnot all were asked: it took too long$/);
    expect(tableOf(reportOf(['plain'], outcomes, {}, options, 1))).not.to.contain('not all');
  });
});

describe('example: the command line of resilience', () => {
  it('has defaults, and takes all flags', () => {
    const defaults = { requests: 400, concurrency: 10, seed: 1, slow: 10, failing: 10, json: false, help: false };
    expect(parse([])).to.deep.equal(defaults);
    const given = parse(['--requests=7', '--concurrency', '2', '--seed=3', '--slow=0', '--failing', '50', '--json']);
    const expected = { requests: 7, concurrency: 2, seed: 3, slow: 0, failing: 50, json: true, help: false };
    expect(given).to.deep.equal(expected);
  });

  const wrong: readonly (readonly [string, string])[] = [
    ['--requests 0', '--requests takes a number from 1 to 2000, not "0"'],
    ['--requests many', '--requests takes a number from 1 to 2000, not "many"'],
    ['--concurrency=101', '--concurrency takes a number from 1 to 100, not "101"'],
    ['--seed=-1', '--seed takes a number from 0 to 2147483647, not "-1"'],
    ['--seed', '--seed takes a number from 0 to 2147483647, not nothing'],
    ['--failing 51', '--failing takes a percentage from 0 to 50, not "51"'],
    ['--json=yes', '--json takes no value, not "yes"'],
    ['--loud', 'unknown flag "--loud"; see --help'],
    ['400', 'unexpected "400"; see --help'],
  ];
  for (const [args, message] of wrong) {
    it(`refuses ${args}`, () => {
      expect(() => parse(args.split(' '))).to.throw(message);
    });
  }
});

describe('example: npm run example:resilience', function () {
  this.timeout(60_000);

  const asked = { requests: 60, concurrency: 20, seed: 4, slow: 10, failing: 30 };
  let runs: Readonly<Record<'json' | 'table' | 'usage' | 'help', Promise<Ended>>>;
  before(() => {
    runs = {
      json: run(...Object.entries(asked).map(([name, value]) => `--${name}=${String(value)}`), '--json'),
      table: run('--requests', '8'),
      usage: run('--requests', 'many'),
      help: run('--help'),
    };
  });
  const reported = async (): Promise<Report> => {
    const { code, stdout, stderr } = await runs.json;
    expect([code, stderr]).to.deep.equal([0, '']);
    return JSON.parse(stdout) as Report;
  };

  it('asks the same of all four', async () => {
    const { strategies, seconds: _seconds, ...report } = await reported();
    expect(report).to.deep.equal({ ...asked, budget: { ratio: 0.2, min: 10 } });
    expect(Object.keys(strategies)).to.deep.equal(['plain', 'retried', 'hedged', 'budgeted']);
    for (const score of Object.values(strategies)) {
      expect(score.asked).to.equal(60);
      expect(score.p50).to.be.at.most(score.p99!);
      expect(score.requests).to.be.at.least(60);
      expect(score.closed).to.be.within(0, score.requests - 60);
    }
  });

  it('shows what each is worth', async () => {
    const { strategies } = await reported();
    const { plain, retried, hedged, budgeted } = strategies as Record<
      'plain' | 'retried' | 'hedged' | 'budgeted',
      Score
    >;
    const fates = Array.from({ length: 60 }, (_, question) =>
      [0, 1, 2].map((attempt) => fateOf(asked, question, attempt).status),
    );
    expect(plain.answered).to.equal(fates.filter(([first]) => first === 200).length);
    expect(plain.load).to.equal(1);
    expect(plain.closed).to.equal(0);
    expect(retried.answered).to.equal(fates.filter((attempts) => attempts.includes(200)).length);
    expect(retried.answered).to.be.above(plain.answered);
    for (const { answered } of [hedged, budgeted]) expect(answered).to.be.at.least(plain.answered);
  });

  it('keeps the budget', async () => {
    const { strategies, budget, seconds } = await reported();
    const { ratio, min } = budget;
    const { requests } = strategies['budgeted']!;
    expect(requests).to.be.at.most(60 * (1 + ratio) + min * (Math.floor(seconds) + 1));
  });

  it('prints a table', async () => {
    const { code, stdout, stderr } = await runs.table;
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^8 questions each, 10 at a time, in \d+\.\d s; .*; seed 1\n/);
    expect(stdout).to.match(/^ +asked +success +p50 ms +p99 ms +load +closed$/m);
    for (const name of ['plain', 'retried', 'hedged', 'budgeted']) {
      expect(stdout).to.match(new RegExp(`^${name} +8 +\\d+\\.\\d % +\\d+ +\\d+ +\\d\\.\\d\\d +\\d+$`, 'm'));
    }
  });

  it('says in one line what is wrong with a flag, and how it is used', async () => {
    const stderr = '--requests takes a number from 1 to 2000, not "many"\n';
    expect(await runs.usage).to.deep.equal({ code: 2, stdout: '', stderr });
    const { code, stdout } = await runs.help;
    expect(stdout).to.match(/^Usage: npm run example:resilience/);
    expect(code).to.equal(0);
  });
});
