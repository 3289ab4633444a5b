import { background, fetchJson } from 'forkfast';
import {
  animationFrames,
  catchError,
  combineLatest,
  defer,
  EMPTY,
  fromEvent,
  interval,
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
import { draw } from './draw.ts';
import { one, say } from './elements.ts';
import { activityOf } from './event-source.ts';
import { append } from './log.ts';
import { questions } from './question.ts';
import { note, open, type Requests } from './requests.ts';
import { idle, isOver, type Message, next } from './run.ts';

/** The page while somebody is there: what is asked, what becomes of it, and what the services see of it. */
function page(upstreams: Upstreams): Observable<unknown> {
  const told = new Subject<Message>();
  const run = told.pipe(scan(next, idle), startWith(idle));
  const requests = merge(activityOf(upstreams.profile), activityOf(upstreams.orders)).pipe(
    scan(note, new Map() as Requests),
    startWith(new Map() as Requests),
  );
  const drawing = combineLatest([run, requests]).pipe(
    switchMap(([run, requests]) => {
      const moves = !isOver(run) || open(requests, run.requestId);
      return (moves ? frames.pipe(startWith(0)) : of(0)).pipe(
        tap(() => {
          draw(run, requests, Date.now());
        }),
      );
    }),
  );
  const logging = told.pipe(
    tap((message) => {
      if (message.event === 'log') append(message.data);
    }),
  );
  return merge(drawing, logging, questions(upstreams, told));
}

/** Where motion is not wanted, a picture now and then. */
const frames = defer((): Observable<unknown> =>
  matchMedia('(prefers-reduced-motion: reduce)').matches ? interval(250) : animationFrames(),
);

// A page that is left may be kept, to come back to: it ends all that it has open, and starts afresh.
merge(fromEvent(window, 'pageshow'), fromEvent(window, 'pagehide'))
  .pipe(
    switchMap(({ type }) =>
      type === 'pageshow' ? fetchJson<Upstreams>(background, '/page.json').pipe(switchMap(page)) : EMPTY,
    ),
    catchError((error: unknown) => {
      say(one('#result'), String(error));
      return EMPTY;
    }),
  )
  .subscribe();
