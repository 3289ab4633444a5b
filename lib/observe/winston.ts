import winston from 'winston';
import type { Logger } from './logging.ts';

/**
 * On Node: winston, JSON lines with a timestamp on stderr, from the level in `LOG_LEVEL` on (`info` where that names none).
 *
 * The winston logger is made when the first line is due, not before.
 */
export function createDefaultLogger(): Logger {
  const { config, createLogger, format, transports } = winston;
  const { levels } = config.npm;
  let made: winston.Logger | undefined;
  let level: string | undefined;
  const theLevel = (): string => (level ??= known(String(process.env['LOG_LEVEL']).toLowerCase(), levels));
  const logger = (): winston.Logger =>
    (made ??= createLogger({
      level: theLevel(),
      levels,
      format: format.combine(format.timestamp(), format.json(), plain()),
      transports: [new transports.Console({ stderrLevels: Object.keys(levels) })],
    }));
  return {
    debug: (message, fields) => logger().debug(message, fields),
    info: (message, fields) => logger().info(message, fields),
    warn: (message, fields) => logger().warn(message, fields),
    error: (message, fields) => logger().error(message, fields),
    isLevelEnabled: (asked) => (levels[asked] ?? Infinity) <= (levels[theLevel()] ?? 0),
  };
}

/** What JSON leaves as it is though a terminal obeys it, or a reader takes it for a line's end. */
const plain = winston.format((line) => {
  const text = String(line[Symbol.for('message')]);
  line[Symbol.for('message')] = text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return line;
});

function known(level: string, levels: object): string {
  return Object.hasOwn(levels, level) ? level : 'info';
}
