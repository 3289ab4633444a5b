import {
  aggregateLatest,
  type AggregateOption,
  type Context,
  fetchEvents,
  fetchJson,
  type Service,
  url,
} from 'forkfast';
import { filter, map, scan, startWith } from 'rxjs';

/** An event of the activity stream. */
export interface Activity {
  readonly text: string;
}

/** The parts of the page that are known so far. */
export interface LivePage {
  readonly profile?: { readonly name: string };
  /** The last activities, the newest last. */
  readonly activity?: readonly Activity[];
}

const MOST = 10;

/**
 * A page that shows the profile of a user and follows the activity of the user.
 *
 *     createLivePage(base)(ctx, id).subscribe(draw);
 *
 * Emits the page each time when one of its parts changes. The stream connects again when the server restarts, and continues after the
 * last event. Unsubscribing closes the connection, and so does a profile that fails.
 */
export function createLivePage(base: string, ...options: AggregateOption[]): Service<string, LivePage> {
  const profile = (ctx: Context, id: string) =>
    fetchJson<NonNullable<LivePage['profile']>>(ctx, url`${base}/profiles/${id}`);
  const activity = (ctx: Context, id: string) =>
    fetchEvents(ctx, url`${base}/activity/${id}`, { reconnect: true, idle: 60_000 }).pipe(
      filter(({ event }) => event === 'activity'),
      map(({ data }) => JSON.parse(data) as Activity),
      scan((all, latest) => [...all, latest].slice(-MOST), [] as readonly Activity[]),
      startWith([]), // the timeout of the page bounds the time until each service has emitted, and the stream may be quiet
    );
  return aggregateLatest({ profile, activity }, ...options);
}
