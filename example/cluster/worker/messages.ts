import type { Upstreams } from '../../dashboard/users.ts';

/** A message of the primary to a worker. */
export type ToWorker =
  | { readonly type: 'upstreams'; readonly upstreams: Upstreams }
  /** The worker answers with its report. */
  | { readonly type: 'report' };

/** The events in a worker since its last report. */
export interface Report {
  readonly type: 'report';
  /** Whether the worker is connected to Redis. */
  readonly connected: boolean;
  /** `stale` events of `lastGood`. */
  readonly stale: number;
  /** `store-failed` events of `lastGood`. */
  readonly storeFailed: number;
  /** Calls that this worker counted alone, because the shared limiter did not answer. */
  readonly countedAlone: number;
}
