import { expect } from 'chai';
import type { Logger } from '../../lib/index.ts';
import { createDefaultLogger } from '../../lib/observe/winston.ts';

interface Written {
  readonly stdout: string;
  readonly stderr: string;
}

/** What `use` writes with a logger of its own, where LOG_LEVEL is `level`: winston writes at once. */
function written(level: string | undefined, use: (logger: Logger) => void): Written {
  const texts = { stdout: '', stderr: '' };
  const { LOG_LEVEL: mine } = process.env;
  const { write: out } = process.stdout;
  const { write: err } = process.stderr;
  setLevel(level);
  process.stdout.write = (text) => ((texts.stdout += String(text)), true);
  process.stderr.write = (text) => ((texts.stderr += String(text)), true);
  try {
    use(createDefaultLogger());
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
    setLevel(mine);
  }
  return texts;
}

function setLevel(level: string | undefined): void {
  if (level === undefined) delete process.env['LOG_LEVEL'];
  else process.env['LOG_LEVEL'] = level;
}

function linesOf({ stderr }: Written): readonly Record<string, unknown>[] {
  return stderr.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
}

const levels = ['error', 'warn', 'info', 'debug'] as const;
const all = (logger: Logger): void => {
  for (const level of levels) logger[level](`a line at ${level}`, { id: 7 });
};
const enabled = (level: string | undefined): readonly string[] => {
  let those: readonly string[] = [];
  written(level, (logger) => {
    those = [...levels, 'silly', 'none such', 'toString'].filter((asked) => logger.isLevelEnabled?.(asked));
  });
  return those;
};

describe('the logger that Node has by default', () => {
  it('writes each line on stderr alone, with its level, message, fields and timestamp', () => {
    const seen = written('debug', all);
    expect(seen.stdout).to.equal('');
    const lines = linesOf(seen);
    expect(lines.map(({ timestamp, ...line }) => line)).to.deep.equal(
      levels.map((level) => ({ level, message: `a line at ${level}`, id: 7 })),
    );
    for (const { timestamp } of lines) expect(timestamp).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('writes from the level in LOG_LEVEL on, in any case; from info on where that names none', () => {
    const from = (level: string | undefined): readonly unknown[] =>
      linesOf(written(level, all)).map((line) => line['level']);
    expect(from('error')).to.deep.equal(['error']);
    expect(from('WARN')).to.deep.equal(['error', 'warn']);
    for (const none of [undefined, '', 'loud', 'toString'])
      expect(from(none), none).to.deep.equal(['error', 'warn', 'info']);
    expect(from('Debug')).to.deep.equal(levels);
  });

  it('says which levels are enabled, by the same LOG_LEVEL; none that winston does not know', () => {
    expect(enabled('error')).to.deep.equal(['error']);
    expect(enabled('WARN')).to.deep.equal(['error', 'warn']);
    for (const none of [undefined, '', 'loud', 'toString'])
      expect(enabled(none), none).to.deep.equal(['error', 'warn', 'info']);
    expect(enabled('silly')).to.deep.equal([...levels, 'silly']);
  });

  it('reads LOG_LEVEL when it is first asked, and once', () => {
    const seen = written('error', (logger) => {
      setLevel('debug');
      expect(logger.isLevelEnabled?.('debug')).to.equal(true);
      setLevel('error');
      expect(logger.isLevelEnabled?.('debug')).to.equal(true);
      logger.debug('due', {});
    });
    expect(linesOf(seen)).to.have.length(1);
  });

  it('escapes what a terminal obeys, or a reader takes for a line`s end, and nothing else', () => {
    const { stderr } = written(undefined, (logger) => logger.info('x', { text: '\x7f\x9b31m\u2028\u2029\u202e ä€😀' }));
    expect(stderr).to.include('"text":"\\u007f\\u009b31m\\u2028\\u2029\\u202e ä€😀"');
    expect(stderr.trimEnd()).to.match(/^\P{Cc}+$/u);
  });
});
