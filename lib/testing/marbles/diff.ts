import { equal } from './equal.ts';
import { Letters } from './letters.ts';
import { type Cell, draw, duration, misplaced } from './lines.ts';
import { show } from './show.ts';

/** A notification, as RxJS's `TestScheduler` records it. */
export interface Message {
  readonly frame: number;
  readonly notification: { readonly kind: 'N' | 'E' | 'C'; readonly value?: unknown; readonly error?: unknown };
}

/** A subscription, as RxJS's `TestScheduler` records it. */
export interface SubscriptionLog {
  readonly subscribedFrame: number;
  readonly unsubscribedFrame: number;
}

/** A message for people that holds both lines, and each line alone for runners that draw their own diff. */
export interface Diff {
  readonly message: string;
  readonly expected: string;
  readonly actual: string;
}

/** The arguments of `toBe` after the marbles. */
export interface Legend {
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  readonly error?: unknown;
}

export function diffOfNotifications(actual: readonly Message[], expected: readonly Message[], legend: Legend): Diff {
  const letters = new Letters(legend.values);
  const cells = { expected: cellsOf(expected, letters), actual: cellsOf(actual, letters) };
  const [first = '', second = ''] = draw([cells.expected, cells.actual]);
  const differing = [...missing(cells.expected, cells.actual), ...missing(cells.actual, cells.expected)];
  const errors = { expected: errorOf(expected), actual: errorOf(actual) };
  const same = errors.expected && errors.actual && equal(errors.actual.error, errors.expected.error);
  return {
    message: page(
      'marbles: the notifications differ from the expected ones:',
      [
        ['expected', first],
        ['actual', second],
      ],
      [...letters.legend(differing), ...(same ? [] : errorRows(errors, legend))],
      Object.entries(cells).flatMap(([line, own]) => misplacedRows(line, own)),
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
    message: page('marbles: the subscriptions differ from the expected ones:', [
      ...named('expected', before),
      ...named('actual', after),
    ]),
    expected: before.join('\n'),
    actual: after.join('\n'),
  };
}

type Row = readonly [name: string, text: string];

/** Prints a title and blocks of rows, whose texts are aligned within a block. */
function page(title: string, ...blocks: readonly (readonly Row[])[]): string {
  const printed = blocks.filter(({ length }) => length > 0);
  const aligned = printed.map((rows) => {
    const width = Math.max(...rows.map(([name]) => name.length));
    const margin = `\n${' '.repeat(width + 4)}`;
    return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text.replaceAll('\n', margin)}`).join('\n');
  });
  return [title, ...aligned].join('\n\n');
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

/** Returns the texts of `cells` that are not in `others` at the same frame. */
function missing(cells: readonly Cell[], others: readonly Cell[]): string[] {
  const keyOf = ({ frame, text }: Cell): string => `${String(frame)} ${text}`;
  const known = new Set(others.map(keyOf));
  return textsOf(cells.filter((each) => !known.has(keyOf(each))));
}

function textsOf(cells: readonly Cell[]): string[] {
  return cells.map(({ text }) => text);
}

/** An object, because the error itself may be `undefined`. */
interface Thrown {
  readonly error: unknown;
}

function errorOf(messages: readonly Message[]): Thrown | undefined {
  const failed = messages.find(({ notification }) => notification.kind === 'E');
  return failed && { error: failed.notification.error };
}

function errorRows(errors: { expected: Thrown | undefined; actual: Thrown | undefined }, legend: Legend): Row[] {
  const { expected, actual } = errors;
  const byDefault = legend.error ? '' : ', because toBe has no error argument';
  return [
    ...(expected ? [[actual ? '# expected' : '#', show(expected.error) + byDefault] as const] : []),
    ...(actual ? [[expected ? '# actual' : '#', show(actual.error)] as const] : []),
  ];
}

function misplacedRows(line: string, cells: readonly Cell[]): Row[] {
  return misplaced(cells).map(({ frame, text }) => [
    text,
    `at ${duration(frame)} in ${line}, drawn later because the group before it is wider`,
  ]);
}

/** Prints a line with its own legend. */
function alone(line: string, cells: readonly Cell[], letters: Letters, thrown: Thrown | undefined): string {
  const rows = [...letters.legend(textsOf(cells)), ...(thrown ? [['#', show(thrown.error)]] : [])];
  return [line, ...rows.map(([letter = '', value = '']) => `${letter}  ${value}`)].join('\n');
}
