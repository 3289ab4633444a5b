import { type Cell, draw, duration, misplaced } from './marble-lines.ts';
import { equal, show } from './values.ts';

/** What RxJS's `TestScheduler` compares. */
export interface Message {
  readonly frame: number;
  readonly notification: { readonly kind: 'N' | 'E' | 'C'; readonly value?: unknown; readonly error?: unknown };
}

export interface SubscriptionLog {
  readonly subscribedFrame: number;
  readonly unsubscribedFrame: number;
}

/** How two lines differ: as a whole for people, and each by itself for runners that draw a diff of their own. */
export interface Diff {
  readonly message: string;
  readonly expected: string;
  readonly actual: string;
}

/** What `toBe` was given beside the marbles. */
export interface Given {
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  readonly error?: unknown;
}

export function diffOfNotifications(actual: readonly Message[], expected: readonly Message[], given: Given): Diff {
  const letters = new Letters(given.values);
  const cells = { expected: cellsOf(expected, letters), actual: cellsOf(actual, letters) };
  const [first = '', second = ''] = draw([cells.expected, cells.actual]);
  const differing = [...unlike(cells.expected, cells.actual), ...unlike(cells.actual, cells.expected)];
  const errors = { expected: errorOf(expected), actual: errorOf(actual) };
  const same = errors.expected && errors.actual && equal(errors.actual.error, errors.expected.error);
  return {
    message: page(
      'The notifications are not those that were expected.',
      [
        ['expected', first],
        ['actual', second],
      ],
      [...letters.legend(differing), ...(same ? [] : legendOf(errors, given))],
      Object.entries(cells).flatMap(([line, own]) => late(line, own)),
    ),
    expected: alone(first, cells.expected, letters, errors.expected),
    actual: alone(second, cells.actual, letters, errors.actual),
  };
}

export function diffOfSubscriptions(actual: readonly SubscriptionLog[], expected: readonly SubscriptionLog[]): Diff {
  const lines = draw([...expected, ...actual].map(subscriptionCells));
  const named = (name: string, own: readonly string[]): Row[] =>
    own.length === 0 ? [[name, 'none']] : own.map((line, index) => [index === 0 ? name : '', line]);
  const [before, after] = [lines.slice(0, expected.length), lines.slice(expected.length)];
  return {
    message: page('The subscriptions are not those that were expected.', [
      ...named('expected', before),
      ...named('actual', after),
    ]),
    expected: before.join('\n'),
    actual: after.join('\n'),
  };
}

/** A name, and what it stands for. */
type Row = readonly [name: string, text: string];

/** A title, and below it what is aligned with each other. */
function page(title: string, ...blocks: readonly (readonly Row[])[]): string {
  const written = blocks.filter(({ length }) => length > 0);
  const aligned = written.map((rows) => {
    const width = Math.max(...rows.map(([name]) => name.length));
    const margin = `\n${' '.repeat(width + 4)}`;
    return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text.replaceAll('\n', margin)}`).join('\n');
  });
  return [title, ...aligned].join('\n\n');
}

/** The letters for values: those of the test, those that the values are themselves, and for the rest the first free ones. */
class Letters {
  readonly #named: [letter: string, value: unknown][];

  constructor(values: unknown) {
    const given = typeof values === 'object' && values !== null ? Object.entries(values) : [];
    this.#named = given.filter(([key]) => Array.from(key).length === 1);
  }

  of(value: unknown): string {
    const known = this.#named.find(([, named]) => equal(value, named));
    if (known) return known[0];
    const free = (letter: unknown): letter is string => !this.#named.some(([name]) => name === letter);
    const itself = typeof value === 'string' && /^[^-\s()|#^!]$/u.test(value) && free(value) ? value : undefined;
    const letter = itself ?? Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ').find(free) ?? '?';
    this.#named.push([letter, value]);
    return letter;
  }

  legend(cells: readonly Cell[]): [letter: string, value: string][] {
    const shown = new Set(cells.flatMap(({ text }) => Array.from(text)));
    return this.#named
      .filter(([letter, value]) => shown.has(letter) && value !== letter)
      .map(([letter, value]) => [letter, show(value)]);
  }
}

function cellsOf(messages: readonly Message[], letters: Letters): Cell[] {
  const frames = new Map<number, string[]>();
  for (const { frame, notification } of messages) {
    const { kind, value } = notification;
    const marble = kind === 'N' ? letters.of(value) : kind === 'E' ? '#' : '|';
    frames.set(frame, [...(frames.get(frame) ?? []), marble]);
  }
  return [...frames].map(([frame, marbles]) => cell(frame, marbles));
}

function subscriptionCells({ subscribedFrame, unsubscribedFrame }: SubscriptionLog): Cell[] {
  if (subscribedFrame === unsubscribedFrame) return [cell(subscribedFrame, ['^', '!'])];
  const ends = unsubscribedFrame === Infinity ? [] : [cell(unsubscribedFrame, ['!'])];
  return [cell(subscribedFrame, ['^']), ...ends];
}

function cell(frame: number, marbles: readonly string[]): Cell {
  return { frame, text: marbles.length === 1 ? marbles.join('') : `(${marbles.join('')})` };
}

/** The cells that the other line has not. */
function unlike(cells: readonly Cell[], others: readonly Cell[]): Cell[] {
  return cells.filter(({ frame, text }) => !others.some((other) => other.frame === frame && other.text === text));
}

interface Failure {
  readonly error: unknown;
}

function errorOf(messages: readonly Message[]): Failure | undefined {
  const failed = messages.find(({ notification }) => notification.kind === 'E');
  return failed && { error: failed.notification.error };
}

function legendOf(errors: { expected: Failure | undefined; actual: Failure | undefined }, given: Given): Row[] {
  const { expected, actual } = errors;
  const unnamed = given.error ? '' : ', since toBe was given no error';
  return [
    ...(expected ? [[actual ? '# expected' : '#', show(expected.error) + unnamed] as const] : []),
    ...(actual ? [[expected ? '# actual' : '#', show(actual.error)] as const] : []),
  ];
}

function late(line: string, cells: readonly Cell[]): Row[] {
  return misplaced(cells).map(({ frame, text }) => [
    text,
    `at ${duration(frame)} in ${line}: beside the group there is no room for it`,
  ]);
}

/** A line with its own legend. */
function alone(line: string, cells: readonly Cell[], letters: Letters, failure: Failure | undefined): string {
  const legend = [...letters.legend(cells), ...(failure ? [['#', show(failure.error)]] : [])];
  return [line, ...legend.map(([letter = '', value = '']) => `${letter}  ${value}`)].join('\n');
}
