import {
  catchError,
  defer,
  EMPTY,
  finalize,
  fromEvent,
  map,
  merge,
  type Observable,
  type Observer,
  switchMap,
  tap,
} from 'rxjs';
import { idOf, type Upstreams } from '../users.ts';
import { ask } from './ask.ts';
import { one } from './elements.ts';
import type { Message } from './run.ts';
import { presets, read, type Settings, write } from './settings.ts';

type Teller = Pick<Observer<Message>, 'next'>;

/** One question at a time: the next one, or leaving, cancels the one before it. */
export function questions(upstreams: Upstreams, told: Teller): Observable<unknown> {
  const left = fromEvent(one('[data-action="leave"]'), 'click').pipe(map(() => undefined));
  return merge(asked(one('#settings', document, HTMLFormElement)), left).pipe(
    switchMap((settings) => (settings ? question(upstreams, settings, told) : EMPTY)),
  );
}

/** Every way to ask: a preset, the button, and each key in the field of the id. */
function asked(form: HTMLFormElement): Observable<Settings> {
  const chosen = [...document.querySelectorAll<HTMLElement>('[data-preset]')].map((button) =>
    fromEvent(button, 'click').pipe(
      tap(() => {
        write(form, presets[button.dataset['preset'] ?? ''] ?? {});
      }),
    ),
  );
  const submitted = fromEvent(form, 'submit').pipe(
    tap((event) => {
      event.preventDefault();
    }),
  );
  const typed = fromEvent(one('[name="id"]'), 'input');
  return merge(...chosen, submitted, typed).pipe(map(() => read(form)));
}

function question(upstreams: Upstreams, settings: Settings, told: Teller): Observable<unknown> {
  return defer(() => {
    told.next({ event: 'asked', data: { at: Date.now(), timeout: settings.timeout } });
    const id = idOf(settings.id);
    if (id === undefined) throw new TypeError('the id of a user is a positive integer');
    return ask(upstreams, id, settings, told);
  }).pipe(
    catchError((error: unknown) => {
      told.next({ event: 'problem', data: { detail: error instanceof Error ? error.message : String(error) } });
      return EMPTY;
    }),
    finalize(() => {
      told.next({ event: 'left', data: { at: Date.now() } });
    }),
  );
}
