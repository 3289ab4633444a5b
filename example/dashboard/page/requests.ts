import type { Activity } from '../activity.ts';

/** A request as its server saw it. */
export interface Seen {
  readonly service: string;
  readonly requestId: string | undefined;
  readonly type: Activity['type'];
  readonly status: number | undefined;
  /** Epoch milliseconds. */
  readonly opened: number;
  /** Absent while the connection is open. */
  readonly closed?: number;
}

/** All that were seen, by service and number, in the order in which they came. */
export type Requests = ReadonlyMap<string, Seen>;

export function note(requests: Requests, activity: Activity): Requests {
  const { service, request, requestId, type, status, at } = activity;
  const key = `${service} ${String(request)}`;
  const opened = requests.get(key)?.opened ?? at;
  const seen = { service, requestId, type, status, opened, ...(type === 'asked' ? {} : { closed: at }) };
  return new Map([...requests, [key, seen] as const].slice(-MOST));
}

const MOST = 100;

/** Whether a connection of that request is open. */
export function open(requests: Requests, id: string | undefined): boolean {
  return [...requests.values()].some(({ requestId, closed }) => requestId === id && closed === undefined);
}
