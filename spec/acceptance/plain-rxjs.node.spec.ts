import { expect } from 'chai';
import { defer, EMPTY, forkJoin, NEVER, Observable, of, Subject, throwError, timeout, TimeoutError } from 'rxjs';
import { fromFetch } from 'rxjs/fetch';
import {
  aggregate,
  background,
  CanceledError,
  DeadlineExceededError,
  fetchJson,
  HttpError,
  ServiceError,
  silent,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { closeServers, serve } from '../support/servers.ts';

/** What `forkJoin`, `fromFetch` and `timeout` do by themselves, and what is done here instead. */
describe('plain RxJS, and forkfast', () => {
  const quiet = withLogger(silent);
  const boom = new Error('boom');

  afterEach(closeServers);

  it('call the services after one that has failed at once, and call none', () => {
    const asked: string[] = [];
    const profile = (): Observable<never> => throwError(() => boom);
    const orders = (by: string): Observable<number> => defer(() => of(asked.push(by)));

    forkJoin([profile(), orders('plain')]).subscribe({ error: () => undefined });
    aggregate([profile, () => orders('forkfast')], quiet)(background).subscribe({ error: () => undefined });

    expect(asked).to.deep.equal(['plain']);
  });

  it('tell the subscriber before a sibling is torn down, and after', () => {
    const order = (join: (all: readonly [Observable<never>, Observable<never>]) => Observable<unknown>): string[] => {
      const seen: string[] = [];
      const profile = new Subject<never>();
      const orders = new Observable<never>(() => () => seen.push('orders torn down'));
      join([profile, orders]).subscribe({ error: () => seen.push('told') });
      profile.error(boom);
      return seen;
    };
    expect(order((all) => forkJoin(all))).to.deep.equal(['told', 'orders torn down']);
    expect(order(([profile, orders]) => aggregate([() => profile, () => orders], quiet)(background))).to.deep.equal([
      'orders torn down',
      'told',
    ]);
  });

  it('complete without a word where a service has no value, and say which', () => {
    const seen: unknown[] = [];
    const observer = { next: (value: unknown) => seen.push(value), error: (error: unknown) => seen.push(error) };
    forkJoin({ profile: of('Alice'), orders: EMPTY }).subscribe(observer);
    expect(seen).to.deep.equal([]);

    aggregate({ profile: () => of('Alice'), orders: () => EMPTY }, quiet)(background).subscribe(observer);
    expect(seen).to.have.length(1);
    expect(seen[0]).to.be.instanceOf(ServiceError).with.property('service', 'orders');
  });

  it('take an error page for an answer, and for an error', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"oops":true}');
    });
    const plain = await new Promise((next) => {
      fromFetch(server.url, { selector: (response) => response.json() }).subscribe({ next });
    });
    expect(plain).to.deep.equal({ oops: true });
    expect(await failureOf(fetchJson(background, server.url), HttpError)).to.have.property('status', 500);
  });

  it('lose the caller`s reason to leave, and keep it', async () => {
    const server = await serve(() => undefined); // never answers
    const reason = new Error('the user left');
    const controller = new AbortController();
    const { signal } = controller;
    const plain = failureOf(fromFetch(server.url, { signal }), Error);
    const ours = failureOf(aggregate({ page: (ctx) => fetchJson(ctx, server.url) }, quiet)({ signal }), CanceledError);
    await server.requested;
    controller.abort(reason);
    expect(await plain)
      .to.include({ name: 'AbortError' })
      .and.not.to.have.property('cause');
    expect(await ours).to.have.property('cause', reason);
  });

  it('say that it timed out, and who was late', async () => {
    const error = await failureOf(forkJoin({ profile: of('Alice'), orders: NEVER }).pipe(timeout(1)), Error);
    expect(error).to.be.instanceOf(TimeoutError).with.property('message', 'Timeout has occurred');

    const ask = aggregate({ profile: () => of('Alice'), orders: () => NEVER }, withTimeout(1), quiet);
    expect((await failureOf(ask(background), DeadlineExceededError)).pending).to.deep.equal(['orders']);
  });
});
