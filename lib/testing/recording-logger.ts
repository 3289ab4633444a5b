import type { Logger } from '../index.ts';

/** A call of a {@link RecordingLogger}. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps its lines: the result of {@link recordingLogger}. */
export interface RecordingLogger extends Logger {
  /** All lines so far, in order. */
  readonly lines: readonly LogLine[];
}

/**
 * Makes a logger for `withLogger` that keeps its lines and prints nothing.
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, background, withLogger } from 'forkfast';
 * import { recordingLogger } from 'forkfast/testing';
 *
 * const logger = recordingLogger();
 * const dashboard = aggregate({ profile: () => throwError(() => new Error('boom')) }, withLogger(logger));
 *
 * dashboard(background).subscribe({ error: () => {} });
 * const [failed] = logger.lines.filter(({ level }) => level === 'error');
 * console.log(failed?.message, failed?.fields['service']); // => run failed profile
 * ```
 */
export function recordingLogger(): RecordingLogger {
  const lines: LogLine[] = [];
  const at =
    (level: LogLine['level']) =>
    (message: string, fields: Record<string, unknown>): void => {
      lines.push({ level, message, fields });
    };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
