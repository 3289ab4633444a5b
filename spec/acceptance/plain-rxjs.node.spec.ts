import { expect } from 'chai';
import { defer, EMPTY, forkJoin, NEVER, Observable, of, Subject, timeout, TimeoutError } from 'rxjs';
import { fromFetch } from 'rxjs/fetch';
import {
  aggregate,
  background,
  CanceledError,
  DeadlineExceededError,
  fetchJson,
  HttpError,
  ServiceError,
  withTimeout,
} from '../../lib/index.ts';
import { errorOf, failureOf, notificationsOf } from '../support/failure.ts';
import { closeServers, serve } from '../support/servers.ts';
import { boom, fails } from '../support/services.ts';

/** Each title says what plain RxJS does, and then what forkfast does. */
describe('plain RxJS, and forkfast', () => {
  afterEach(closeServers);

  it('calls the services after one that has failed synchronously, and calls none', () => {
    const calls: string[] = [];
    const orders = (by: string): Observable<number> => defer(() => of(calls.push(by)));
    errorOf(forkJoin([fails(), orders('plain')]));
    errorOf(aggregate([fails, () => orders('forkfast')])(background));
    expect(calls).to.deep.equal(['plain']);
  });

  it('notifies the subscriber before it tears a sibling down, and after', () => {
    const orderOf = (join: (all: readonly Observable<never>[]) => Observable<unknown>): string[] => {
      const order: string[] = [];
      const profile = new Subject<never>();
      const orders = new Observable<never>(() => () => order.push('torn down'));
      join([profile, orders]).subscribe({ error: () => order.push('notified') });
      profile.error(boom);
      return order;
    };
    expect(orderOf((all) => forkJoin(all))).to.deep.equal(['notified', 'torn down']);
    const forkfast = orderOf((all) => aggregate(all.map((source) => () => source))(background));
    expect(forkfast).to.deep.equal(['torn down', 'notified']);
  });

  it('completes silently when a service has no value, and names that service', () => {
    expect(notificationsOf(forkJoin({ profile: of('Alice'), orders: EMPTY }))).to.deep.equal(['complete']);
    expect(errorOf(aggregate({ profile: () => of('Alice'), orders: () => EMPTY })(background)))
      .to.be.instanceOf(ServiceError)
      .with.property('service', 'orders');
  });

  it('emits the body of an error page as a value, and errors', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"oops":true}');
    });
    const plain = await new Promise((next) => {
      fromFetch(server.url, { selector: (response) => response.json() }).subscribe({ next });
    });
    expect(plain).to.deep.equal({ oops: true });
    expect(await failureOf(fetchJson(background, server.url), HttpError)).to.have.property('status', 500);
  });

  it('loses the reason of the caller, and keeps it', async () => {
    const server = await serve(() => undefined); // never responds
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error('the user left');
    const plain = failureOf(fromFetch(server.url, { signal }), Error);
    const ours = failureOf(aggregate({ page: (ctx) => fetchJson(ctx, server.url) })({ signal }), CanceledError);
    await server.requested;
    controller.abort(reason);
    expect(await plain)
      .to.include({ name: 'AbortError' })
      .and.not.to.have.property('cause');
    expect(await ours).to.have.property('cause', reason);
  });

  it('says that the time is up, and which service is late', async () => {
    const plain = await failureOf(forkJoin({ profile: of('Alice'), orders: NEVER }).pipe(timeout(1)), TimeoutError);
    expect(plain.message).to.equal('Timeout has occurred');
    const ours = aggregate({ profile: () => of('Alice'), orders: () => NEVER }, withTimeout(1))(background);
    expect((await failureOf(ours, DeadlineExceededError)).pending).to.deep.equal(['orders']);
  });
});
