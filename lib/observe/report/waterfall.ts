import stringWidth from 'string-width';
import { assertPositiveInteger } from '../../core/assert.ts';
import { serialize } from '../../errors/forkfast-error.ts';
import { ServiceError } from '../../errors/service-error.ts';
import type { RunEvent } from '../events.ts';
import { type Outcome, type Span, timeline } from './timeline.ts';

/** How {@link waterfall} draws. */
export interface WaterfallConfig {
  /**
   * The cells of a bar.
   *
   * @defaultValue 20
   */
  readonly width?: number;
  /**
   * Whether bars and outcomes have colors: on Node, `process.stdout.isTTY && process.stdout.hasColors()`.
   *
   * @defaultValue false
   */
  readonly color?: boolean;
}

/**
 * Draws runs as text, for terminals and for the messages of failing tests: a bar for each service, from when it started to
 * when it ended in the time of its run, how long that was, and what became of it.
 *
 * Each run that no other is around has a line, and one for all that was asked inside it: nested runs are indented beneath the
 * service that asked them, or beneath their run where that is not known. What has not ended is `running`. Of an error that
 * is not forkfast's own there is `name` and `code` only, as in logs. Names are aligned by the cells that a terminal gives
 * them; what would move its cursor is escaped, and what is longer than 100 characters is cut. No line break at the end.
 *
 * @param events - Of any number of runs, also of runs in flight, in the order in which a sink was told.
 * @throws RangeError for a `width` that is no positive integer.
 *
 * @example
 * ```ts
 * import { delay, NEVER, of } from 'rxjs';
 * import { TestScheduler } from 'rxjs/testing';
 * import { aggregate, background, type RunEvent, silent, withEvents, withLogger, withTimeout } from 'forkfast';
 * import { waterfall } from 'forkfast/report';
 *
 * const events: RunEvent[] = [];
 * const ask = aggregate(
 *   { profile: () => of('Alice').pipe(delay(112)), orders: () => NEVER },
 *   withTimeout(1_000),
 *   withEvents({ next: (event) => events.push(event) }),
 *   withLogger(silent),
 * );
 *
 * new TestScheduler(() => {}).run(() => {
 *   ask(background).subscribe({ error: () => console.log(waterfall(events)) });
 * });
 * // => aggregate 1000 ms  deadline exceeded
 * //      profile  ██░░░░░░░░░░░░░░░░░░   112 ms  ok
 * //      orders   ████████████████████  1000 ms  canceled
 * ```
 */
export function waterfall(events: readonly RunEvent[], config: WaterfallConfig = {}): string {
  const { width = 20, color = false } = config;
  assertPositiveInteger('waterfall: width', width);
  const paint = (text: string, outcome: Outcome): string =>
    color ? `\u001B[${String(colors[outcome])}m${text}\u001B[39m` : text;

  return timeline(events)
    .flatMap((root) => {
      const rows = rowsOf(root.inside, '  ');
      const widest = most(rows.map(({ cells }) => cells));
      const longest = most(rows.map(({ time }) => time.length));
      return [
        `${printable(root.name)} ${timeOf(root)}  ${paint(wordsOf(root), root.outcome)}`,
        ...rows.map(({ label, cells, time, span }) => {
          const [before, during, after] = barOf(span, root, width);
          const bar = '░'.repeat(before) + paint('█'.repeat(during), span.outcome) + '░'.repeat(after);
          const words = paint(wordsOf(span), span.outcome);
          return `${label}${' '.repeat(widest - cells)}  ${bar}  ${time.padStart(longest)}  ${words}`;
        }),
      ];
    })
    .join('\n');
}

const colors: Readonly<Record<Outcome, number>> = {
  ok: 32,
  running: 33,
  canceled: 33,
  failed: 31,
  'deadline exceeded': 31,
};

interface Row {
  readonly span: Span;
  readonly label: string;
  /** Of the label, in a terminal. */
  readonly cells: number;
  readonly time: string;
}

function rowsOf(spans: readonly Span[], indent: string): readonly Row[] {
  return spans.flatMap((span) => {
    const label = indent + printable(span.name);
    return [{ span, label, cells: stringWidth(label), time: timeOf(span) }, ...rowsOf(span.inside, `${indent}  `)];
  });
}

/** The cells before a span, of it and after it. It has one at the least; where another ends when it starts, they abut. */
function barOf(span: Span, root: Span, width: number): readonly [number, number, number] {
  const whole = root.to - root.from || 1;
  const cell = (at: number): number => Math.min(width, Math.max(0, Math.round(((at - root.from) / whole) * width)));
  const from = Math.min(cell(span.from), width - 1);
  const to = Math.max(cell(span.to), from + 1);
  return [from, to - from, width - to];
}

function timeOf({ from, to }: Span): string {
  return `${String(Math.round((to - from) * 10) / 10)} ms`;
}

function wordsOf({ kind, outcome, error, torn }: Span): string {
  const why = outcome !== 'failed' ? '' : `: ${kind === 'run' ? culpritOf(error) : reasonOf(error)}`;
  return printable(outcome + why) + (torn ? ', teardown failed' : '');
}

/** Of a run, the service that failed: what with is said there. */
function culpritOf(error: unknown): string {
  return error instanceof ServiceError ? error.service : reasonOf(error);
}

function reasonOf(error: unknown): string {
  const { name, code, message = [name, code].filter((part) => part !== undefined).join(' ') } = serialize(error);
  return String(message);
}

/** On one line, and from left to right. */
function printable(text: string): string {
  const escaped = text.replace(
    /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (character) => `\\u{${Number(character.codePointAt(0)).toString(16)}}`,
  );
  return escaped.replace(/(.{100}).+/su, '$1…');
}

/** Not by spreading: a call takes no 200,000 arguments. */
function most(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => Math.max(one, other), 0);
}
