import { lastValueFrom, type MonoTypeOperatorFunction, type Observable, tap, toArray } from 'rxjs';
import type { Page } from '../driver/load.ts';
import type { RedisServer } from '../driver/redis-server.ts';
import type { UpstreamProcesses } from '../driver/upstreams.ts';
import type { Workers } from '../driver/workers.ts';
import { type Claim, isAnswered, type Result } from '../table.ts';

/** The processes that the steps act on. */
export interface Stage {
  readonly workers: Workers;
  readonly upstreams: UpstreamProcesses;
  readonly shared: 'Redis' | 'memory';
  /** The Redis of this program, which it may kill. */
  readonly redisServer: RedisServer | undefined;
}

/** Acts on the processes while pages are requested, and resolves with the pages and with what they show. */
export type Step = (stage: Stage) => Promise<Omit<Result, 'name'>>;

export function pagesOf(pages: Observable<Page>): Promise<readonly Page[]> {
  return lastValueFrom(pages.pipe(toArray()));
}

/** Calls `act` at the page with this number, while other requests are in flight. */
export function atPage<T>(number: number, act: () => void): MonoTypeOperatorFunction<T> {
  let seen = 0;
  return tap(() => {
    seen++;
    if (seen === number) act();
  });
}

export function usersFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** A refusal counts as a failure here, as any other status but 200 does. */
export function allAnswered(pages: readonly Page[]): Claim {
  const failed = pages.filter((page) => !isAnswered(page));
  const lost = failed.filter(({ status }) => status === 0).length;
  const statuses = [...new Set(failed.map(({ status }) => status))].filter((status) => status > 0);
  const which = statuses.length > 0 ? ` (${statuses.join(', ')})` : '';
  return claim(`${String(failed.length)} failed pages${which}, ${String(lost)} lost requests`, failed.length === 0);
}

export function claim(text: string, kept: boolean): Claim {
  return { text, kept };
}

export function processes(count: number): string {
  return `${String(count)} process${count === 1 ? '' : 'es'}`;
}
