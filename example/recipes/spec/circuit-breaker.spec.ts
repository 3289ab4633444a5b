import { expect } from 'chai';
import { BrokenCircuitError, type CircuitBreakerPolicy, CircuitState, ConsecutiveBreaker } from 'cockatiel';
import type { ServerResponse } from 'node:http';
import {
  aggregate,
  background,
  CanceledError,
  fetchJson,
  HttpError,
  type Service,
  ServiceError,
  silent,
  withLogger,
} from 'forkfast';
import { firstValueFrom, Observable, of, ReplaySubject } from 'rxjs';
import { blames, breaker, guarded } from '../circuit-breaker.ts';
import { failureOf } from '../../../spec/support/failure.ts';
import { expectNoUnhandledRejections } from '../../../spec/support/rejections.ts';
import { closeServers, deferred, type Loopback, refusingUrl, serve } from '../../../spec/support/servers.ts';

/** An upstream that answers with `status`, and with nothing where that is 0; a service that asks it. */
interface Stage {
  status: number;
  readonly upstream: Loopback;
  readonly policy: CircuitBreakerPolicy;
  readonly orders: Service<void, unknown>;
  /** The circuit may be probed from now on. */
  readonly rest: () => void;
  /** The response that is held back. */
  readonly held: Observable<ServerResponse>;
}

async function stage({ status = 200, threshold = 3 } = {}): Promise<Stage> {
  const held = new ReplaySubject<ServerResponse>(1);
  const upstream = await serve((_request, response) => {
    if (staged.status === 0) held.next(response);
    else response.writeHead(staged.status).end('{}');
  });
  let duration = Infinity;
  // cockatiel looks at the clock when it is asked, and at how long the circuit is to stay open.
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
    orders: guarded((ctx) => fetchJson(ctx, upstream.url), policy),
    rest: () => (duration = -1),
    held,
  };
  return staged;
}

/** A service that never answers, looks at no signal, and counts how often it was torn down. */
function watched(): { service: () => Observable<never>; started: Promise<void>; torn: () => number } {
  const { promise, resolve } = deferred();
  let torn = 0;
  const service = (): Observable<never> =>
    new Observable(() => {
      resolve();
      return () => torn++;
    });
  return { service, started: promise, torn: () => torn };
}

describe('recipe: a circuit breaker', function () {
  this.timeout(10_000);
  expectNoUnhandledRejections();
  afterEach(closeServers);

  /** Resolves when the circuit comes to be in `state`. */
  const reaches = (policy: CircuitBreakerPolicy, state: CircuitState): Promise<void> =>
    new Promise((resolve) => {
      const listener = policy.onStateChange((reached) => {
        if (reached !== state) return;
        listener.dispose();
        resolve();
      });
    });

  /** Asks until the circuit is open. */
  const tripped = async (threshold = 1): Promise<Stage> => {
    const staged = await stage({ status: 503, threshold });
    for (let failure = 0; failure < threshold; failure++) await failureOf(staged.orders(background), HttpError);
    expect(staged.policy.state).to.equal(CircuitState.Open);
    return staged;
  };

  it('lets the answers through', async () => {
    const { orders, upstream } = await stage();
    expect(await firstValueFrom(orders(background))).to.deep.equal({});
    expect(upstream.requests).to.have.length(1);
  });

  it('asks nothing before it is subscribed to', async () => {
    const { orders, policy, upstream } = await stage();
    void orders(background);
    await firstValueFrom(orders(background));
    expect(upstream.requests).to.have.length(1);
    expect(policy.state).to.equal(CircuitState.Closed);
  });

  it('trips after as many failures as it is told, and not before', async () => {
    const { orders, policy, upstream } = await stage({ status: 503, threshold: 3 });
    for (const state of [CircuitState.Closed, CircuitState.Closed, CircuitState.Open]) {
      await failureOf(orders(background), HttpError);
      expect(policy.state).to.equal(state);
    }
    expect(upstream.requests).to.have.length(3);
  });

  it('trips where nobody listens', async () => {
    const url = await refusingUrl();
    const policy = breaker({ halfOpenAfter: Infinity, breaker: new ConsecutiveBreaker(1) });
    const orders = guarded((ctx) => fetchJson(ctx, url), policy);
    await failureOf(orders(background), Error);
    expect(policy.state).to.equal(CircuitState.Open);
  });

  it('sends nothing while it is open', async () => {
    const { orders, upstream } = await tripped(2);
    for (let time = 0; time < 5; time++) await failureOf(orders(background), BrokenCircuitError);
    expect(upstream.requests).to.have.length(2);
  });

  it('is shared by all services with the same policy', async () => {
    const { policy } = await tripped();
    let asked = 0;
    const other = guarded(() => of(++asked), policy);
    await failureOf(other(background), BrokenCircuitError);
    expect(asked).to.equal(0);
  });

  it('is the cause of a ServiceError in an aggregate, which ends the others', async () => {
    const { orders } = await tripped();
    const { service: profile, torn } = watched();
    const error = await failureOf(aggregate({ profile, orders }, withLogger(silent))(background), ServiceError);
    expect(error.service).to.equal('orders');
    expect(error.cause).to.be.instanceOf(BrokenCircuitError);
    expect(torn()).to.equal(1);
  });

  it('closes again when a probe succeeds', async () => {
    const staged = await tripped();
    staged.status = 200;
    staged.rest();
    const states: CircuitState[] = [];
    staged.policy.onStateChange((state) => states.push(state));
    expect(await firstValueFrom(staged.orders(background))).to.deep.equal({});
    expect(states).to.deep.equal([CircuitState.HalfOpen, CircuitState.Closed]);
    await firstValueFrom(staged.orders(background));
    expect(staged.upstream.requests).to.have.length(3);
  });

  it('stays open when a probe fails', async () => {
    const staged = await tripped();
    staged.rest();
    await failureOf(staged.orders(background), HttpError);
    expect(staged.policy.state).to.equal(CircuitState.Open);
  });

  it('cancels what is in flight when it is unsubscribed from, and does not trip', async () => {
    const { orders, policy, upstream } = await stage({ status: 0, threshold: 1 });
    const subscription = orders(background).subscribe();
    await upstream.requested;
    subscription.unsubscribe();
    await upstream.closed;
    expect(policy.state).to.equal(CircuitState.Closed);
    expect(policy.lastFailure).to.equal(undefined);
  });

  it('cancels what is in flight when the caller aborts, and does not trip', async () => {
    const { orders, policy, upstream } = await stage({ status: 0, threshold: 1 });
    const caller = new AbortController();
    const failure = failureOf(orders({ signal: caller.signal }), CanceledError);
    await upstream.requested;
    caller.abort('the user left');
    expect((await failure).cause).to.equal('the user left');
    await upstream.closed;
    expect(policy.state).to.equal(CircuitState.Closed);
  });

  it('tears down in the frame in which it is unsubscribed from', () => {
    const { service, torn } = watched();
    const policy = breaker({ halfOpenAfter: 0, breaker: new ConsecutiveBreaker(1) });
    const subscription = guarded(service, policy)(background).subscribe();
    expect(torn()).to.equal(0);
    subscription.unsubscribe();
    expect(torn()).to.equal(1);
  });

  it('does not trip on a 404', async () => {
    const { orders, policy, upstream } = await stage({ status: 404, threshold: 1 });
    for (let time = 0; time < 3; time++) await failureOf(orders(background), HttpError);
    expect(policy.state).to.equal(CircuitState.Closed);
    expect(upstream.requests).to.have.length(3);
  });

  it('stays open when a probe is canceled', async () => {
    const staged = await tripped();
    staged.status = 0;
    staged.rest();
    const probe = staged.orders(background).subscribe();
    expect(staged.policy.state).to.equal(CircuitState.HalfOpen);
    const open = reaches(staged.policy, CircuitState.Open);
    probe.unsubscribe();
    await open;
  });

  it('asks nothing for who leaves while another probes', async () => {
    const staged = await tripped();
    staged.status = 0;
    staged.rest();
    const probe = firstValueFrom(staged.orders(background));
    let asked = 0;
    const late = guarded(() => of(++asked), staged.policy);
    late(background).subscribe().unsubscribe();
    const stays = firstValueFrom(late(background));
    (await firstValueFrom(staged.held)).end('{}');
    await probe;
    expect(await stays).to.equal(1);
    expect(asked).to.equal(1);
  });

  it('cancels what it asked after it had waited for a probe', async () => {
    const staged = await tripped();
    staged.status = 0;
    staged.rest();
    const probe = firstValueFrom(staged.orders(background));
    const { service, started, torn } = watched();
    const subscription = guarded(service, staged.policy)(background).subscribe();
    (await firstValueFrom(staged.held)).end('{}');
    await Promise.all([probe, started]);
    subscription.unsubscribe();
    expect(torn()).to.equal(1);
  });

  it('blames the upstream for what a nested aggregate died of', () => {
    const answer = { method: 'GET', url: 'http://orders.test/' };
    const nested = (cause: unknown): ServiceError => new ServiceError({ service: 'orders', elapsed: 1, cause });
    expect(blames(nested(new HttpError({ ...answer, status: 500 })))).to.equal(true);
    expect(blames(nested(new HttpError({ ...answer, status: 499 })))).to.equal(false);
    expect(blames(nested(new CanceledError()))).to.equal(false);
  });
});
