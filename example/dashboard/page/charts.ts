import { element, setText } from './elements.ts';
import type { Requests, ServerRequest } from './requests.ts';
import type { Run, Span, State } from './run.ts';
import { timeOf, widthFor } from './scale.ts';

/** A row of a chart. */
interface Row {
  readonly name: string;
  readonly state: State;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** Draws the state of the run at the time `now`. */
export function draw(run: Run, requests: Requests, now: number): void {
  const elapsed = run.state === 'waiting' ? 0 : Math.max(0, now - run.startedAt);
  const spanRows = run.spans.map((span) => rowOfSpan(span, elapsed));
  const own = [...requests.values()].filter(({ requestId }) => requestId !== undefined && requestId === run.requestId);
  own.sort((one, other) => other.service.localeCompare(one.service)); // as in the run: Profile, Order
  const requestRows = own.map((request) => rowOfRequest(request, run.startedAt, elapsed));
  const width = widthFor(Math.max(...[...spanRows, ...requestRows].map(({ to }) => to)), run.timeout);

  drawResult(run);
  drawAxis(width);
  drawDeadline(run.timeout, width);
  drawBars(element('#bars'), spanRows, width);
  drawBars(element('#requests'), requestRows, width);
}

function rowOfSpan({ name, state, from, to }: Span, elapsed: number): Row {
  if (state === 'waiting') return { name, state, text: 'not called', from: 0, to: 0 };
  const end = to ?? elapsed;
  return { name, state, text: `${spanTexts[state]}, ${timeOf(end - from)}`, from, to: end };
}

const spanTexts = {
  running: 'running',
  ok: 'ok',
  failed: 'failed',
  canceled: 'canceled',
  late: 'deadline exceeded',
} as const;

/** The times of a server and of this page are comparable because both use the clock of this machine. */
function rowOfRequest({ service, type, status, opened, closed }: ServerRequest, startedAt: number, now: number): Row {
  const from = Math.max(0, opened - startedAt);
  const to = Math.max(from, closed === undefined ? now : closed - startedAt);
  const when = closed === undefined ? `since ${timeOf(from)}` : `at ${timeOf(to)}`;
  const text = [requestTexts[type], status, when].filter((part) => part !== undefined).join(' ');
  const state = status === undefined || status < 400 ? requestStates[type] : 'failed';
  return { name: service.replace(' service', ''), state, text, from, to };
}

const requestTexts = {
  received: 'connection open',
  answered: 'answered',
  abandoned: 'closed by the client',
  reset: 'reset by the service',
} as const;

const requestStates = { received: 'running', answered: 'ok', abandoned: 'canceled', reset: 'failed' } as const;

function drawResult({ state, text }: Run): void {
  const result = element('#result');
  result.dataset['state'] = state;
  setText(result, text);
}

function drawAxis(width: number): void {
  for (const [name, at] of [
    ['middle', width / 2],
    ['end', width],
  ] as const) {
    for (const label of document.querySelectorAll(`[data-axis="${name}"]`)) setText(label, timeOf(at));
  }
}

function drawDeadline(timeout: number, width: number): void {
  element('#bars').style.setProperty('--deadline-at', String(timeout === 0 ? 2 : timeout / width));
  const place = timeout > width ? 'beyond the right edge' : 'the line across the bars';
  setText(element('#deadline-note'), timeout === 0 ? '' : `Deadline: ${timeOf(timeout)}, ${place}.`);
}

function drawBars(list: Element, rows: readonly Row[], width: number): void {
  const template = element('#bar', document, HTMLTemplateElement);
  while (list.children.length > rows.length) list.lastElementChild?.remove();
  while (list.children.length < rows.length) list.append(template.content.cloneNode(true));
  for (const [index, { name, state, text, from, to }] of rows.entries()) {
    const row = list.children[index] as HTMLElement;
    row.dataset['state'] = state;
    row.style.setProperty('--from', String(from / width));
    row.style.setProperty('--length', String((to - from) / width));
    setText(element('.name', row), name);
    setText(element('.text', row), text);
  }
}
