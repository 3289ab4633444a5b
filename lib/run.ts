import { asyncScheduler, concat, NEVER, Observable, type Observer, of, Subject } from 'rxjs';
import type { Subscriber, Unsubscribable } from 'rxjs';
import { type AbortListener, carry, listen, type Heard, refusalOf, unlisten, withoutSignal } from './abort.ts';
import { background, type Context, derive } from './context.ts';
import { type Bound, leftTo, within } from './deadline.ts';
import { CanceledError } from './errors/canceled-error.ts';
import { DeadlineExceededError } from './errors/deadline-exceeded-error.ts';
import { flat } from './errors/service-error.ts';
import { type Emit, emitter, type RunIdentity } from './events.ts';
import { callersFields, logSink, silent, wantsDebug } from './logging.ts';
import { Member, type Membership } from './member.ts';
import type { Config } from './options.ts';
import { Relay } from './relay.ts';
import { Scope, scopeOf } from './scope.ts';

/** What a run asks, and how the answers are joined. */
export interface Plan<Out> {
  readonly config: Config;
  readonly names: readonly string[];
  /** Calls the factory of a service: gives what it returned, throws what it threw. */
  readonly ask: (index: number, ctx: Context, input: unknown) => unknown;
  /**
   * Subscribes to all members in order, under the deadline. A member never errors: its failure ends the run. `whole` completes
   * when a growing run has shown an answer of each.
   */
  readonly join: (
    members: readonly Observable<unknown>[],
    bound: Bound,
    whole: () => Observable<never>,
  ) => Observable<readonly unknown[]>;
  /** What a run emits of the values that there are, in the order of the services. */
  readonly answer: (values: readonly unknown[]) => Out;
  /** Whether what is joined goes out as it comes, or when the run has succeeded. */
  readonly growing: boolean;
}

/** One subscription is one run. It ends once, and what it started has ended before its subscriber is told. */
export function run<Out>(plan: Plan<Out>, caller: Context, input: unknown): Observable<Out> {
  return new Observable((subscriber) => {
    new Run(plan, caller, input, subscriber);
  });
}

let runs = 0;

class Run<Out> extends Scope implements AbortListener, Membership, Observer<readonly unknown[]>, Unsubscribable {
  readonly run = ++runs;
  readonly outer: Scope | undefined;
  readonly ctx: Context;
  readonly #plan: Plan<Out>;
  /** The caller's signal. */
  #heard: Heard;
  #input: unknown;
  readonly #subscriber: Subscriber<Out>;
  readonly #startedAt = asyncScheduler.now();
  readonly #deadline: number;
  /** Completes when the deadline bounds nothing inside any more; made for who asks. */
  #kept: Subject<never> | undefined;
  readonly #emit: Emit;
  /** In the order of the services. */
  readonly #members: readonly Member[];
  /** How many of the members have been started. */
  #started = 0;
  #running = 0;
  #draining = false;
  /** The joining and its timer. */
  #joined: Unsubscribable | undefined;
  #result: readonly unknown[] | undefined;

  constructor(plan: Plan<Out>, caller: Context, input: unknown, subscriber: Subscriber<Out>) {
    super();
    this.#plan = plan;
    this.#input = input;
    this.#subscriber = subscriber;
    const { config, growing } = plan;
    const refused = refusalOf(caller);
    const given = refused ? background : caller;
    this.#members = plan.names.map((name, index) => new Member(this, index, name));
    this.outer = scopeOf(given);
    const asked = given.deadline ?? Infinity;
    this.#deadline = Math.min(asked, this.#startedAt + config.timeout);
    // The clock of a growing run stops when each service has emitted: what they do then has no deadline of its.
    this.ctx = carry(derive(withoutSignal(given), growing ? asked : this.#deadline, config.fetch), this);
    this.#emit = observe(
      config,
      { run: this.run, name: config.name, ctx: caller, outer: this.outer },
      input,
      this.#startedAt,
    );
    this.#emit('started');
    subscriber.add(this);
    if (refused) this.#end('failed', refused);
    if (!this.over()) this.#heard = listen(given, this);
    if (!this.over()) this.#join();
  }

  onAbort(reason: unknown): void {
    this.#end('canceled', new CanceledError({ cause: reason }));
  }

  unsubscribe(): void {
    if (!this.over()) this.#end('canceled', new CanceledError());
  }

  ask(index: number): unknown {
    return this.#plan.ask(index, this.ctx, this.#input);
  }

  settle(member: Member, failure?: { readonly error: unknown }): void {
    if (this.over()) return;
    const { name } = member;
    if (failure) {
      this.#end('failed', flat(name, this.#elapsed(), failure.error), member, failure);
      return;
    }
    this.#running--;
    member.state = 'answered';
    this.#emit('succeeded', name);
    this.#tellTorn(member);
    if (this.over()) return; // ended by who watched it
    member.port?.complete();
    this.#drain();
  }

  released(deadline: number): Observable<unknown> {
    const further = this.outer?.released(deadline) ?? of(undefined);
    return this.over() || this.#deadline > deadline ? further : concat(this.#bounds(), further);
  }

  #bounds(): Observable<never> {
    return (this.#kept ??= new Subject());
  }

  #join(): void {
    const ports = this.#members.map(
      (member) =>
        new Observable<unknown>((port) => {
          member.port = port;
          this.#drain();
        }),
    );
    const remaining = this.#deadline - this.#startedAt;
    const own = within(this.#deadline, remaining);
    const bound = this.outer ? leftTo(this.outer, this.#deadline, own) : own;
    const joined = remaining > 0 ? this.#plan.join(ports, bound, () => this.#bounds()) : bound(NEVER);
    this.#joined = joined.subscribe(new Relay(this));
    if (this.over()) this.#joined.unsubscribe();
  }

  /** Of the joining. */
  next(values: readonly unknown[]): void {
    if (!this.#plan.growing) {
      this.#result = values;
      return;
    }
    this.#subscriber.next(this.#plan.answer(values));
    if (this.#members.every(({ emitted }) => emitted)) this.#kept?.complete();
  }

  /** Of the joining: the deadline has passed. */
  error(cause: unknown): void {
    const late = this.#members.filter(({ state, emitted }) => !(this.#plan.growing ? emitted : state === 'answered'));
    const pending = late.map(({ name }) => name);
    this.#end('failed', new DeadlineExceededError({ pending, elapsed: this.#elapsed(), cause }));
  }

  /** Over before the answer is told: who unsubscribes on it cancels nothing. */
  complete(): void {
    this.close();
    for (const member of this.#members) this.#tellTorn(member);
    this.#emit('succeeded', undefined, undefined, () => {
      const result = this.#result;
      this.#result = undefined;
      if (result) this.#subscriber.next(this.#plan.answer(result));
      this.#subscriber.complete();
    });
    this.#kept?.complete();
  }

  /** A loop, not a recursion: 20,000 synchronous services may wait behind an asynchronous one. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    while (!this.over() && this.#running < this.#plan.config.concurrency) {
      const member = this.#members[this.#started];
      if (!member?.port) break;
      this.#started++;
      this.#start(member);
    }
    this.#draining = false;
  }

  #start(member: Member): void {
    const { name } = member;
    this.#running++;
    member.state = 'running';
    this.#emit('started', name, undefined, () => {
      if (this.over()) return;
      const { asking } = this;
      this.asking = member;
      member.open();
      this.asking = asking;
    });
    this.#tellTorn(member); // what is left: it was ended while it was being subscribed to
  }

  /**
   * The one early end. Teardown comes before the abort, which would wake a `retry` in a service that is still
   * subscribed, and both before the notification, since its handler may take its time.
   */
  #end(type: 'failed' | 'canceled', error: unknown, culprit?: Member, failure?: { readonly error: unknown }): void {
    if (this.over()) return;
    this.close();
    const unanswered = this.#members.filter(({ state }) => state === 'running');
    for (const member of unanswered) member.close();
    this.abort(error);
    if (culprit) this.#emit('failed', culprit.name, failure);
    for (const member of unanswered) {
      if (member !== culprit) this.#emit('canceled', member.name);
    }
    for (const member of this.#members) this.#tellTorn(member);
    this.#emit(type, undefined, { error }, () => {
      if (!this.#subscriber.closed) this.#subscriber.error(error);
    });
    this.#kept?.complete();
  }

  /** It is over, and neither its deadline nor its caller's signal counts any more. */
  override close(): void {
    super.close();
    unlisten(this.#heard, this);
    this.#joined?.unsubscribe();
    // Who keeps an event or a context of it, for a picture of it, need not keep what was asked and answered too.
    this.#input = undefined;
    for (const member of this.#members) member.port = undefined;
  }

  #elapsed(): number {
    return Math.max(0, asyncScheduler.now() - this.#startedAt);
  }

  tear(error: unknown): void {
    this.#emit('teardown-failed', undefined, { error });
  }

  #tellTorn({ name, torn }: Member): void {
    for (const error of torn?.splice(0) ?? []) this.#emit('teardown-failed', name, { error });
  }
}

/** The run's events to whoever listens; nothing is built where nobody does. */
function observe({ sinks, logger, fields }: Config, run: RunIdentity, input: unknown, startedAt: number): Emit {
  if (logger === silent) return emitter(sinks, run, startedAt);
  const debug = wantsDebug(logger);
  const log = logSink(logger, debug, callersFields(fields, run.ctx, input));
  return emitter([...sinks, log], run, startedAt, debug || sinks.length > 0);
}
