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
import { draw } from './charts.ts';
import { runsOf } from './controls.ts';
import { element, setText } from './elements.ts';
import { append } from './log.ts';
import { isOpen } from './requests.ts';
import { hasEnded, idle, type Message, reduce } from './run.ts';
import type { Services } from './services.ts';

/** The page while it is open: it starts runs, and draws their state and the activity of the services. */
function page(services: Services): Observable<unknown> {
  const messages = new Subject<Message>();
  const run = messages.pipe(scan(reduce, idle), startWith(idle));
  const drawing = combineLatest([run, services.requests]).pipe(
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
  return merge(drawing, logging, runsOf(services, messages));
}

/** Draws less often if the user prefers reduced motion. */
const frames = defer((): Observable<unknown> =>
  matchMedia('(prefers-reduced-motion: reduce)').matches ? interval(250) : animationFrames(),
);

/**
 * Shows the page with the services that `connect` emits. The browser may keep a page and show it again: the page closes its
 * connections when it is hidden, and starts again.
 */
export function showPage(connect: () => Observable<Services>): void {
  merge(fromEvent(window, 'pageshow'), fromEvent(window, 'pagehide'))
    .pipe(
      switchMap(({ type }) => (type === 'pageshow' ? connect().pipe(switchMap(page)) : EMPTY)),
      catchError((error: unknown) => {
        setText(element('#result'), String(error));
        return EMPTY;
      }),
    )
    .subscribe();
}
