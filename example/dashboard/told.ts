import type { RunEvent } from 'forkfast';
import type { User } from './users.ts';

/** An event of a run as JSON; of an error it holds what a log does. */
export interface ToldEvent {
  readonly type: 'started' | 'succeeded' | 'failed' | 'canceled' | 'teardown-failed';
  /** Absent where the event is of the run itself. */
  readonly service?: string;
  readonly at: number;
  readonly elapsed: number;
  readonly error?: { readonly name: string; readonly message?: string };
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What becomes of a question, message by message: within the page, and from the backend as Server-Sent Events. */
export type Told =
  | { readonly event: 'request'; readonly data: { readonly requestId: string } }
  | { readonly event: 'run'; readonly data: ToldEvent }
  | { readonly event: 'log'; readonly data: LogLine }
  | { readonly event: 'answer'; readonly data: User }
  | { readonly event: 'problem'; readonly data: { readonly detail: string } };

/** As JSON, an event holds no secrets: it may go to another machine. */
export function toldOf(event: RunEvent): Told {
  return { event: 'run', data: JSON.parse(JSON.stringify(event)) as ToldEvent };
}
