import type { Activity } from '../activity.ts';

/** A request, from the activity of its service. */
export interface ServerRequest {
  readonly service: string;
  readonly requestId: string | undefined;
  readonly type: Activity['type'];
  readonly status: number | undefined;
  /** Epoch milliseconds. */
  readonly opened: number;
  /** Absent while the connection is open. */
  readonly closed?: number;
}

/** The last requests by service and number, in the order in which the services received them. */
export type Requests = ReadonlyMap<string, ServerRequest>;

const MOST = 100;

export function withActivity(requests: Requests, activity: Activity): Requests {
  const { service, request, requestId, type, status, at } = activity;
  const key = `${service} ${String(request)}`;
  const opened = requests.get(key)?.opened ?? at;
  const updated = { service, requestId, type, status, opened, ...(type === 'received' ? {} : { closed: at }) };
  return new Map([...requests, [key, updated] as const].slice(-MOST));
}

/** Whether a request with that id has an open connection. */
export function isOpen(requests: Requests, id: string | undefined): boolean {
  return [...requests.values()].some(({ requestId, closed }) => requestId === id && closed === undefined);
}
