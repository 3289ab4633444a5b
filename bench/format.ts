import { markdownTable } from 'markdown-table';
import type { Spread } from './rounds.ts';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return markdownTable([head, ...rows], { align: head.map((_, column) => (column === 0 ? 'l' : 'r')) });
}

/** Three significant digits: `0.74`, `12.3`, `4,560`. */
export function digits(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

/** `0.74 (0.72–0.76)`: the median and the quartiles. */
export function middle({ q1, median, q3 }: Spread): string {
  return `${digits(median)} (${digits(q1)}–${digits(q3)})`;
}
