import {
  asyncScheduler,
  map,
  NEVER,
  Observable,
  type Subscriber,
  switchMap,
  take,
  takeLast,
  throwIfEmpty,
  type TeardownLogic,
} from 'rxjs';
import { reportErrors } from '../../core/abort/report-errors.ts';
import { mismatch } from '../../core/assert.ts';
import type { Context } from '../../core/context.ts';
import type { ServiceLike } from '../../core/service.ts';
import { toObservable } from '../../core/service-call.ts';
import { attempt, isError, truncatedList } from '../../errors/foreign.ts';
import { circleError, Flight, labelOf } from './flight.ts';
import { shareCall, type SharedCall, sharedContext } from './shared-call.ts';

/** A service that loads many inputs with one call. */
export type LoadMany<In, Out, Ctx extends Context> = ServiceLike<readonly In[], readonly (Out | Error)[], Ctx>;

/** The configuration of all batches of one `batched`. */
export interface BatchPlan {
  readonly loadMany: LoadMany<never, unknown, never>;
  readonly window: number;
  readonly most: number;
  /** Stands for all batches in circles. */
  readonly table: object;
}

/** An input of a batch, and its place in the batch once the batch is sent. */
interface Item {
  readonly input: unknown;
  callers: number;
  index: number;
}

interface Caller {
  readonly ctx: Context;
  readonly subscriber: Subscriber<unknown>;
}

/** The inputs that are loaded with one call, and their callers. */
export class Batch {
  readonly #plan: BatchPlan;
  /** The key of the context that all callers share. */
  readonly #contextKey: string;
  readonly #onClose: () => void;
  readonly #items = new Map<string, Item>();
  readonly #callers = new Set<Caller>();
  readonly #shared: SharedCall<readonly unknown[]>;
  /** Waits for the end of the window. Closed when the batch is sent. */
  #window: Subscriber<void> | undefined;
  readonly #send = (): void => {
    reportErrors(() => this.#window?.next());
  };

  /** @param onClose - Called when nobody can join any more. */
  constructor(plan: BatchPlan, contextKey: string, ctx: Context, onClose: () => void) {
    this.#plan = plan;
    this.#contextKey = contextKey;
    this.#onClose = onClose;
    const call = { service: (own: Context) => this.#start(own), ctx: sharedContext(ctx), input: undefined };
    this.#shared = shareCall(new Flight(plan.table, '', ''), call, onClose);
  }

  /** Whether a caller with this input can join. */
  accepts(inputKey: string): boolean {
    return this.#items.has(inputKey) || this.#items.size < this.#plan.most;
  }

  join(ctx: Context, inputKey: string, input: unknown, subscriber: Subscriber<unknown>): TeardownLogic {
    const item = this.#items.get(inputKey) ?? { input, callers: 0, index: -1 };
    const caller = { ctx, subscriber };
    item.callers++;
    this.#items.set(inputKey, item);
    this.#callers.add(caller);
    subscriber.add(() => {
      this.#callers.delete(caller);
      if (--item.callers === 0) this.#items.delete(inputKey);
    });
    const answers = new Observable<readonly unknown[]>((joined) => this.#shared.subscribe(ctx, joined));
    const subscription = answers.pipe(map((values) => answerOf(values[item.index]))).subscribe(subscriber);
    if (this.#items.size === this.#plan.most) this.#sendSoon();
    return subscription;
  }

  #start(ctx: Context): Observable<readonly unknown[]> {
    return new Observable<void>((subscriber) => {
      this.#window = subscriber;
      if (this.#plan.window > 0) subscriber.add(asyncScheduler.schedule(this.#send, this.#plan.window));
      else this.#sendSoon();
    }).pipe(
      take(1),
      switchMap(() => this.#shared.inContext(() => this.#load(ctx))),
    );
  }

  /**
   * Sends the batch in a microtask, or in the same frame of virtual time, which runs no promises. RxJS's `asapScheduler` does both,
   * but its `TestScheduler` throws when such an action cancels a timer of the same frame.
   */
  #sendSoon(): void {
    void Promise.resolve().then(this.#send);
    this.#window?.add(asyncScheduler.schedule(this.#send));
  }

  #load(ctx: Context): Observable<readonly unknown[]> {
    this.#onClose();
    this.#failCircles();
    const items = [...this.#items.values()];
    if (items.length === 0) return NEVER; // the last caller has left: this is unsubscribed
    for (const [index, item] of items.entries()) item.index = index;
    const inputs = items.map(({ input }) => input) as never;
    const loaded = this.#plan.loadMany({ ...ctx, ...this.#deadline() } as never, inputs);
    return toObservable(loaded).pipe(
      takeLast(1),
      throwIfEmpty(),
      map((values) => checkAnswers(values, items.length)),
    );
  }

  #failCircles(): void {
    const { loadMany } = this.#plan;
    const { flight } = this.#shared;
    const keys = [...this.#items.keys()].sort();
    flight.key = JSON.stringify([this.#contextKey, keys]);
    flight.label = labelOf(loadMany, 'batched', truncatedList(keys, ', ', String));
    for (const { ctx, subscriber } of this.#callers) {
      const circle = circleError('batched', ctx, flight);
      if (circle) subscriber.error(circle);
    }
  }

  /** The latest deadline of the callers. None if one of the callers has none. */
  #deadline(): Pick<Context, 'deadline'> {
    let latest = -Infinity;
    for (const { ctx } of this.#callers) latest = Math.max(latest, ctx.deadline ?? Infinity);
    return latest === Infinity ? {} : { deadline: latest };
  }
}

function checkAnswers(values: unknown, count: number): readonly unknown[] {
  const expected = `an array of ${String(count)} ${count === 1 ? 'item' : 'items'}`;
  const fix = 'answer with one item for each input, in order';
  if (!attempt(() => Array.isArray(values), false)) {
    throw new TypeError(`${mismatch('batched: loadMany', expected, values)}: ${fix}`);
  }
  const items = values as readonly unknown[];
  if (items.length === count) return items;
  throw new TypeError(`batched: loadMany: expected ${expected}, got ${String(items.length)}: ${fix}`);
}

/** Throws an item that is an error: it fails the callers of this input alone. */
function answerOf(item: unknown): unknown {
  if (isError(item)) throw item;
  return item;
}
