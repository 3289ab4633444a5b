import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { inspect } from 'node:util';
import { firstValueFrom, lastValueFrom, type Observable, of } from 'rxjs';
import {
  background,
  type Context,
  DecodeError,
  HttpError,
  type Service,
  ServiceError,
  ValidationError,
} from '../../lib/index.ts';
import { orderService, profileService, UserAggregator } from '../../lib/user-aggregator.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, type Loopback, serve } from '../support/servers.ts';

describe('UserAggregator, with profileService and orderService', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();
  afterEach(closeServers);

  type Answer = string | { readonly status: number };

  /** Responds to each path with its JSON or its status. */
  const upstream = async (answers: Readonly<Record<string, Answer>>): Promise<Loopback> =>
    serve((request, response) => {
      const path = request.url ?? '';
      const answer = answers[path] ?? { status: 404 };
      if (typeof answer === 'string') response.setHeader('content-type', 'application/json').end(answer);
      else response.writeHead(answer.status).end();
    });
  const valid = { '/profiles/42': '{"name":"Alice"}', '/orders/42': '{"orders":5}' };

  const users = (profileUrl: string | URL, orderUrl: string | URL = profileUrl): UserAggregator =>
    new UserAggregator({ profile: profileService(profileUrl), orders: orderService(orderUrl) });

  const bases: [string, (url: string) => string | URL, string][] = [
    ['with a trailing slash', (url) => `${url}/`, ''],
    ['with a path', (url) => `${url}/v1`, '/v1'],
    ['with a path and a trailing slash', (url) => `${url}/v1/`, '/v1'],
    ['as an object', (url) => new URL(url), ''],
    ['as an object with a path', (url) => new URL('/v1/', url), '/v1'],
  ];
  for (const [name, base, prefix] of bases) {
    it(`accepts a base URL ${name}`, async () => {
      const { url, requests } = await upstream({
        [`${prefix}/profiles/42`]: '{"name":"Alice"}',
        [`${prefix}/orders/42`]: '{"orders":5}',
      });
      const line = await lastValueFrom(users(base(url)).aggregate(background, 42));
      expect(line).to.equal('User: Alice | Orders: 5');
      expect([...requests].sort()).to.deep.equal([`GET ${prefix}/orders/42`, `GET ${prefix}/profiles/42`]);
    });
  }

  it('emits only the fields that it has checked', async () => {
    const { url } = await upstream({
      '/profiles/42': '{"__proto__":{"admin":true},"name":"Älice","password":"secret"}',
      '/orders/42': '{"orders":0,"customer":"secret"}',
    });
    const profile = await lastValueFrom(profileService(url)(background, 42));
    expect(profile).to.deep.equal({ name: 'Älice' }).and.not.to.have.property('admin');
    expect(await lastValueFrom(orderService(url)(background, 42))).to.deep.equal({ orders: 0 });
    expect(await lastValueFrom(users(url).aggregate(background, 42))).to.equal('User: Älice | Orders: 0');
  });

  const shapes: [string, Record<string, Answer>, string][] = [
    ['no name', { '/profiles/42': '{"nam":"secret"}' }, 'profile: name: expected a string'],
    ['a name that is null', { '/profiles/42': '{"name":null}' }, 'profile: name: expected a string'],
    ['a name that is a number', { '/profiles/42': '{"name":42}' }, 'profile: name: expected a string'],
    ['an inherited name', { '/profiles/42': '{"__proto__":{"name":"secret"}}' }, 'profile: name: expected a string'],
    ['a profile that is null', { '/profiles/42': 'null' }, 'profile: expected an object'],
    ['a profile that is a string', { '/profiles/42': '"secret"' }, 'profile: expected an object'],
    ['a profile that is a list', { '/profiles/42': '["secret"]' }, 'profile: name: expected a string'],
    ['no orders', { '/orders/42': '{"count":5}' }, 'orders: orders: expected an integer'],
    ['orders as text', { '/orders/42': '{"orders":"5"}' }, 'orders: orders: expected an integer'],
    ['half an order', { '/orders/42': '{"orders":0.5}' }, 'orders: orders: expected an integer'],
    ['orders as a list', { '/orders/42': '{"orders":["secret"]}' }, 'orders: orders: expected an integer'],
    ['a bare number', { '/orders/42': '5' }, 'orders: expected an object'],
  ];
  for (const [name, answers, message] of shapes) {
    it(`fails with a ServiceError that says what is wrong with ${name}`, async () => {
      const { url } = await upstream({ ...valid, ...answers });
      const error = await failureOf(users(url).aggregate(background, 42), ServiceError);
      expect(error.message).to.equal(message);
      expect(error.service).to.equal(message.split(':')[0]);
      expect(error.cause).to.be.instanceOf(ValidationError);
      expect(inspect(error) + JSON.stringify(error)).not.to.include('secret');
    });
  }

  it('reads no field from a polluted prototype', async () => {
    const { url } = await upstream({ '/orders/42': '{}' });
    Object.defineProperty(Object.prototype, 'orders', { value: 5, configurable: true });
    try {
      await failureOf(orderService(url)(background, 42), ValidationError);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'orders');
    }
  });

  it('fails with a ServiceError for HTML and an empty body, and a service with an HttpError for a status', async () => {
    const { url } = await upstream({ ...valid, '/profiles/1': '<h1>Alice</h1>', '/profiles/2': '', '/orders/42': '' });
    const failures: [number, abstract new (...args: never[]) => Error, string][] = [
      [
        1,
        DecodeError,
        `profile: expected JSON, got 14 bytes of application/json (HTTP 200) from GET ${url}/profiles/1`,
      ],
      [2, DecodeError, `profile: expected JSON, got an empty body (HTTP 200) from GET ${url}/profiles/2`],
      [42, DecodeError, `orders: expected JSON, got an empty body (HTTP 200) from GET ${url}/orders/42`],
    ];
    for (const [id, type, message] of failures) {
      const users = new UserAggregator({
        profile: profileService(url),
        orders: id === 42 ? orderService(url) : () => of({ orders: 5 }),
      });
      const error = await failureOf(users.aggregate(background, id), ServiceError);
      expect(error.message).to.equal(message);
      expect(error.cause).to.be.instanceOf(type);
    }
    const missing = await failureOf(profileService(url)(background, 7), HttpError);
    expect(missing.message).to.equal(`HTTP 404 from GET ${url}/profiles/7`);
  });

  it('fails with a ServiceError, and sends nothing, for an id or a base that makes no URL', async () => {
    const { url, requests } = await upstream(valid);
    const noId = await failureOf(users(url).aggregate(background, NaN), ServiceError);
    expect(noId.message).to.equal(
      'profile: url: path segment: expected a string, a finite number, a bigint or a boolean, got NaN',
    );
    const escape = await failureOf(profileService(url)(background, '../admin/..' as never), HttpError);
    expect(escape.message).to.equal(`HTTP 404 from GET ${url}/profiles/..%2Fadmin%2F..`);
    const noBase = await failureOf(users('/api').aggregate(background, 42), ServiceError);
    expect(noBase.message).to.equal(
      'profile: url: expected an absolute URL, since there is no page, got "/api/profiles/42": add the scheme and the host',
    );
    for (const service of [profileService(url), orderService(url)])
      await failureOf(service(background, NaN), TypeError);
    expect(requests).to.deep.equal(['GET /profiles/..%2Fadmin%2F..']);
  });

  it('accepts other services, and a context with more fields', async () => {
    interface Tenant extends Context {
      readonly tenant: string;
    }
    const profile: Service<number, { readonly name: string }, Tenant> = (ctx, id) =>
      of({ name: `${ctx.tenant}'s ${String(id)}` });
    const users = new UserAggregator({ profile, orders: () => of({ orders: 1 }) });
    expectTypeOf(users.aggregate).parameters.toEqualTypeOf<[Tenant, number]>();
    expectTypeOf(users.aggregate).returns.toEqualTypeOf<Observable<string>>();
    expect(await firstValueFrom(users.aggregate({ tenant: 'acme' }, 42))).to.equal("User: acme's 42 | Orders: 1");
  });
});
