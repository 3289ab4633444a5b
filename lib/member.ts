import { EMPTY, Observable, type Subscriber, throwIfEmpty, UnsubscriptionError } from 'rxjs';
import { isPromiseLike, toObservable } from './service.ts';

/** One service in one run. */
export interface Member {
  readonly index: number;
  readonly name: string;
  /** Where its values go: what joins the members listens there. */
  readonly port: Subscriber<unknown>;
  /** In hand before the source runs, so that a source that emits without end can be ended. */
  inner?: Subscriber<unknown>;
  state: 'waiting' | 'running' | 'answered';
  closed?: boolean;
  /** What its teardowns threw. */
  torn?: unknown[];
}

/** Calls the factory and subscribes to what it returned; tells `settle` once, with the error or with nothing. */
export function open(
  member: Member,
  ask: () => unknown,
  settle: (failure?: { readonly error: unknown }) => void,
): void {
  let source: Observable<unknown>;
  try {
    const answer = ask();
    if (member.closed) {
      // Ended by what the factory did. A promise cannot be left alone: it may reject.
      if (isPromiseLike(answer)) answer.then(undefined, () => undefined);
      return;
    }
    source = toObservable(answer as Observable<unknown>);
  } catch (error) {
    settle({ error });
    return;
  }

  let answered = false;
  let subscribing = true;
  let early: (() => void) | undefined;
  const outcome = (tell: () => void): void => {
    close(member); // before RxJS does it in the producer's stack, where what a teardown throws is lost
    // While `subscribe` is at work it may still return a teardown: what comes then waits for that.
    if (subscribing) early = tell;
    else tell();
  };
  new Observable<unknown>((inner) => {
    member.inner = inner;
    try {
      source.subscribe(inner);
    } catch (error) {
      if (inner.closed) tear(member, error);
      else inner.error(error);
    }
  }).subscribe({
    next: (value) => {
      answered = true;
      member.port.next(value);
    },
    error: (error: unknown) => {
      outcome(() => {
        settle({ error });
      });
    },
    complete: () => {
      outcome(() => {
        if (answered) settle();
        else settle({ error: emptyError() });
      });
    },
  });
  subscribing = false;
  early?.();
}

/** Unsubscribes. What a teardown throws is kept in `torn`: it must reach neither the siblings nor the outcome. */
export function close(member: Member): void {
  member.closed = true;
  try {
    member.inner?.unsubscribe();
  } catch (error) {
    tear(member, error);
  }
}

function tear(member: Member, error: unknown): void {
  const thrown = error instanceof UnsubscriptionError ? (error.errors as unknown[]) : [error];
  (member.torn ??= []).push(...thrown);
}

/** RxJS's `EmptyError`, from the operator that makes it: its constructor is internal. */
function emptyError(): unknown {
  let empty: unknown;
  EMPTY.pipe(throwIfEmpty()).subscribe({
    error: (error: unknown) => {
      empty = error;
    },
  });
  return empty;
}
