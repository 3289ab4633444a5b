import type { Told, ToldEvent } from '../told.ts';
import { lineOf } from '../users.ts';

/** `late`: the deadline passed. */
export type State = 'waiting' | 'running' | 'ok' | 'failed' | 'canceled' | 'late';

/** A run or a service, in milliseconds since the run started. */
export interface Span {
  readonly name: string;
  readonly state: State;
  readonly from: number;
  /** Absent while it runs. */
  readonly to?: number;
}

/** What is known of the latest question. */
export interface Run {
  /** In epoch milliseconds: when it was asked, and since the first event when the run started. */
  readonly startedAt: number;
  /** Milliseconds that the caller has for the answer. */
  readonly timeout: number;
  readonly requestId?: string;
  readonly spans: readonly Span[];
  readonly state: State;
  /** The answer, or the error in the library's words. */
  readonly words: string;
}

/** What the page tells beside what a run tells of itself. */
export type Message =
  | Told
  | { readonly event: 'asked'; readonly data: { readonly at: number; readonly timeout: number } }
  | { readonly event: 'left'; readonly data: { readonly at: number } };

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
  words: 'Choose a preset, or ask.',
};

export function next(run: Run, message: Message): Run {
  switch (message.event) {
    case 'asked': {
      const { at, timeout } = message.data;
      return { startedAt: at, timeout, spans: waiting, state: 'running', words: 'Asking…' };
    }
    case 'request':
      return { ...run, requestId: message.data.requestId };
    case 'run':
      return heard(run, message.data);
    case 'answer':
      return { ...run, state: 'ok', words: lineOf(message.data) };
    case 'problem':
      return { ...run, state: run.state === 'running' ? 'failed' : run.state, words: message.data.detail };
    case 'left':
      return isOver(run) ? run : left(run, message.data.at - run.startedAt);
    case 'log':
      return run;
  }
}

export function isOver({ state }: Run): boolean {
  return state !== 'running';
}

function heard(run: Run, { type, service, at, elapsed, error }: ToldEvent): Run {
  if (type === 'teardown-failed') return run;
  const whose = service ?? 'dashboard';
  const late = error?.name === 'DeadlineExceededError';
  const state = type === 'succeeded' ? 'ok' : type === 'failed' && late ? 'late' : type;
  const spans = run.spans.map((span): Span => {
    if (span.name !== whose) return span;
    return state === 'started' ? { ...span, state: 'running', from: elapsed } : { ...span, state, to: elapsed };
  });
  if (service !== undefined) return { ...run, spans };
  if (state === 'started') return { ...run, spans, startedAt: at };
  // The answer itself is told apart from its run.
  return state === 'ok' ? { ...run, spans } : { ...run, spans, state, words: error?.message ?? run.words };
}

/** The connection has been closed: what becomes of the run is not heard any more, and is seen by the servers only. */
function left(run: Run, elapsed: number): Run {
  const spans = run.spans.map((span): Span =>
    span.state === 'running' ? { ...span, state: 'canceled', to: elapsed } : span,
  );
  return { ...run, spans, state: 'canceled', words: 'context canceled' };
}
