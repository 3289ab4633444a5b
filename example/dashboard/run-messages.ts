import type { RunEvent } from 'forkfast';
import type { User } from './users.ts';

/** The JSON of an event of a run. Its error has only fields that are safe to log. */
export interface JsonEvent {
  readonly type: RunEvent['type'];
  /** Absent for an event of the run itself. */
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

/** A message about a run, within the page or from the backend as a Server-Sent Event. */
export type RunMessage =
  | { readonly event: 'request'; readonly data: { readonly requestId: string } }
  | { readonly event: 'run'; readonly data: JsonEvent }
  | { readonly event: 'log'; readonly data: LogLine }
  | { readonly event: 'answer'; readonly data: User }
  | { readonly event: 'problem'; readonly data: { readonly detail: string } };

/** Converts an event to JSON, which has no secrets, so that the event may leave the machine. */
export function messageOf(event: RunEvent): RunMessage {
  return { event: 'run', data: JSON.parse(JSON.stringify(event)) as JsonEvent };
}
