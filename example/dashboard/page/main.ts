import { background, fetchJson } from 'forkfast';
import {
  animationFrames,
  catchError,
  combineLatest,
  defer,
  EMPTY,
  fromEvent,
  interval,
  map,
  merge,
  type Observable,
  of,
  scan,
  startWith,
  Subject,
  switchMap,
  tap,
} from 'rxjs';
import type { Upstreams } from '../users.ts';
import { draw } from './charts.ts';
import { runsOf } from './controls.ts';
import { element, setText } from './elements.ts';
import { requestsAt } from './event-source.ts';
import { append } from './log.ts';
import { isOpen } from './requests.ts';
import { hasEnded, idle, type Message, reduce } from './run.ts';

/** The page while it is open: it starts runs, and draws their state and the activity of the services. */
function page(upstreams: Upstreams): Observable<unknown> {
  const messages = new Subject<Message>();
  const run = messages.pipe(scan(reduce, idle), startWith(idle));
  const requests = requestsAt(background, upstreams).pipe(
    map(({ profile = [], orders = [] }) => new Map([...profile, ...orders])),
  );
  const drawing = combineLatest([run, requests]).pipe(
    switchMap(([run, requests]) => {
      const moves = !hasEnded(run) || isOpen(requests, run.requestId);
      return (moves ? frames.pipe(startWith(0)) : of(0)).pipe(
        tap(() => {
          draw(run, requests, Date.now());
        }),
      );
    }),
  );
  const logging = messages.pipe(
    tap((message) => {
      if (message.event === 'log') append(message.data);
    }),
  );
  return merge(drawing, logging, runsOf(upstreams, messages));
}

/** Draws less often if the user prefers reduced motion. */
const frames = defer((): Observable<unknown> =>
  matchMedia('(prefers-reduced-motion: reduce)').matches ? interval(250) : animationFrames(),
);

// The browser may keep a page and show it again: the page closes its connections when it is hidden, and starts again.
merge(fromEvent(window, 'pageshow'), fromEvent(window, 'pagehide'))
  .pipe(
    switchMap(({ type }) =>
      type === 'pageshow' ? fetchJson<Upstreams>(background, '/page.json').pipe(switchMap(page)) : EMPTY,
    ),
    catchError((error: unknown) => {
      setText(element('#result'), String(error));
      return EMPTY;
    }),
  )
  .subscribe();
