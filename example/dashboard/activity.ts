/** A mock service reports this when it receives a request, and when the request ends. */
export interface Activity {
  readonly service: string;
  /** The number of the request at this service. */
  readonly request: number;
  /** The `x-request-id` header of the request. */
  readonly requestId: string | undefined;
  /** `abandoned`: the client closed the connection before the response was complete. `reset`: the service closed it. */
  readonly type: 'received' | 'answered' | 'abandoned' | 'reset';
  /** Epoch milliseconds. */
  readonly at: number;
  /** The status of the response. */
  readonly status?: number;
  /** Milliseconds since the service received the request. */
  readonly elapsed: number;
}

const texts: Readonly<Record<Activity['type'], (elapsed: string) => string>> = {
  received: () => 'connection open',
  answered: (elapsed) => `answered after ${elapsed}`,
  abandoned: (elapsed) => `connection closed by the client after ${elapsed}, before it answered`,
  reset: (elapsed) => `reset the connection after ${elapsed}`,
};

export function textOf({ type, elapsed }: Pick<Activity, 'type' | 'elapsed'>): string {
  return texts[type](`${String(elapsed)} ms`);
}
