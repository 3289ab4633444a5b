import fc from 'fast-check';
import { firstValueFrom, map, NEVER, Observable, of, retry, throwError } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  type AnswerStore,
  backoff,
  batched,
  bulkhead,
  type Context,
  type Fetch,
  fetchJson,
  type FetchInit,
  fetchText,
  hedge,
  lastGood,
  type Logger,
  optional,
  perRun,
  type RunEvent,
  type Service,
  singleFlight,
  url,
  validate,
  withConcurrency,
  withEvents,
  withLogger,
} from '../../lib/index.ts';

/** A secret, alone and inside of other text. */
export interface Planted {
  /** The secret: lower-case letters and digits, which no encoding changes. */
  readonly core: string;
  /** The secret in a text that a header can carry. */
  readonly line: string;
  /** The secret in any text. */
  readonly text: string;
}

export const planted: fc.Arbitrary<Planted> = fc
  .record({
    core: fc.stringMatching(/^[0-9a-f]{16}$/).map((hex) => `s3cret${hex}`),
    line: fc.string({ unit: 'grapheme-ascii', maxLength: 8 }),
    text: fc.string({ unit: 'binary', maxLength: 8 }),
  })
  .map(({ core, line, text }) => ({ core, line: `x${line}${core}${line}x`, text: text + core + text }));

/** One request or one failure, with a secret in every place that can hold one. */
export interface Scenario {
  /** The code, or else the name, of the service's error. `undefined` if the service succeeds. */
  readonly fails: string | undefined;
  /** Whether the message of the error may quote the secret, because it is not forkfast's own. */
  readonly quotes?: boolean;
  readonly service: (secret: Planted) => Service<string, unknown>;
}

/** A response with the secret in each header and in the body. */
function response({ line, text }: Planted, status: number, body?: BodyInit | null): Response {
  const headers = {
    'content-type': `application/json; token="${line}"`,
    location: `http://${line}@elsewhere.test/?${line}`,
    'retry-after': line,
    'set-cookie': line,
    'www-authenticate': line,
    [`x-${line.replace(/[^a-z\d]/g, '')}`]: line,
  };
  const content = body === undefined ? JSON.stringify({ [text]: text, name: { [text]: text } }) : body;
  return new Response(content, { status, headers });
}

/** Sends the secret in the query, the fragment, the headers and the body. The context propagates it in `authorization`. */
function requesting(secret: Planted, fetch: Fetch, more: FetchInit = {}): Service<string, unknown> {
  const { line, text } = secret;
  const init = { method: 'PUT', headers: { cookie: line, 'x-api-key': line }, ...more };
  return (ctx, input) =>
    fetchJson(
      { ...ctx, fetch },
      url`http://api.test/users/42?token=${text}&q=${input}#${text}`,
      init.method === 'GET' ? init : { body: JSON.stringify({ password: input }), ...init },
    );
}

const responding =
  (status: number, body?: (secret: Planted) => BodyInit | null, init?: FetchInit): Scenario['service'] =>
  (secret) =>
    requesting(secret, () => Promise.resolve(response(secret, status, body?.(secret))), init);

const transportFailing =
  (reason: (secret: Planted) => unknown): Scenario['service'] =>
  (secret) =>
    requesting(secret, () => firstValueFrom(throwError(() => reason(secret))));

const withInit =
  (init: (secret: Planted) => FetchInit): Scenario['service'] =>
  (secret) =>
    requesting(secret, () => Promise.resolve(response(secret, 200)), init(secret));

const withUrl =
  (urlOf: (secret: Planted) => string | URL): Scenario['service'] =>
  (secret) =>
  (ctx) =>
    fetchText({ ...ctx, fetch: () => Promise.resolve(response(secret, 500)) }, urlOf(secret));

const throwing =
  (error: (secret: Planted) => unknown): Scenario['service'] =>
  (secret) =>
  () =>
    throwError(() => error(secret));

/** A schema whose issues quote the value, as those of some libraries do. */
const quoting = {
  '~standard': {
    version: 1,
    vendor: 'spec',
    validate: (value: unknown) => ({ issues: [{ message: `received ${JSON.stringify(value)}`, path: ['name'] }] }),
  },
} as const;

/** An error as client libraries throw it: `JSON.stringify` prints the whole request. */
function clientError({ text, line }: Planted): Error {
  const config = { headers: { authorization: line }, url: `http://api.test/?${text}`, data: text };
  return Object.assign(new Error(text), {
    config,
    response: { data: text },
    toJSON: () => ({ message: text, config }),
  });
}

/** A response body that a service throws as it is. */
const thrownBody = ({ text }: Planted): object => ({ name: text, code: text, message: text, [text]: text });

const fullBulkhead = bulkhead(1, { queue: 0 });

export const scenarios: Readonly<Record<string, Scenario>> = {
  'a 200': { fails: undefined, service: responding(200) },
  'a 204': { fails: 'ERR_DECODE', service: responding(204, () => null) },
  'a 302': { fails: 'ERR_HTTP_STATUS', service: responding(302, () => null, { redirect: 'manual' }) },
  'a 401': { fails: 'ERR_HTTP_STATUS', service: responding(401) },
  'a 503': { fails: 'ERR_HTTP_STATUS', service: responding(503, ({ text }) => text) },
  'a body that is not JSON': { fails: 'ERR_DECODE', service: responding(200, ({ text }) => `<${text}>`) },
  'a body that is not UTF-8': {
    fails: 'ERR_DECODE',
    service: responding(200, ({ core }) => new Uint8Array([...new TextEncoder().encode(core), 0xff])),
  },
  'a body that is too large': { fails: 'ERR_BODY_TOO_LARGE', service: responding(200, undefined, { maxBytes: 9 }) },
  'a body that breaks': {
    fails: 'ERR_NETWORK',
    service: responding(
      200,
      ({ core, text }) =>
        new ReadableStream<Uint8Array>({
          start: (controller) => {
            controller.enqueue(new TextEncoder().encode(core));
            controller.error(new TypeError(text));
          },
        }),
    ),
  },
  'a body of another shape': {
    fails: 'ERR_VALIDATION',
    quotes: true,
    service: (secret) => (ctx, input) => responding(200)(secret)(ctx, input).pipe(validate(quoting)),
  },
  'a transport that fails': {
    fails: 'ERR_NETWORK',
    service: transportFailing(
      ({ text }) => new TypeError(text, { cause: Object.assign(new Error(text), { code: 'ECONNREFUSED' }) }),
    ),
  },
  'a transport of a client library': { fails: 'ERR_NETWORK', service: transportFailing(clientError) },
  'a transport that throws a text': { fails: 'ERR_NETWORK', service: transportFailing(({ text }) => text) },
  'a transport that throws an object': {
    fails: 'ERR_NETWORK',
    service: transportFailing(({ text }) => ({ name: text, message: text })),
  },
  'a header that cannot be sent': {
    fails: 'TypeError',
    service: withInit(({ line }) => ({ headers: { 'x-key': `${line}\n` } })),
  },
  'a header name that cannot be sent': {
    fails: 'TypeError',
    service: withInit(({ line }) => ({ headers: [[`x ${line}`, line]] })),
  },
  'headers that are a string': {
    fails: 'TypeError',
    service: withInit(({ line }) => ({ headers: `authorization: ${line}` as never })),
  },
  'a GET with a body': { fails: 'TypeError', service: withInit(({ text }) => ({ method: 'GET', body: text })) },
  'credentials in the URL': {
    fails: 'TypeError',
    service: withUrl(({ core, text }) => `http://${core}:${encodeURIComponent(text)}@api.test/users?${core}`),
  },
  'a URL that cannot be parsed': {
    fails: 'TypeError',
    service: withUrl(({ core, text }) => `http://${core}:${encodeURIComponent(text)}@[/users?${core}#${core}`),
  },
  'a URL with another scheme': { fails: 'ERR_HTTP_STATUS', service: withUrl(({ core }) => `data:,${core}`) },
  'a base URL with a query': {
    fails: 'TypeError',
    service: withUrl(({ core }) => url`${`http://${core}:${core}@api.test/?${core}`}/users`),
  },
  'half of a surrogate pair in a query': {
    fails: 'TypeError',
    service: withUrl(({ core }) => url`http://api.test/users?token=${`${core}\ud800`}`),
  },
  'a full bulkhead': {
    fails: 'ERR_BULKHEAD_FULL',
    service:
      ({ text }) =>
      (_ctx, input) =>
        new Observable((subscriber) => {
          const first = NEVER.pipe(fullBulkhead).subscribe();
          of(text, input).pipe(fullBulkhead).subscribe(subscriber);
          first.unsubscribe();
        }),
  },
  'an error of a client library': { fails: 'Error', quotes: true, service: throwing(clientError) },
  'a factory that throws': {
    fails: 'RangeError',
    quotes: true,
    service:
      ({ text }) =>
      () => {
        throw new RangeError(text);
      },
  },
  'a thrown text': { fails: 'string', quotes: true, service: throwing(({ text }) => text) },
  'a thrown body': { fails: 'object', service: throwing(thrownBody) },
  'a service that returns a string': {
    fails: 'TypeError',
    service:
      ({ text }) =>
      () =>
        text as never,
  },
};

/** Fails with an error that quotes what the store receives. */
const quotingStore: AnswerStore = {
  get: (key) => firstValueFrom(throwError(() => new Error(key))),
  set: (key, text) => firstValueFrom(throwError(() => new Error(key + text))),
};
const varyByUser = ({ propagate }: Context): string | undefined => propagate?.['authorization'];

type Wrap = (service: Service<string, unknown>) => Service<string, unknown>;

/** Ways to call a service. None of them changes the error of the service. */
export const wraps: Readonly<Record<string, Wrap>> = {
  'as it is': (service) => service,
  retried: (service) => (ctx, input) => service(ctx, input).pipe(retry(1)),
  'retried with a backoff': (service) => (ctx, input) =>
    service(ctx, input).pipe(retry({ count: 1, delay: backoff(ctx, { initialDelay: 0 }) })),
  hedged: (service) => (ctx, input) => service(ctx, input).pipe(hedge({ after: 1 })),
  'in a bulkhead': (service) => {
    const place = bulkhead(1);
    return (ctx, input) => service(ctx, input).pipe(place);
  },
  'as a single flight': (service) => singleFlight(service),
  'per run': (service) => perRun(service),
  batched: (service) => batched((ctx, [input = '']) => service(ctx, input).pipe(map((answer) => [answer]))),
  'optional, in place of another failure': (service) => (ctx, input) =>
    optional(service, (error) => {
      throw error;
    })(ctx, input),
  'with the last good answer': (service) =>
    lastGood(service, { maxAge: 1_000, store: quotingStore, name: 'orders', vary: varyByUser }),
  nested: (service) => aggregate({ inner: aggregate([service]) }),
  'for each': (service) => (ctx, input) => aggregateEach(service, withConcurrency(1))(ctx, [input, input]),
  'as the latest': (service) => aggregateLatest({ inner: service }),
};

/** The observable traces of a run. */
export interface Traces {
  /** The error of the run, if it failed. */
  readonly error: unknown;
  readonly events: readonly RunEvent[];
}

/** Runs a service beside one whose teardown throws. The context, the input and the logger's `fields` hold the secret too. */
export function tracesOf(
  service: Service<string, unknown>,
  secret: Planted,
  logger: Logger,
  errors: 'safe' | 'full' = 'safe',
): Promise<Traces> {
  const { line, text } = secret;
  const events: RunEvent[] = [];
  const torn = (): Observable<string> =>
    new Observable((subscriber) => {
      subscriber.next('torn');
      subscriber.complete();
      return () => {
        throw clientError(secret);
      };
    });
  const run = aggregate(
    { torn, service },
    withConcurrency(1),
    withLogger(logger, {
      errors,
      fields: () => {
        throw clientError(secret);
      },
    }),
    withEvents({ next: (event) => events.push(event) }),
  );
  const ctx = { propagate: { authorization: `Bearer ${line}` }, user: { token: text }, [text]: text };
  return new Promise((resolve) => {
    run(ctx, text).subscribe({
      error: (error: unknown) => {
        resolve({ error, events });
      },
      complete: () => {
        resolve({ error: undefined, events });
      },
    });
  });
}
