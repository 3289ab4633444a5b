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
import { idOf } from '../users.ts';
import { element } from './elements.ts';
import type { Message } from './run.ts';
import type { Services } from './services.ts';
import { type Presets, readSettings, type Settings, writeFields } from './settings.ts';
import { startRun } from './start-run.ts';

type Messages = Pick<Observer<Message>, 'next'>;

/** Starts the runs that the user wants, one at a time. The next run and the cancel button cancel the current run. */
export function runsOf(services: Services, messages: Messages): Observable<unknown> {
  const cancel = fromEvent(element('[data-action="cancel"]'), 'click').pipe(map(() => undefined));
  return merge(settingsOf(element('#settings', document, HTMLFormElement), services.presets), cancel).pipe(
    switchMap((settings) => (settings ? runOf(services, settings, messages) : EMPTY)),
  );
}

/** Emits the settings on a preset, on the call button, and on each key in the field of the id. */
function settingsOf(form: HTMLFormElement, presets: Presets): Observable<Settings> {
  const chosen = [...document.querySelectorAll<HTMLElement>('[data-preset]')].map((button) =>
    fromEvent(button, 'click').pipe(
      tap(() => {
        writeFields(form, presets[button.dataset['preset'] ?? ''] ?? {});
      }),
    ),
  );
  const submitted = fromEvent(form, 'submit').pipe(
    tap((event) => {
      event.preventDefault();
    }),
  );
  const typed = fromEvent(element('[name="id"]'), 'input');
  return merge(...chosen, submitted, typed).pipe(map(() => readSettings(form)));
}

function runOf(services: Services, settings: Settings, messages: Messages): Observable<unknown> {
  return defer(() => {
    messages.next({ event: 'start', data: { at: Date.now(), timeout: settings.timeout } });
    const id = idOf(settings.id);
    if (id === undefined) throw new TypeError('id: expected a positive integer');
    return startRun(services, id, settings, messages);
  }).pipe(
    catchError((error: unknown) => {
      messages.next({ event: 'problem', data: { detail: error instanceof Error ? error.message : String(error) } });
      return EMPTY;
    }),
    finalize(() => {
      messages.next({ event: 'end', data: { at: Date.now() } });
    }),
  );
}
