import { Observable } from 'rxjs';
import type { Context, Logger, RunEvent } from '../../lib/index.ts';

/** A service that never answers, and writes down when it is torn down and when its signal aborts. */
export function watched(name: string, log: string[]): (ctx: Context) => Observable<never> {
  return (ctx) =>
    new Observable(() => {
      ctx.signal?.addEventListener('abort', () => log.push(`${name} aborted`));
      return () => log.push(`${name} torn down`);
    });
}

/** `started`, `started profile`, …: what of the events a story is told with. */
export function brief(events: readonly RunEvent[]): string[] {
  return events.map(({ type, service }) => (service === undefined ? type : `${type} ${service}`));
}

/** A sink that keeps what it was told. */
export function keeping(): { readonly events: RunEvent[]; readonly next: (event: RunEvent) => void } {
  const events: RunEvent[] = [];
  return { events, next: (event) => events.push(event) };
}

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** A logger that keeps its lines. */
export function recording(): Logger & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (message: string, fields: Record<string, unknown>): number =>
      lines.push({ level, message, fields });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
