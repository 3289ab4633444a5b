import type { Logger } from 'forkfast';
import type { Observer } from 'rxjs';
import type { LogLine } from './run-messages.ts';

/** Returns a logger that sends its lines to an observer. */
export function logTo(lines: Pick<Observer<LogLine>, 'next'>): Logger {
  const at = (level: LogLine['level']) => (message: string, fields: Record<string, unknown>) => {
    lines.next({ level, message, fields });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
