import { EMPTY, Observable, type Observer, type Subscriber, throwIfEmpty, UnsubscriptionError } from 'rxjs';
import { Relay } from './relay.ts';
import { hush, toObservable } from './service.ts';

/** Whose members they are. */
export interface Membership {
  /** Calls the factory of a service: gives what it returned, throws what it threw. */
  ask(index: number): unknown;
  /** Is told once of each member that was opened and has not been closed: its error, or nothing. */
  settle(member: Member, failure?: { readonly error: unknown }): void;
}

/** One service in one run. */
export class Member implements Observer<unknown> {
  readonly name: string;
  /** Waiting until there is one. */
  state: 'running' | 'answered' | undefined;
  emitted = false;
  /** What its teardowns threw. */
  torn: unknown[] | undefined;
  /** Where its values go: what joins the members listens there. */
  port: Subscriber<unknown> | undefined;
  readonly #index: number;
  readonly #membership: Membership;
  /** In hand before the source runs, so that a source that emits without end can be ended. */
  #inner: Subscriber<unknown> | undefined;
  #closed = false;
  /** What came while `subscribe` was at work. */
  #early: { readonly failure: { readonly error: unknown } | undefined } | undefined;
  #subscribing = false;

  constructor(membership: Membership, index: number, name: string) {
    this.#membership = membership;
    this.#index = index;
    this.name = name;
  }

  /** Calls the factory and subscribes to what it returned. */
  open(): void {
    let source: Observable<unknown>;
    try {
      const answer = this.#membership.ask(this.#index);
      if (this.#closed) {
        // Ended by what the factory did.
        hush(answer);
        return;
      }
      source = toObservable(answer as Observable<unknown>);
    } catch (error) {
      this.#membership.settle(this, { error });
      return;
    }
    this.#subscribing = true;
    new Observable<unknown>((inner) => {
      this.#inner = inner;
      try {
        source.subscribe(inner);
      } catch (error) {
        if (inner.closed) this.tear(error);
        else inner.error(error);
      }
    }).subscribe(new Relay(this));
    this.#subscribing = false;
    if (this.#early) this.#membership.settle(this, this.#early.failure);
  }

  next(value: unknown): void {
    this.emitted = true;
    this.port?.next(value);
  }

  error(error: unknown): void {
    this.#outcome({ error });
  }

  complete(): void {
    if (this.emitted) this.#outcome(undefined);
    else EMPTY.pipe(throwIfEmpty()).subscribe(new Relay(this)); // RxJS's `EmptyError`, whose constructor is internal
  }

  /** Unsubscribes. What a teardown throws is kept in `torn`: it must reach neither the siblings nor the outcome. */
  close(): void {
    this.#closed = true;
    try {
      this.#inner?.unsubscribe();
    } catch (error) {
      this.tear(error);
    }
  }

  #outcome(failure: { readonly error: unknown } | undefined): void {
    this.close(); // before RxJS does it in the producer's stack, where what a teardown throws is lost
    // While `subscribe` is at work it may still return a teardown: what comes then waits for that.
    if (this.#subscribing) this.#early = { failure };
    else this.#membership.settle(this, failure);
  }

  /** Keeps what a teardown threw. */
  tear(error: unknown): void {
    const thrown = error instanceof UnsubscriptionError ? (error.errors as unknown[]) : [error];
    (this.torn ??= []).push(...thrown);
  }
}
