import { Writable } from 'node:stream';
import { expect } from 'chai';
import { throwError } from 'rxjs';
import winston from 'winston';
import { aggregate, background, type Logger, withLogger } from '../../lib/index.ts';
import { nextTask } from '../support/tasks.ts';
import { oddErrors, oddServiceErrors } from '../support/odd-errors.ts';
import { winstonLogger, type WinstonLoggerConfig } from '../../lib/observe/winston.ts';

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** The output of `use` with a new logger while `LOG_LEVEL` is `level`: winston writes synchronously. */
function outputOf(level: string | undefined, use: (logger: Logger) => void, config?: WinstonLoggerConfig): Output {
  const output = { stdout: '', stderr: '' };
  const { LOG_LEVEL: original } = process.env;
  const { write: writeOut } = process.stdout;
  const { write: writeError } = process.stderr;
  setLevel(level);
  process.stdout.write = (text) => ((output.stdout += String(text)), true);
  process.stderr.write = (text) => ((output.stderr += String(text)), true);
  try {
    use(winstonLogger(config));
  } finally {
    process.stdout.write = writeOut;
    process.stderr.write = writeError;
    setLevel(original);
  }
  return output;
}

function setLevel(level: string | undefined): void {
  if (level === undefined) delete process.env['LOG_LEVEL'];
  else process.env['LOG_LEVEL'] = level;
}

function linesOf(text: string): readonly Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
}

const levels = ['error', 'warn', 'info', 'debug'] as const;
const writeAll = (logger: Logger): void => {
  for (const level of levels) logger[level](`a line at ${level}`, { id: 7 });
};

function inMemory(): { readonly stream: Writable; readonly text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}

describe('winstonLogger', () => {
  it('writes each line as JSON on stderr alone, with its level, message, fields and timestamp', () => {
    const { stdout, stderr } = outputOf('debug', writeAll);
    expect(stdout).to.equal('');
    const lines = linesOf(stderr);
    expect(lines.map(({ timestamp, ...line }) => line)).to.deep.equal(
      levels.map((level) => ({ level, message: `a line at ${level}`, id: 7 })),
    );
    for (const { timestamp } of lines) expect(timestamp).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('logs the failure of a run, and no debug line by default', () => {
    const { stderr } = outputOf(undefined, (logger) => {
      const services = { profile: () => throwError(() => new Error('boom')) };
      aggregate(services, withLogger(logger))(background).subscribe({ error: () => undefined });
    });
    const lines = linesOf(stderr).map(({ level, message, service }) => ({ level, message, service }));
    expect(lines).to.deep.equal([{ level: 'error', message: 'run failed', service: 'profile' }]);
  });

  it("writes an error with its stack in one line of JSON, with `errors: 'full'`", () => {
    const boom = new Error('boom\r\nand more', { cause: new Error('inner') });
    const { stderr } = outputOf(undefined, (logger) => {
      const services = { profile: () => throwError(() => boom) };
      aggregate(services, withLogger(logger, { errors: 'full' }))(background).subscribe({ error: () => undefined });
    });
    expect(stderr.trimEnd()).to.match(/^\P{Cc}+$/u);
    const [{ error } = {}] = linesOf(stderr) as { error?: unknown }[];
    expect(error).to.include({
      message: 'profile: boom\r\nand more',
      stack: `ServiceError: profile: boom\r\nand more\ncaused by: ${String(boom.stack)}\ncaused by: ${String((boom.cause as Error).stack)}`,
    });
  });

  it("fits a winston logger with a format for people, with `errors: 'full'`", () => {
    const { stream, text } = inMemory();
    const line = winston.format.printf(({ level, message, error }) =>
      [`${level} ${String(message)}`, (error as Error | undefined)?.stack].filter(Boolean).join('\n'),
    );
    const logger = winston.createLogger({ format: line, transports: new winston.transports.Stream({ stream }) });
    const boom = new Error('boom');
    aggregate(
      { profile: () => throwError(() => boom) },
      withLogger(logger, { errors: 'full' }),
    )(background).subscribe({ error: () => undefined });
    expect(text().trimEnd()).to.equal(
      `error run failed\nServiceError: profile: boom\ncaused by: ${String(boom.stack)}`,
    );
  });

  it('writes a line although some of its fields cannot be printed', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const throws = (): never => {
      throw new Error('unreadable');
    };
    const fields = {
      getter: Object.defineProperty({}, 'a', { get: throws, enumerable: true }),
      proxy,
      toJSON: { toJSON: throws },
      count: 7n,
    };
    const { stderr } = outputOf('debug', (logger) => logger.error('a line', { ...fields, id: 7 }));
    const [{ timestamp, ...line } = {}, ...others] = linesOf(stderr);
    const unprintable = 'expected a value that can be printed';
    expect([line, others]).to.deep.equal([
      {
        level: 'error',
        message: 'a line',
        getter: unprintable,
        proxy: unprintable,
        toJSON: unprintable,
        count: '7',
        id: 7,
      },
      [],
    ]);
  });

  it('writes one line for an odd error, whatever a service throws', () => {
    for (const [what, error] of [...oddErrors, ...oddServiceErrors]) {
      const { stderr } = outputOf(undefined, (logger) => {
        aggregate(
          { profile: () => throwError(() => error) },
          withLogger(logger),
        )(background).subscribe({
          error: () => undefined,
        });
      });
      const lines = linesOf(stderr);
      expect(lines, what).to.have.length(1);
      expect(lines[0], what).to.include({ message: 'run failed' }).and.to.have.property('error');
    }
  });

  describe('the level', () => {
    for (const [environment, config, expected] of [
      ['error', {}, ['error']],
      ['WARN', {}, ['error', 'warn']],
      ['Debug', {}, ['error', 'warn', 'info', 'debug']],
      ['silly', {}, ['error', 'warn', 'info', 'debug', 'silly']],
      [undefined, {}, ['error', 'warn', 'info']],
      ['', {}, ['error', 'warn', 'info']],
      ['loud', {}, ['error', 'warn', 'info']],
      ['toString', {}, ['error', 'warn', 'info']],
      ['debug', { level: 'warn' }, ['error', 'warn']],
      ['error', { level: 'debug' }, ['error', 'warn', 'info', 'debug']],
      ['error', { level: undefined }, ['error']],
    ] as const) {
      const given = `LOG_LEVEL=${String(environment)} and ${JSON.stringify(config)}`;
      it(`decides which lines are written and which levels are enabled: ${given}`, () => {
        let enabled: readonly string[] = [];
        const { stderr } = outputOf(
          environment,
          (logger) => {
            writeAll(logger);
            enabled = [...levels, 'silly', 'loud', 'toString'].filter((level) => logger.isLevelEnabled?.(level));
          },
          config,
        );
        expect(enabled).to.deep.equal(expected);
        expect(linesOf(stderr).map(({ level }) => level)).to.deep.equal(expected.filter((level) => level !== 'silly'));
      });
    }

    it('is read from LOG_LEVEL once, when it is needed first', () => {
      const { stderr } = outputOf('error', (logger) => {
        setLevel('debug');
        expect(logger.isLevelEnabled?.('debug')).to.equal(true);
        setLevel('error');
        expect(logger.isLevelEnabled?.('debug')).to.equal(true);
        logger.debug('due', {});
      });
      expect(linesOf(stderr)).to.have.length(1);
    });
  });

  it('creates one winston logger, when the first line is due', () => {
    const { createLogger } = winston;
    let created = 0;
    winston.createLogger = (options) => (created++, createLogger(options));
    try {
      outputOf('info', (logger) => {
        logger.isLevelEnabled?.('info');
        expect(created).to.equal(0);
        writeAll(logger);
        expect(created).to.equal(1);
      });
    } finally {
      winston.createLogger = createLogger;
    }
  });

  it('writes to the given stream instead of stderr', () => {
    const { stream, text } = inMemory();
    expect(outputOf('debug', writeAll, { stream })).to.deep.equal({ stdout: '', stderr: '' });
    expect(linesOf(text()).map(({ level }) => level)).to.deep.equal(levels);
    const { stdout, stderr } = outputOf('debug', writeAll, { stream: process.stdout });
    expect(linesOf(stdout)).to.have.length(4);
    expect(stderr).to.equal('');
  });

  it('ignores the errors of its stream, with one listener however many loggers share the stream', async () => {
    const stream = new Writable({
      write: (_line, _encoding, done) => {
        done(new Error('the disk is full'));
      },
    });
    for (let count = 0; count < 3; count++) {
      const logger = winstonLogger({ stream });
      aggregate(
        { a: () => throwError(() => new Error('boom')) },
        withLogger(logger),
      )(background).subscribe({
        error: () => undefined,
      });
    }
    await nextTask();
    expect(stream.errored).to.have.property('message', 'the disk is full');
    expect(stream.listenerCount('error')).to.equal(1);
  });

  it('escapes the characters that control a terminal or end a line, and no others', () => {
    const write = (logger: Logger): void => {
      logger.info('x', { text: '\x7f\x9b31m\u2028\u2029\u202e ä€😀' });
    };
    const { stderr } = outputOf(undefined, write);
    expect(stderr).to.include('"text":"\\u007f\\u009b31m\\u2028\\u2029\\u202e ä€😀"');
    expect(stderr.trimEnd()).to.match(/^\P{Cc}+$/u);
  });

  for (const [config, message] of [
    ['debug', "winstonLogger: expected an object, got a string: pass { level: 'debug' }"],
    [null, "winstonLogger: expected an object, got null: pass { level: 'debug' }"],
    [
      { level: 'loud' },
      'winstonLogger: level: expected a level of winston, got a string: ' +
        'pass one of error, warn, info, http, verbose, debug, silly',
    ],
    [
      { level: 3 },
      'winstonLogger: level: expected a level of winston, got 3: ' +
        'pass one of error, warn, info, http, verbose, debug, silly',
    ],
    [{ stream: 'log.txt' }, 'winstonLogger: stream: expected a writable stream, got a string: pass process.stdout'],
    [
      { stream: { write: () => true } },
      'winstonLogger: stream: expected a writable stream, got an instance of Object: pass process.stdout',
    ],
    [{ stream: null }, 'winstonLogger: stream: expected a writable stream, got null: pass process.stdout'],
  ] as const) {
    it(`rejects ${JSON.stringify(config)}`, () => {
      expect(() => winstonLogger(config as never))
        .to.throw(TypeError)
        .with.property('message', message);
    });
  }

  it('has types for its levels', () => {
    winstonLogger({ level: 'verbose' });
    // @ts-expect-error: winston has no such level
    expect(() => winstonLogger({ level: 'loud' })).to.throw(TypeError);
  });
});
