import { asyncScheduler } from 'rxjs';
import { controllerOf } from '../../core/abort/lazy-abort-controller.ts';
import type { Context } from '../../core/context.ts';
import { enforces, type RunHandle, runOf } from '../../core/run-handle.ts';
import { CanceledError } from '../../errors/canceled-error.ts';
import { DeadlineExceededError } from '../../errors/deadline-exceeded-error.ts';
import { read, truncate, truncatedList } from '../../errors/foreign.ts';

/** Where a context keeps the flight that it belongs to. The key is enumerable, so that a copy stays in the flight. */
export const flightKey: unique symbol = Symbol('forkfast.flight');

interface HasFlight {
  readonly [flightKey]?: Flight;
}

/** A subscriber of a flight that has neither an answer nor unsubscribed. */
interface Waiter {
  /** The flight whose work has subscribed. */
  readonly flight: Flight | undefined;
  readonly run: RunHandle | undefined;
  readonly signal: AbortSignal | undefined;
  readonly deadline: number;
}

/**
 * A shared call, and its subscribers.
 *
 * It holds no answer and no context, since it is part of the context of the call, which may be kept.
 */
export class Flight {
  /** The flights of one table with one key stand for the same call. */
  readonly table: object;
  key: string;
  /** The name of the service and the key of the input, for the message about a circle. */
  label: string;
  ended = false;
  /** The waiters that are themselves flights. */
  readonly callers: Set<Waiter> = new Set<Waiter>();
  readonly #waiters = new Set<Waiter>();
  /** No waiter has an earlier deadline. */
  #earliest = Infinity;
  #timedOut = false;

  constructor(table: object, key: string, label: string) {
    this.table = table;
    this.key = key;
    this.label = label;
  }

  /** Adds a waiter, and returns a function that removes it. */
  add(caller: Context): () => void {
    const { deadline = Infinity } = caller;
    const waiter: Waiter = {
      flight: flightOf(caller),
      run: runOf(caller),
      signal: controllerOf(caller) ? undefined : caller.signal,
      deadline: deadline > asyncScheduler.now() ? deadline : Infinity, // nobody waits for a deadline that is past
    };
    this.#earliest = Math.min(this.#earliest, waiter.deadline);
    this.#waiters.add(waiter);
    if (waiter.flight) this.callers.add(waiter);
    return () => {
      if (!this.ended) {
        const { deadline, signal, run, flight } = waiter;
        this.#timedOut ||=
          deadline <= asyncScheduler.now() ||
          isTimeout(signal?.reason) ||
          isClosedByTimeout(run) ||
          flight?.hung === true;
      }
      this.#waiters.delete(waiter);
      this.callers.delete(waiter);
    };
  }

  /** Whether a caller has waited for its whole timeout, for this flight or for a flight that waits for this one. */
  get hung(): boolean {
    return [...withCallers(this).keys()].some((flight) => flight.#hasTimedOutWaiter());
  }

  #hasTimedOutWaiter(): boolean {
    const now = asyncScheduler.now();
    if (this.#earliest > now) return this.#timedOut;
    this.#earliest = [...this.#waiters].reduce((least, { deadline }) => Math.min(least, deadline), Infinity);
    return (this.#timedOut ||= [...this.#waiters].some((waiter) => isLate(waiter, now)));
  }
}

/** Whether the deadline has passed. If the run of the waiter still enforces the deadline, the clock has jumped forward. */
function isLate({ deadline, run }: Waiter, now: number): boolean {
  return deadline === now || (deadline < now && !enforces(run, deadline));
}

/** The call in the message about a circle. */
export function labelOf(service: object, combinator: string, inputKey: string): string {
  const { name } = service as { readonly name?: unknown }; // a function may have any property
  return `${truncate(typeof name === 'string' && name ? name : combinator, 40)}(${truncate(inputKey, 40)})`;
}

/**
 * Describes the circle that closes when `caller` waits for a call that waits for `caller`, by this flight or another one. Returns
 * `undefined` if there is no circle.
 */
export function circleError(combinator: string, caller: Context, { table, key }: Flight): TypeError | undefined {
  const from = flightOf(caller);
  if (!from) return undefined;
  const callees = withCallers(from);
  const same = [...callees.keys()].find((each) => !each.ended && each.table === table && each.key === key);
  if (!same) return undefined;
  const path: Flight[] = [];
  for (let flight: Flight | undefined = same; flight; flight = callees.get(flight)) path.push(flight);
  const circle = truncatedList([...path, same], ' → ', ({ label }) => label);
  return new TypeError(`${combinator}: expected no circle of calls, got ${circle}: let no call wait for itself`);
}

/** The flight and all flights that wait for it, each with the flight that it waits for. */
function withCallers(flight: Flight): Map<Flight, Flight | undefined> {
  const callees = new Map<Flight, Flight | undefined>([[flight, undefined]]);
  for (const callee of callees.keys()) {
    for (const { flight: caller } of callee.callers) {
      if (caller && !callees.has(caller)) callees.set(caller, callee);
    }
  }
  return callees;
}

/** A context that is made from nothing but the signal of a flight is in the flight. */
export function markSignal(signal: AbortSignal, flight: Flight): AbortSignal {
  return Object.defineProperty(signal, flightKey, { value: flight });
}

function flightOf(ctx: Context): Flight | undefined {
  const flight = (ctx as HasFlight)[flightKey];
  return flight ?? (controllerOf(ctx) ? undefined : (ctx.signal as HasFlight | undefined)?.[flightKey]);
}

/** Whether the run of the waiter, or a run around it, is closing the waiter because a timeout has passed. */
function isClosedByTimeout(run: RunHandle | undefined): boolean {
  return run !== undefined && (isTimeout(run.closingError) || isClosedByTimeout(run.parent));
}

/** Whether the reason of an abort says that a timeout has passed. */
function isTimeout(reason: unknown): boolean {
  if (reason instanceof DeadlineExceededError) return true;
  if (reason instanceof CanceledError) return isTimeout(reason.cause);
  return read(reason, 'name') === 'TimeoutError'; // from `AbortSignal.timeout` or RxJS
}
