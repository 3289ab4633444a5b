import { assertPositiveInteger } from '../../core/assert.ts';
import { read, textOf } from '../../errors/foreign.ts';
import { serialize } from '../../errors/forkfast-error.ts';
import { ServiceError } from '../../errors/service-error.ts';
import type { RunEvent } from '../events.ts';
import { cellsOf, printable } from './terminal-text.ts';
import { type Outcome, type Span, timeline } from './timeline.ts';

/** How {@link waterfall} draws. */
export interface WaterfallConfig {
  /**
   * The width of a bar in terminal cells.
   *
   * @defaultValue 20
   */
  readonly width?: number;
  /**
   * Whether bars and outcomes have colors. On Node, pass `process.stdout.isTTY && process.stdout.hasColors()`.
   *
   * @defaultValue false
   */
  readonly color?: boolean;
}

/**
 * Draws runs as text, for terminals and for the messages of failing tests: a bar for each service, from its start to its
 * end, with its duration and its outcome.
 *
 * Each outermost run has a line, followed by a line for each service and each run inside it. A nested run is indented
 * beneath the service that started it, or beneath its run if that service is unknown. A service that has not ended is
 * `running`. The picture contains the `name` and the `code` of foreign errors, but not their message, as logs do. Columns
 * are aligned by the width of characters in a terminal. Characters that would move the cursor are escaped, and texts are
 * truncated to 100 characters. The last line has no line break.
 *
 * @param events - The events of any number of runs, in the order in which a sink received them. Runs may be in flight.
 * @throws RangeError if `width` is not a positive integer.
 *
 * @example
 * ```ts
 * import { delay, NEVER, of } from 'rxjs';
 * import { TestScheduler } from 'rxjs/testing';
 * import { aggregate, background, type RunEvent, withEvents, withTimeout } from 'forkfast';
 * import { waterfall } from 'forkfast/report';
 *
 * const events: RunEvent[] = [];
 * const dashboard = aggregate(
 *   { profile: () => of('Alice').pipe(delay(112)), orders: () => NEVER },
 *   withTimeout(1_000),
 *   withEvents({ next: (event) => events.push(event) }),
 * );
 *
 * new TestScheduler(() => {}).run(() => {
 *   dashboard(background).subscribe({ error: () => console.log(waterfall(events)) });
 * });
 * // => aggregate 1000 ms  deadline exceeded
 * //      profile  ██░░░░░░░░░░░░░░░░░░   112 ms  ok
 * //      orders   ████████████████████  1000 ms  canceled
 * ```
 */
export function waterfall(events: readonly RunEvent[], config: WaterfallConfig = {}): string {
  const { width = 20, color = false } = config;
  assertPositiveInteger('waterfall: width', width);
  const paint: Paint = (text, outcome) => (color ? `\u001B[${String(colors[outcome])}m${text}\u001B[39m` : text);
  return timeline(events)
    .map((root) => draw(root, width, paint))
    .join('\n');
}

type Paint = (text: string, outcome: Outcome) => string;

const colors: Readonly<Record<Outcome, number>> = {
  ok: 32,
  stale: 33,
  running: 33,
  canceled: 33,
  failed: 31,
  'deadline exceeded': 31,
};

function draw(root: Span, width: number, paint: Paint): string {
  const rows = rowsOf(root.children, '  ');
  const labelCells = max(rows.map(({ cells }) => cells));
  const durationLength = max(rows.map(({ duration }) => duration.length));
  const lines = rows.map(({ label, cells, duration, span }) => {
    const [before, during, after] = barOf(span, root, width);
    const padding = ' '.repeat(labelCells - cells);
    const bar = '░'.repeat(before) + paint('█'.repeat(during), span.outcome) + '░'.repeat(after);
    return `${label}${padding}  ${bar}  ${duration.padStart(durationLength)}  ${paint(describe(span), span.outcome)}`;
  });
  return [`${printable(root.name)} ${durationOf(root)}  ${paint(describe(root), root.outcome)}`, ...lines].join('\n');
}

interface Row {
  readonly span: Span;
  readonly label: string;
  /** The width of the label in a terminal. */
  readonly cells: number;
  readonly duration: string;
}

function rowsOf(spans: readonly Span[], indent: string): readonly Row[] {
  return spans.flatMap((span) => {
    const label = indent + printable(span.name);
    return [
      { span, label, cells: cellsOf(label), duration: durationOf(span) },
      ...rowsOf(span.children, `${indent}  `),
    ];
  });
}

/** The numbers of cells before, in and after a span. A span has at least one cell. */
function barOf(span: Span, root: Span, width: number): readonly [before: number, during: number, after: number] {
  const total = root.end - root.start || 1;
  const cellAt = (time: number): number =>
    Math.min(width, Math.max(0, Math.round(((time - root.start) / total) * width)));
  const start = Math.min(cellAt(span.start), width - 1);
  const end = Math.max(cellAt(span.end), start + 1);
  return [start, end - start, width - end];
}

function durationOf({ start, end }: Span): string {
  return `${String(Math.round((end - start) * 10) / 10)} ms`;
}

function describe({ kind, outcome, error, teardownFailed }: Span): string {
  const reason = outcome !== 'failed' ? '' : `: ${kind === 'run' ? culpritOf(error) : reasonOf(error)}`;
  return printable(outcome + reason) + (teardownFailed ? ', teardown failed' : '');
}

/** The line of a run names the service that failed. The line of that service contains the reason. */
function culpritOf(error: unknown): string {
  const service = error instanceof ServiceError ? textOf(read(error, 'service')) : '';
  return service || reasonOf(error);
}

function reasonOf(error: unknown): string {
  const { name, code, message } = serialize(error);
  return (
    textOf(message) ||
    [name, code]
      .map((part) => textOf(part))
      .filter(Boolean)
      .join(' ')
  );
}

/** `Math.max(...numbers)` would overflow the stack with 200,000 numbers. */
function max(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => Math.max(one, other), 0);
}
