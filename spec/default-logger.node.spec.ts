import { execFile } from 'node:child_process';
import { expect } from 'chai';

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

const imports = `
  const { aggregate, background } = require('forkfast');
  const { Observable, of, throwError } = require('rxjs');`;

/** Runs a program in a process of its own. */
function run(program: string, env: { readonly LOG_LEVEL?: string } = {}): Promise<Ended> {
  const args = [
    '--conditions=forkfast:source',
    '--require=ts-node/register/transpile-only',
    '--eval',
    imports + program,
  ];
  const { LOG_LEVEL: _mine, ...rest } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: { ...rest, ...env }, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

/** The lines on stderr, each of which is JSON. */
function linesOf({ stderr }: Ended): readonly Record<string, unknown>[] {
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function levelsOf(ended: Ended): readonly unknown[] {
  return linesOf(ended).map(({ level }) => level);
}

const fail = (service: string): string => `
  const ask = aggregate({ ${JSON.stringify(service)}: () => throwError(() => new Error('boom')) });
  ask(background).subscribe({ error: () => {} });`;

const warn = `
  const torn = () => new Observable(() => () => { throw new Error('torn'); });
  const failed = () => throwError(() => new Error('boom'));
  aggregate({ torn, failed })(background).subscribe({ error: () => {} });`;

const programs = {
  fails: () => run(`aggregate({ profile: () => of('Alice') })(background).subscribe(); ${fail('a\nb')}`),
  debugs: () => run(fail('profile').replace('ask(', "process.env.LOG_LEVEL = 'debug'; ask(")),
  warns: () => run(warn),
  warnsError: () => run(warn, { LOG_LEVEL: 'ERROR' }),
  warnsLoud: () => run(warn, { LOG_LEVEL: 'loud' }),
  exits: () => run(`for (let run = 0; run < 100; run++) { ${fail('profile')} } process.exit(7);`),
};

describe('the default logger on Node', function () {
  this.timeout(60_000);
  const ended = {} as Record<keyof typeof programs, Ended>;

  before(async () => {
    const names = Object.keys(programs) as (keyof typeof programs)[];
    await Promise.all(
      names.map(async (name) => {
        ended[name] = await programs[name]();
      }),
    );
  });

  it('writes a JSON line with a timestamp on stderr for a run that fails, and nothing on stdout', () => {
    const { code, stdout } = ended.fails;
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: '' });
    const [line, ...others] = linesOf(ended.fails);
    expect(others).to.deep.equal([]);
    expect(line).to.include({ level: 'error', message: 'run failed', name: 'aggregate' });
    expect(line?.['timestamp']).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('keeps a line break in a field inside the line', () => {
    expect(linesOf(ended.fails)[0]).to.include({ service: 'a\nb' });
  });

  it('writes from the level in LOG_LEVEL on, in any case, and from info on where that names none', () => {
    expect(levelsOf(ended.warns)).to.deep.equal(['warn', 'error']);
    expect(levelsOf(ended.warnsError)).to.deep.equal(['error']);
    expect(levelsOf(ended.warnsLoud)).to.deep.equal(['warn', 'error']);
  });

  it('is made when the first line is due: until then a program may set LOG_LEVEL', () => {
    expect(levelsOf(ended.debugs)).to.deep.equal(['debug', 'debug', 'debug', 'error']);
  });

  it('loses no line to a process that exits at once', () => {
    expect(ended.exits.code).to.equal(7);
    expect(linesOf(ended.exits)).to.have.length(100);
  });
});
