import winston from 'winston';

/** JSON lines with a timestamp, all on stderr: stdout is for the answer. */
export function createLogger(level: string | undefined): winston.Logger {
  const { config, createLogger: create, format, transports } = winston;
  const { levels } = config.npm;
  return create({
    level: level !== undefined && Object.hasOwn(levels, level) ? level : 'debug',
    levels,
    format: format.combine(format.timestamp(), format.json()),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston's own typings
    transports: [new transports.Console({ stderrLevels: Object.keys(levels) })],
  });
}
