import { expect } from 'chai';
import { BrokenCircuitError, type CircuitBreakerPolicy, CircuitState, ConsecutiveBreaker } from 'cockatiel';
import type { ServerResponse } from 'node:http';
import {
  aggregate,
  background,
  CanceledError,
  DeadlineExceededError,
  fetchJson,
  HttpError,
  type Service,
  ServiceError,
  withTimeout,
} from 'forkfast';
import { firstValueFrom, Observable, of, ReplaySubject, TimeoutError } from 'rxjs';
import { breaker, guarded, isUpstreamFailure } from '../circuit-breaker.ts';
import { failureOf } from '../../../spec/support/failure.ts';
import { expectNoUnhandledRejections } from '../../../spec/support/rejections.ts';
import { closeServers, deferred, type Loopback, refusingUrl, serve } from '../../../spec/support/servers.ts';

/** A timeout, in milliseconds, that no test reaches. */
const patient = 60_000;

/** An upstream that responds with `status`, or never if that is 0, and a service that calls it. */
interface Stage {
  status: number;
  readonly upstream: Loopback;
  readonly policy: CircuitBreakerPolicy;
  readonly orders: Service<void, unknown>;
  /** Ends the time in which the circuit stays open, so that the next call is a probe. */
  readonly allowProbe: () => void;
  /** The response that the upstream does not send. */
  readonly pending: Observable<ServerResponse>;
}

async function stage({ status = 200, threshold = 3, ms = patient } = {}): Promise<Stage> {
  const pending = new ReplaySubject<ServerResponse>(1);
  const upstream = await serve((_request, response) => {
    if (staged.status === 0) pending.next(response);
    else response.writeHead(staged.status).end('{}');
  });
  let duration = Infinity;
  // cockatiel reads the duration at each call.
  const halfOpenAfter = {
    get duration() {
      return duration;
    },
    next: () => halfOpenAfter,
  };
  const policy = breaker({ halfOpenAfter, breaker: new ConsecutiveBreaker(threshold) });
  const staged: Stage = {
    status,
    upstream,
    policy,
    orders: guarded((ctx) => fetchJson(ctx, upstream.url), policy, ms),
    allowProbe: () => (duration = -1),
    pending,
  };
  return staged;
}

/** A service that never emits, ignores its signal, and counts its teardowns. */
function countingService(): { service: () => Observable<never>; started: Promise<void>; teardowns: () => number } {
  const { promise, resolve } = deferred();
  let teardowns = 0;
  const service = (): Observable<never> =>
    new Observable(() => {
      resolve();
      return () => teardowns++;
    });
  return { service, started: promise, teardowns: () => teardowns };
}

describe('recipe: a circuit breaker', function () {
  this.timeout(10_000);
  expectNoUnhandledRejections();
  afterEach(closeServers);

  /** Resolves when the circuit changes to `state`. */
  const reaches = (policy: CircuitBreakerPolicy, state: CircuitState): Promise<void> =>
    new Promise((resolve) => {
      const listener = policy.onStateChange((reached) => {
        if (reached !== state) return;
        listener.dispose();
        resolve();
      });
    });

  /** Calls the service until the circuit opens. */
  const tripped = async (threshold = 1): Promise<Stage> => {
    const staged = await stage({ status: 503, threshold });
    for (let failure = 0; failure < threshold; failure++) await failureOf(staged.orders(background), HttpError);
    expect(staged.policy.state).to.equal(CircuitState.Open);
    return staged;
  };

  it('emits the answers of the service', async () => {
    const { orders, upstream } = await stage();
    expect(await firstValueFrom(orders(background))).to.deep.equal({});
    expect(upstream.requests).to.have.length(1);
  });

  it('calls the service on subscription, and not before', async () => {
    const { orders, policy, upstream } = await stage();
    void orders(background);
    await firstValueFrom(orders(background));
    expect(upstream.requests).to.have.length(1);
    expect(policy.state).to.equal(CircuitState.Closed);
  });

  it('opens after the configured number of failures, and not before', async () => {
    const { orders, policy, upstream } = await stage({ status: 503, threshold: 3 });
    for (const state of [CircuitState.Closed, CircuitState.Closed, CircuitState.Open]) {
      await failureOf(orders(background), HttpError);
      expect(policy.state).to.equal(state);
    }
    expect(upstream.requests).to.have.length(3);
  });

  it('opens after a refused connection', async () => {
    const url = await refusingUrl();
    const policy = breaker({ halfOpenAfter: Infinity, breaker: new ConsecutiveBreaker(1) });
    const orders = guarded((ctx) => fetchJson(ctx, url), policy, patient);
    await failureOf(orders(background), Error);
    expect(policy.state).to.equal(CircuitState.Open);
  });

  it('opens when the upstream does not respond in time', async () => {
    const { orders, policy } = await stage({ status: 0, threshold: 1, ms: 1 });
    const dashboard = aggregate({ orders }, withTimeout(patient));
    expect((await failureOf(dashboard(background), ServiceError)).cause).to.be.instanceOf(TimeoutError);
    expect(policy.state).to.equal(CircuitState.Open);
  });

  it('stays closed when the deadline of the run comes first', async () => {
    const { orders, policy } = await stage({ status: 0, threshold: 1 });
    await failureOf(aggregate({ orders }, withTimeout(1))(background), DeadlineExceededError);
    expect(policy.state).to.equal(CircuitState.Closed);
  });

  it('sends no request while it is open', async () => {
    const { orders, upstream } = await tripped(2);
    for (let time = 0; time < 5; time++) await failureOf(orders(background), BrokenCircuitError);
    expect(upstream.requests).to.have.length(2);
  });

  it('is shared by all services with the same policy', async () => {
    const { policy } = await tripped();
    let calls = 0;
    const other = guarded(() => of(++calls), policy, patient);
    await failureOf(other(background), BrokenCircuitError);
    expect(calls).to.equal(0);
  });

  it('causes a ServiceError in an aggregate, which tears down the sibling', async () => {
    const { orders } = await tripped();
    const { service: profile, teardowns } = countingService();
    const error = await failureOf(aggregate({ profile, orders })(background), ServiceError);
    expect(error.service).to.equal('orders');
    expect(error.cause).to.be.instanceOf(BrokenCircuitError);
    expect(teardowns()).to.equal(1);
  });

  it('closes again when a probe succeeds', async () => {
    const staged = await tripped();
    staged.status = 200;
    staged.allowProbe();
    const states: CircuitState[] = [];
    staged.policy.onStateChange((state) => states.push(state));
    expect(await firstValueFrom(staged.orders(background))).to.deep.equal({});
    expect(states).to.deep.equal([CircuitState.HalfOpen, CircuitState.Closed]);
    await firstValueFrom(staged.orders(background));
    expect(staged.upstream.requests).to.have.length(3);
  });

  it('stays open when a probe fails', async () => {
    const staged = await tripped();
    staged.allowProbe();
    await failureOf(staged.orders(background), HttpError);
    expect(staged.policy.state).to.equal(CircuitState.Open);
  });

  it('cancels the request on unsubscribing, and stays closed', async () => {
    const { orders, policy, upstream } = await stage({ status: 0, threshold: 1 });
    const subscription = orders(background).subscribe();
    await upstream.requested;
    subscription.unsubscribe();
    await upstream.closed;
    expect(policy.state).to.equal(CircuitState.Closed);
    expect(policy.lastFailure).to.equal(undefined);
  });

  it('cancels the request when the caller aborts, and stays closed', async () => {
    const { orders, policy, upstream } = await stage({ status: 0, threshold: 1 });
    const caller = new AbortController();
    const failure = failureOf(orders({ signal: caller.signal }), CanceledError);
    await upstream.requested;
    caller.abort('the user left');
    expect((await failure).cause).to.equal('the user left');
    await upstream.closed;
    expect(policy.state).to.equal(CircuitState.Closed);
  });

  it('tears down the service in the frame of the unsubscription', () => {
    const { service, teardowns } = countingService();
    const policy = breaker({ halfOpenAfter: 0, breaker: new ConsecutiveBreaker(1) });
    const subscription = guarded(service, policy, patient)(background).subscribe();
    expect(teardowns()).to.equal(0);
    subscription.unsubscribe();
    expect(teardowns()).to.equal(1);
  });

  it('stays closed after a 404', async () => {
    const { orders, policy, upstream } = await stage({ status: 404, threshold: 1 });
    for (let time = 0; time < 3; time++) await failureOf(orders(background), HttpError);
    expect(policy.state).to.equal(CircuitState.Closed);
    expect(upstream.requests).to.have.length(3);
  });

  it('stays open when a probe is canceled', async () => {
    const staged = await tripped();
    staged.status = 0;
    staged.allowProbe();
    const probe = staged.orders(background).subscribe();
    expect(staged.policy.state).to.equal(CircuitState.HalfOpen);
    const open = reaches(staged.policy, CircuitState.Open);
    probe.unsubscribe();
    await open;
  });

  it('does not call the service for a caller that unsubscribes during the probe of another caller', async () => {
    const staged = await tripped();
    staged.status = 0;
    staged.allowProbe();
    const probe = firstValueFrom(staged.orders(background));
    let calls = 0;
    const late = guarded(() => of(++calls), staged.policy, patient);
    late(background).subscribe().unsubscribe();
    const waiting = firstValueFrom(late(background));
    (await firstValueFrom(staged.pending)).end('{}');
    await probe;
    expect(await waiting).to.equal(1);
    expect(calls).to.equal(1);
  });

  it('cancels a service that it called after the probe of another caller', async () => {
    const staged = await tripped();
    staged.status = 0;
    staged.allowProbe();
    const probe = firstValueFrom(staged.orders(background));
    const { service, started, teardowns } = countingService();
    const subscription = guarded(service, staged.policy, patient)(background).subscribe();
    (await firstValueFrom(staged.pending)).end('{}');
    await Promise.all([probe, started]);
    subscription.unsubscribe();
    expect(teardowns()).to.equal(1);
  });

  it('recognizes the failures of the upstream inside a nested aggregate', () => {
    const request = { method: 'GET', url: 'http://orders.test/' };
    const nested = (cause: unknown): ServiceError => new ServiceError({ service: 'orders', elapsed: 1, cause });
    expect(isUpstreamFailure(nested(new HttpError({ ...request, status: 500 })))).to.equal(true);
    expect(isUpstreamFailure(nested(new HttpError({ ...request, status: 499 })))).to.equal(false);
    expect(isUpstreamFailure(nested(new CanceledError()))).to.equal(false);
  });
});
