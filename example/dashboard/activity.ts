/** What a mock service saw of one request. */
export interface Activity {
  readonly service: string;
  /** Tells the requests of a service apart. */
  readonly request: number;
  /** The `x-request-id` it came with. */
  readonly requestId: string | undefined;
  /** `abandoned`: the client closed the connection before there was a whole answer; `reset`: the service itself did. */
  readonly type: 'asked' | 'answered' | 'abandoned' | 'reset';
  /** Epoch milliseconds. */
  readonly at: number;
  /** What it answered with. */
  readonly status?: number;
  /** Milliseconds since the request arrived. */
  readonly elapsed: number;
}

const words: Readonly<Record<Activity['type'], (elapsed: string) => string>> = {
  asked: () => 'connection open',
  answered: (elapsed) => `answered after ${elapsed}`,
  abandoned: (elapsed) => `connection closed by the client after ${elapsed}, before it answered`,
  reset: (elapsed) => `reset the connection after ${elapsed}`,
};

export function wordsOf({ type, elapsed }: Pick<Activity, 'type' | 'elapsed'>): string {
  return words[type](`${String(elapsed)} ms`);
}
