import {
  asyncScheduler,
  catchError,
  finalize,
  map,
  type Observable,
  of,
  type OperatorFunction,
  shareReplay,
  tap,
  throwError,
  timeout,
} from 'rxjs';
import type { Context } from '../../core/context.ts';
import type { AbortableCall } from '../../core/from-abortable.ts';
import { closeWith, onDeadline, type RunHandle } from '../../core/run-handle.ts';
import { CanceledError } from '../../errors/canceled-error.ts';
import { DeadlineExceededError } from '../../errors/deadline-exceeded-error.ts';
import type { AnswerKey } from './answer-key.ts';
import { ageOf, type Answer, type AnswerMemory, type AnswerStore, readAnswer, writeAnswer } from './answers.ts';

/** Where all calls of a service keep their answers. */
interface Answers<Out> {
  readonly memory: AnswerMemory<Out>;
  readonly maxAge: number;
  readonly store: AnswerStore | undefined;
  /** The keys in the store begin with it. */
  readonly name: string;
}

interface Caller {
  readonly ctx: Context;
  readonly run: RunHandle | undefined;
  /** The service that the run was calling. */
  readonly service: string | undefined;
}

/** One call of a service, and the answer that replaces its failure. */
export class LastGoodCall<Out> {
  readonly #answers: Answers<Out>;
  readonly #caller: Caller;
  readonly #call: AbortableCall<Out>;
  readonly #key: AnswerKey;
  readonly #number: number;
  readonly #startedAt = asyncScheduler.now();
  /** The answer in the store, and then undefined if there is none. */
  readonly #read: Observable<Answer<Out> | undefined>;
  #stored: Answer<Out> | undefined;
  #isReading = true;
  /** The service has failed, and the call waits for the store. */
  #failure: { readonly error: unknown } | undefined;

  /** @param number - Later calls have higher numbers. */
  constructor(answers: Answers<Out>, caller: Caller, call: AbortableCall<Out>, key: AnswerKey, number: number) {
    this.#answers = answers;
    this.#caller = caller;
    this.#call = call;
    this.#key = key;
    this.#number = number;
    this.#read = this.#readStore();
  }

  start(fresh: Observable<Out>): void {
    const reading = this.#read.subscribe((answer) => {
      this.#stored = answer;
      this.#isReading = false;
    });
    let stop = (): void => undefined;
    const answer = fresh.pipe(
      tap((value) => {
        this.#keep(value);
      }),
      catchError((error: unknown) => this.#replace(error)),
      finalize(() => {
        stop();
        reading.unsubscribe();
      }),
    );
    const { ctx, run, service } = this.#caller;
    this.#call.follow(answer, (error) => run?.report('teardown-failed', service, { error }));
    if (this.#call.ended) return;
    stop = onDeadline(ctx, () => {
      this.#answerAtDeadline();
    });
  }

  #readStore(): Observable<Answer<Out> | undefined> {
    const { store, maxAge } = this.#answers;
    if (!store) return of(undefined);
    const { error } = this.#key;
    const answer = error ? throwError(() => error) : readAnswer<Out>(store, this.#storeKey(), maxAge);
    return answer.pipe(this.#reportingErrors(), shareReplay({ bufferSize: 1, refCount: true }));
  }

  #keep(value: Out): void {
    const { memory, store, maxAge } = this.#answers;
    const answer = { value, at: asyncScheduler.now() };
    const isLatest = memory.set(this.#key.digest, { ...answer, call: this.#number });
    if (!isLatest || !store || this.#key.error) return;
    writeAnswer(store, this.#storeKey(), answer, maxAge).catch((error: unknown) => {
      this.#reportStore(error);
    });
  }

  /** The good answer in place of the error, if there is one, now or when the store has answered. */
  #replace(error: unknown): Observable<Out> {
    if (error instanceof CanceledError) throw error;
    this.#failure = { error };
    const good = this.#good();
    const found = good
      ? of(good)
      : this.#read.pipe(
          // A process that was busy all the time runs its timers before it reads the answer of the store from the socket.
          timeout({ first: 100, with: () => this.#read.pipe(timeout(0)) }),
          this.#reportingErrors(),
          map(() => this.#good()),
        );
    return found.pipe(
      map((answer) => {
        if (!answer) throw error;
        return this.#stale(answer, error);
      }),
    );
  }

  #answerAtDeadline(): void {
    const pending = [this.#caller.service ?? 'the service'];
    const elapsed = Math.max(0, asyncScheduler.now() - this.#startedAt);
    const late = new DeadlineExceededError({ pending, elapsed });
    const { error } = this.#failure ?? { error: late };
    const good = this.#good();
    if (!good && this.#isReading) this.#reportStore(new DeadlineExceededError({ pending: ['the store'], elapsed }));
    const answer = (): void => {
      if (good) {
        this.#call.attempt(() => {
          this.#call.answer(this.#stale(good, error));
        });
      } else if (this.#failure) this.#call.fail(() => error);
    };
    const { run } = this.#caller;
    if (run) closeWith(run, late, answer);
    else answer();
  }

  /** The newest answer that is at hand. */
  #good(): Answer<Out> | undefined {
    const kept = this.#answers.memory.get(this.#key.digest);
    const stored = this.#stored && ageOf(this.#stored) <= this.#answers.maxAge ? this.#stored : undefined;
    return stored && stored.at > (kept?.at ?? -Infinity) ? stored : kept;
  }

  #stale(answer: Answer<Out>, error: unknown): Out {
    this.#caller.run?.report('stale', this.#caller.service, { error, age: ageOf(answer) });
    return answer.value;
  }

  #storeKey(): string {
    return `${this.#answers.name}:${this.#key.digest}`;
  }

  /** Emits `undefined` in place of an error of the store. */
  #reportingErrors(): OperatorFunction<Answer<Out> | undefined, Answer<Out> | undefined> {
    return catchError((error: unknown) => {
      this.#reportStore(error);
      return of(undefined);
    });
  }

  #reportStore(error: unknown): void {
    this.#caller.run?.report('store-failed', this.#caller.service, { error });
  }
}
