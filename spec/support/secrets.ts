import fc from 'fast-check';
import { firstValueFrom, NEVER, Observable, of, retry, throwError } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  backoff,
  bulkhead,
  type Fetch,
  fetchJson,
  type FetchInit,
  fetchText,
  hedge,
  type Logger,
  perRun,
  type RunEvent,
  type Service,
  silent,
  singleFlight,
  url,
  validate,
  withConcurrency,
  withEvents,
  withLogger,
} from '../../lib/index.ts';

/** A secret, and what is around it where it is planted. */
export interface Planted {
  /** Lower-case letters and digits: no encoding changes it, and it is looked for in any case. */
  readonly core: string;
  /** What a header can carry. */
  readonly line: string;
  /** Any text. */
  readonly text: string;
}

export const planted: fc.Arbitrary<Planted> = fc
  .record({
    core: fc.stringMatching(/^[0-9a-f]{16}$/).map((hex) => `s3cret${hex}`),
    line: fc.string({ unit: 'grapheme-ascii', maxLength: 8 }),
    text: fc.string({ unit: 'binary', maxLength: 8 }),
  })
  .map(({ core, line, text }) => ({ core, line: `x${line}${core}${line}x`, text: text + core + text }));

/** One request or one failure, with a secret wherever one can be. */
export interface Story {
  /** The code, or else the name, of what the service fails with; `undefined` where it succeeds. */
  readonly fails: string | undefined;
  /** Where `message` may quote the secret: words that are not forkfast's own. */
  readonly quotes?: boolean;
  readonly service: (secret: Planted) => Service<string, unknown>;
}

/** The answer to a request of `secret`, whatever its status: each header and the body hold it. */
function response({ line, text }: Planted, status: number, body?: BodyInit | null): Response {
  const headers = {
    'content-type': `application/json; token="${line}"`,
    location: `http://${line}@elsewhere.test/?${line}`,
    'retry-after': line,
    'set-cookie': line,
    'www-authenticate': line,
    [`x-${line.replace(/[^a-z\d]/g, '')}`]: line,
  };
  const given = body === undefined ? JSON.stringify({ [text]: text, name: { [text]: text } }) : body;
  return new Response(given, { status, headers });
}

/** Asks with a secret in the query, the fragment, the headers and the body; `authorization` is in the context. */
function asking(secret: Planted, fetch: Fetch, more: FetchInit = {}): Service<string, unknown> {
  const { line, text } = secret;
  const init = { method: 'PUT', headers: { cookie: line, 'x-api-key': line }, ...more };
  return (ctx, input) =>
    fetchJson(
      { ...ctx, fetch },
      url`http://api.test/users/42?token=${text}&q=${input}#${text}`,
      init.method === 'GET' ? init : { body: JSON.stringify({ password: input }), ...init },
    );
}

const answering =
  (status: number, body?: (secret: Planted) => BodyInit | null, init?: FetchInit): Story['service'] =>
  (secret) =>
    asking(secret, () => Promise.resolve(response(secret, status, body?.(secret))), init);

const breaking =
  (reason: (secret: Planted) => unknown): Story['service'] =>
  (secret) =>
    asking(secret, () => firstValueFrom(throwError(() => reason(secret))));

const refused =
  (init: (secret: Planted) => FetchInit): Story['service'] =>
  (secret) =>
    asking(secret, () => Promise.resolve(response(secret, 200)), init(secret));

const at =
  (place: (secret: Planted) => string | URL): Story['service'] =>
  (secret) =>
  (ctx) =>
    fetchText({ ...ctx, fetch: () => Promise.resolve(response(secret, 500)) }, place(secret));

const throwing =
  (error: (secret: Planted) => unknown): Story['service'] =>
  (secret) =>
  () =>
    throwError(() => error(secret));

/** Quotes what it is given, as the schemas of some libraries do. */
const quoting = {
  '~standard': {
    version: 1,
    vendor: 'spec',
    validate: (value: unknown) => ({ issues: [{ message: `received ${JSON.stringify(value)}`, path: ['name'] }] }),
  },
} as const;

/** What a client library throws: the request, headers and all, in fields that JSON prints. */
function clientError({ text, line }: Planted): Error {
  const config = { headers: { authorization: line }, url: `http://api.test/?${text}`, data: text };
  return Object.assign(new Error(text), {
    config,
    response: { data: text },
    toJSON: () => ({ message: text, config }),
  });
}

/** An answer, as somebody may throw it whole. */
const thrownBody = ({ text }: Planted): object => ({ name: text, code: text, message: text, [text]: text });

const full = bulkhead(1, { queue: 0 });

export const stories: Readonly<Record<string, Story>> = {
  'a 200': { fails: undefined, service: answering(200) },
  'a 204': { fails: 'ERR_DECODE', service: answering(204, () => null) },
  'a 302': { fails: 'ERR_HTTP_STATUS', service: answering(302, () => null, { redirect: 'manual' }) },
  'a 401': { fails: 'ERR_HTTP_STATUS', service: answering(401) },
  'a 503': { fails: 'ERR_HTTP_STATUS', service: answering(503, ({ text }) => text) },
  'a body that is no JSON': { fails: 'ERR_DECODE', service: answering(200, ({ text }) => `<${text}>`) },
  'a body that is no UTF-8': {
    fails: 'ERR_DECODE',
    service: answering(200, ({ core }) => new Uint8Array([...new TextEncoder().encode(core), 0xff])),
  },
  'a body that is too large': { fails: 'ERR_BODY_TOO_LARGE', service: answering(200, undefined, { maxBytes: 9 }) },
  'a body that breaks': {
    fails: 'ERR_NETWORK',
    service: answering(
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
    service: (secret) => (ctx, input) => answering(200)(secret)(ctx, input).pipe(validate(quoting)),
  },
  'a transport that fails': {
    fails: 'ERR_NETWORK',
    service: breaking(
      ({ text }) => new TypeError(text, { cause: Object.assign(new Error(text), { code: 'ECONNREFUSED' }) }),
    ),
  },
  'a transport of a client library': { fails: 'ERR_NETWORK', service: breaking(clientError) },
  'a transport that throws a text': { fails: 'ERR_NETWORK', service: breaking(({ text }) => text) },
  'a transport that throws what is no error': {
    fails: 'ERR_NETWORK',
    service: breaking(({ text }) => ({ name: text, message: text })),
  },
  'a header that cannot be sent': {
    fails: 'TypeError',
    service: refused(({ line }) => ({ headers: { 'x-key': `${line}\n` } })),
  },
  'a name of a header that cannot be sent': {
    fails: 'TypeError',
    service: refused(({ line }) => ({ headers: [[`x ${line}`, line]] })),
  },
  'headers that are none': {
    fails: 'TypeError',
    service: refused(({ line }) => ({ headers: `authorization: ${line}` as never })),
  },
  'a GET with a body': { fails: 'TypeError', service: refused(({ text }) => ({ method: 'GET', body: text })) },
  'credentials in the URL': {
    fails: 'TypeError',
    service: at(({ core, text }) => `http://${core}:${encodeURIComponent(text)}@api.test/users?${core}`),
  },
  'a URL that cannot be parsed': {
    fails: 'TypeError',
    service: at(({ core, text }) => `http://${core}:${encodeURIComponent(text)}@[/users?${core}#${core}`),
  },
  'a URL that is not of HTTP': { fails: 'ERR_HTTP_STATUS', service: at(({ core }) => `data:,${core}`) },
  'a base that nothing can follow': {
    fails: 'TypeError',
    service: at(({ core }) => url`${`http://${core}:${core}@api.test/?${core}`}/users`),
  },
  'half a character in a query': {
    fails: 'TypeError',
    service: at(({ core }) => url`http://api.test/users?token=${`${core}\ud800`}`),
  },
  'a full bulkhead': {
    fails: 'ERR_BULKHEAD_FULL',
    service:
      ({ text }) =>
      (_ctx, input) =>
        new Observable((subscriber) => {
          const first = NEVER.pipe(full).subscribe();
          of(text, input).pipe(full).subscribe(subscriber);
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
  'an answer that is no Observable': {
    fails: 'TypeError',
    service:
      ({ text }) =>
      () =>
        text as never,
  },
};

type Wrap = (service: Service<string, unknown>) => Service<string, unknown>;
const quiet = withLogger(silent);

/** How a service may be asked. None changes what it fails with. */
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
  'once a run': (service) => perRun(service),
  nested: (service) => aggregate({ inner: aggregate([service], quiet) }, quiet),
  'for each': (service) => (ctx, input) => aggregateEach(service, quiet, withConcurrency(1))(ctx, [input, input]),
  'as it comes': (service) => aggregateLatest({ inner: service }, quiet),
};

/** What is told of a run whose context and input hold the secret too. */
export interface Told {
  /** What the run failed with. */
  readonly error: unknown;
  readonly events: readonly RunEvent[];
}

export function tell(service: Service<string, unknown>, secret: Planted, logger: Logger): Promise<Told> {
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
  const ask = aggregate(
    { torn, service },
    withConcurrency(1),
    withLogger(logger, () => {
      throw clientError(secret);
    }),
    withEvents({ next: (event) => events.push(event) }),
  );
  const ctx = { propagate: { authorization: `Bearer ${line}` }, user: { token: text }, [text]: text };
  return new Promise((resolve) => {
    ask(ctx, text).subscribe({
      error: (error: unknown) => {
        resolve({ error, events });
      },
      complete: () => {
        resolve({ error: undefined, events });
      },
    });
  });
}
