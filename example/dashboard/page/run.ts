import type { JsonEvent, RunMessage } from '../run-messages.ts';
import { lineOf } from '../users.ts';

/** `late`: the deadline passed. */
export type State = 'waiting' | 'running' | 'ok' | 'failed' | 'canceled' | 'late';

/** A run or a service call, in milliseconds since the run started. */
export interface Span {
  readonly name: string;
  readonly state: State;
  readonly from: number;
  /** Absent while the run or the call is running. */
  readonly to?: number;
}

/** The state of the latest run. */
export interface Run {
  /** Epoch milliseconds: the time of the click, and then the time of the first event. */
  readonly startedAt: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly requestId?: string;
  readonly spans: readonly Span[];
  readonly state: State;
  /** The answer, or the message of the error. */
  readonly text: string;
}

/** A message about a run. The page itself adds the start and the end. */
export type Message =
  | RunMessage
  | { readonly event: 'start'; readonly data: { readonly at: number; readonly timeout: number } }
  | { readonly event: 'end'; readonly data: { readonly at: number } };

const waiting: readonly Span[] = ['dashboard', 'profile', 'orders'].map((name) => ({
  name,
  state: 'waiting',
  from: 0,
}));

export const idle: Run = {
  startedAt: 0,
  timeout: 0,
  spans: waiting,
  state: 'waiting',
  text: 'Choose a preset, or call the services.',
};

/** Returns the state of the run after a message. */
export function reduce(run: Run, message: Message): Run {
  switch (message.event) {
    case 'start': {
      const { at, timeout } = message.data;
      return { startedAt: at, timeout, spans: waiting, state: 'running', text: 'Calling…' };
    }
    case 'request':
      return { ...run, requestId: message.data.requestId };
    case 'run':
      return withEvent(run, message.data);
    case 'answer':
      return { ...run, state: 'ok', text: lineOf(message.data) };
    case 'problem':
      return { ...run, state: run.state === 'running' ? 'failed' : run.state, text: message.data.detail };
    case 'end':
      return hasEnded(run) ? run : canceled(run, message.data.at - run.startedAt);
    case 'log':
      return run;
  }
}

export function hasEnded({ state }: Run): boolean {
  return state !== 'running';
}

function withEvent(run: Run, { type, service, at, elapsed, error }: JsonEvent): Run {
  if (type === 'teardown-failed' || type === 'stale' || type === 'store-failed' || type === 'reconnecting') return run;
  const name = service ?? 'dashboard';
  const late = error?.name === 'DeadlineExceededError';
  const state = type === 'succeeded' ? 'ok' : type === 'failed' && late ? 'late' : type;
  const spans = run.spans.map((span): Span => {
    if (span.name !== name) return span;
    return state === 'started' ? { ...span, state: 'running', from: elapsed } : { ...span, state, to: elapsed };
  });
  if (service !== undefined) return { ...run, spans };
  if (state === 'started') return { ...run, spans, startedAt: at };
  // The answer has a message of its own.
  return state === 'ok' ? { ...run, spans } : { ...run, spans, state, text: error?.message ?? run.text };
}

/** The page has closed the connection and receives no more events. Only the activity of the services shows the end. */
function canceled(run: Run, elapsed: number): Run {
  const spans = run.spans.map((span): Span =>
    span.state === 'running' ? { ...span, state: 'canceled', to: elapsed } : span,
  );
  return { ...run, spans, state: 'canceled', text: 'context canceled' };
}
