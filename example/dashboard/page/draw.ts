import { one, say } from './elements.ts';
import type { Requests, Seen } from './requests.ts';
import type { Run, Span, State } from './run.ts';
import { timeOf, widthFor } from './scale.ts';

/** A row of a chart. */
interface Row {
  readonly name: string;
  readonly state: State;
  readonly words: string;
  readonly from: number;
  readonly to: number;
}

/** Draws all that changes while a run goes on, as it is at `now`. */
export function draw(run: Run, requests: Requests, now: number): void {
  const elapsed = run.state === 'waiting' ? 0 : Math.max(0, now - run.startedAt);
  const spans = run.spans.map((span) => rowOfSpan(span, elapsed));
  const own = [...requests.values()].filter(({ requestId }) => requestId !== undefined && requestId === run.requestId);
  own.sort((one, other) => other.service.localeCompare(one.service)); // as in the run: Profile, Order
  const seen = own.map((request) => rowOfRequest(request, run.startedAt, elapsed));
  const width = widthFor(Math.max(...[...spans, ...seen].map(({ to }) => to)), run.timeout);

  result(run);
  axis(width);
  deadline(run.timeout, width);
  bars(one('#bars'), spans, width);
  bars(one('#requests'), seen, width);
}

function rowOfSpan({ name, state, from, to }: Span, elapsed: number): Row {
  if (state === 'waiting') return { name, state, words: 'not asked', from: 0, to: 0 };
  const end = to ?? elapsed;
  return { name, state, words: `${spanWords[state]}, ${timeOf(end - from)}`, from, to: end };
}

const spanWords = {
  running: 'running',
  ok: 'ok',
  failed: 'failed',
  canceled: 'canceled',
  late: 'deadline exceeded',
} as const;

/** Its server's clock and this page's are those of one machine. */
function rowOfRequest({ service, type, status, opened, closed }: Seen, startedAt: number, elapsed: number): Row {
  const from = Math.max(0, opened - startedAt);
  const to = Math.max(from, closed === undefined ? elapsed : closed - startedAt);
  const when = closed === undefined ? `since ${timeOf(from)}` : `at ${timeOf(to)}`;
  const words = [requestWords[type], status, when].filter((word) => word !== undefined).join(' ');
  const state = status === undefined || status < 400 ? requestStates[type] : 'failed';
  return { name: service.replace(' service', ''), state, words, from, to };
}

const requestWords = {
  asked: 'connection open',
  answered: 'answered',
  abandoned: 'closed by the client',
  reset: 'reset by the service',
} as const;

const requestStates = { asked: 'running', answered: 'ok', abandoned: 'canceled', reset: 'failed' } as const;

function result({ state, words }: Run): void {
  const result = one('#result');
  result.dataset['state'] = state;
  say(result, words);
}

function axis(width: number): void {
  for (const [name, at] of [
    ['middle', width / 2],
    ['end', width],
  ] as const) {
    for (const label of document.querySelectorAll(`[data-axis="${name}"]`)) say(label, timeOf(at));
  }
}

function deadline(timeout: number, width: number): void {
  one('#bars').style.setProperty('--deadline-at', String(timeout === 0 ? 2 : timeout / width));
  const where = timeout > width ? 'beyond the right edge' : 'the line across the bars';
  say(one('#deadline-note'), timeout === 0 ? '' : `Deadline: ${timeOf(timeout)}, ${where}.`);
}

function bars(list: Element, rows: readonly Row[], width: number): void {
  const template = one('#bar', document, HTMLTemplateElement);
  while (list.children.length > rows.length) list.lastElementChild?.remove();
  while (list.children.length < rows.length) list.append(template.content.cloneNode(true));
  for (const [index, { name, state, words, from, to }] of rows.entries()) {
    const row = list.children[index] as HTMLElement;
    row.dataset['state'] = state;
    row.style.setProperty('--from', String(from / width));
    row.style.setProperty('--length', String((to - from) / width));
    say(one('.name', row), name);
    say(one('.words', row), words);
  }
}
