import type { Page } from './driver/load.ts';

/** A promise of the example, and whether it was kept. */
export interface Claim {
  readonly text: string;
  readonly kept: boolean;
}

/** The outcome of a step. A step without pages was left out: the claim says why. */
export interface Result {
  readonly name: string;
  readonly pages: readonly Page[];
  readonly claims: readonly Claim[];
}

const columns = ['pages', '200', 'stale', 'refused', 'failed', 'slowest ms'] as const;
const wide = 32;

export const header = ['step'.padEnd(wide), ...columns.map((column) => column.padStart(widthOf(column)))].join('');

/** Formats the result of a step: a row of the table, and a line for each claim. */
export function rowsOf({ name, pages, claims }: Result): string {
  const cells: Readonly<Record<(typeof columns)[number], number>> = {
    pages: pages.length,
    '200': pages.filter(isAnswered).length,
    stale: pages.filter(({ stale }) => stale).length,
    refused: pages.filter(isRefused).length,
    failed: pages.filter(isFailed).length,
    'slowest ms': Math.round(Math.max(0, ...pages.map(({ elapsed }) => elapsed))),
  };
  const leftOut = pages.length === 0;
  const numbers = columns.map((column) => (leftOut ? '-' : String(cells[column])).padStart(widthOf(column)));
  const lines = claims.map(({ text, kept }) => (leftOut ? `    ${text}` : `    ${kept ? 'kept  ' : 'BROKEN'} ${text}`));
  return [name.padEnd(wide) + numbers.join(''), ...lines].join('\n');
}

export function isAnswered({ status }: Page): boolean {
  return status === 200;
}

/** Refused by the limit of the tenant, which says when to try again. */
export function isRefused({ status, retryAfter }: Page): boolean {
  return status === 429 && retryAfter !== undefined;
}

/** Neither answered nor refused: an error, or no response. */
function isFailed(page: Page): boolean {
  return !isAnswered(page) && !isRefused(page);
}

function widthOf(column: string): number {
  return Math.max(8, column.length + 2);
}
