import winston from 'winston';
import { hasMethod, mismatch } from '../core/assert.ts';
import { attempt } from '../errors/foreign.ts';
import type { Logger } from './logging.ts';

/** How {@link winstonLogger} logs. */
export interface WinstonLoggerConfig {
  /**
   * The least important level that is written.
   *
   * @defaultValue the level in the environment variable `LOG_LEVEL`, in any case; `'info'` if it names none
   */
  readonly level?: 'error' | 'warn' | 'info' | 'http' | 'verbose' | 'debug' | 'silly' | undefined;
  /**
   * Receives the lines: any writable stream of Node. Its errors do not end the process.
   *
   * @defaultValue `process.stderr`
   */
  readonly stream?: winston.transports.StreamTransportOptions['stream'] | undefined;
}

/**
 * A logger for Node: winston writes each line as JSON with a timestamp to stderr, from the level in `LOG_LEVEL` on.
 *
 * Pass it to an aggregate: `withLogger(winstonLogger())`. Control characters are escaped, so that no field can end a line
 * or move the cursor of a terminal. `LOG_LEVEL` is read when the logger is used first, and the winston logger is created
 * when the first line is due. For other formats and transports, pass your own winston logger to `withLogger` instead.
 *
 * `forkfast/winston` needs winston 3, an optional peer dependency. It does not run in browsers.
 *
 * @param config - The level and the stream.
 * @throws TypeError if `level` is not a level of winston, or `stream` is not writable.
 * @remarks The levels are npm's: https://github.com/winstonjs/winston#logging-levels.
 *
 * @example
 * ```ts
 * import { Writable } from 'node:stream';
 * import { throwError } from 'rxjs';
 * import { aggregate, background, withLogger } from 'forkfast';
 * import { winstonLogger } from 'forkfast/winston';
 *
 * const stream = new Writable({
 *   write(line, _encoding, done) {
 *     const { level, message, service } = JSON.parse(String(line));
 *     console.log(level, message, service);
 *     done();
 *   },
 * });
 * const logger = winstonLogger({ stream }); // without `stream` to stderr
 * const dashboard = aggregate({ profile: () => throwError(() => new Error('boom')) }, withLogger(logger));
 *
 * dashboard(background).subscribe({ error: () => {} }); // => error run failed profile
 * ```
 */
export function winstonLogger(config: WinstonLoggerConfig = {}): Logger {
  checkConfig(config);
  let level: string | undefined;
  const minimum = (): string => (level ??= config.level ?? environmentLevel());
  let created: winston.Logger | undefined;
  const logger = (): winston.Logger => (created ??= create(minimum(), config.stream));
  return {
    debug: (message, fields) => logger().debug(message, fields),
    info: (message, fields) => logger().info(message, fields),
    warn: (message, fields) => logger().warn(message, fields),
    error: (message, fields) => logger().error(message, fields),
    // Not winston's own, which would create the winston logger in every run.
    isLevelEnabled: (name) => (levels[name] ?? Infinity) <= (levels[minimum()] ?? 0),
  };
}

const { levels } = winston.config.npm;

function create(level: string, stream: WinstonLoggerConfig['stream']): winston.Logger {
  const { createLogger, format, transports } = winston;
  if (stream && !stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  return createLogger({
    level,
    levels,
    format: format.combine(format.timestamp(), json(), escapeControls()),
    transports: stream
      ? new transports.Stream({ stream })
      : new transports.Console({ stderrLevels: Object.keys(levels) }),
  });
}

/** A stream that fails, such as a file on a full disk, must not end the process. */
function ignore(): void {
  // ignored
}

const winstonJson = winston.format.json();

/** winston's JSON, for which a field that cannot be printed, such as one with a getter that throws, would lose the line. */
const json = winston.format((line) => {
  const print = (fields: typeof line): ReturnType<typeof winstonJson.transform> => winstonJson.transform(fields, {});
  const printed = attempt(() => print(line), undefined);
  if (printed !== undefined) return printed;
  for (const [key, value] of Object.entries(line)) {
    line[key] = attempt(
      () => (print({ level: '', message: '', value }), value),
      'expected a value that can be printed',
    );
  }
  return print(line);
});

/** JSON does not escape all characters that control a terminal, or that some readers take for the end of a line. */
const escapeControls = winston.format((line) => {
  const text = String(line[Symbol.for('message')]);
  line[Symbol.for('message')] = text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return line;
});

function environmentLevel(): string {
  const level = String(process.env['LOG_LEVEL']).toLowerCase();
  return isLevel(level) ? level : 'info';
}

function isLevel(level: unknown): boolean {
  return typeof level === 'string' && Object.hasOwn(levels, level);
}

function checkConfig(config: unknown): void {
  if (typeof config !== 'object' || config === null) {
    throw new TypeError(`${mismatch('winstonLogger', 'an object', config)}: pass { level: 'debug' }`);
  }
  const { level, stream } = config as { readonly [K in keyof WinstonLoggerConfig]: unknown };
  if (level !== undefined && !isLevel(level)) {
    const names = Object.keys(levels).join(', ');
    throw new TypeError(`${mismatch('winstonLogger: level', 'a level of winston', level)}: pass one of ${names}`);
  }
  if (stream !== undefined && !(hasMethod(stream, 'write') && hasMethod(stream, 'pipe'))) {
    throw new TypeError(`${mismatch('winstonLogger: stream', 'a writable stream', stream)}: pass process.stdout`);
  }
}
