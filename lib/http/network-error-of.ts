import { read, textOf } from '../errors/foreign.ts';
import { ForkfastError, isSafeToken } from '../errors/forkfast-error.ts';
import { NetworkError, type NetworkErrorKind } from '../errors/network-error.ts';
import { markRepeatable } from '../errors/repeatable.ts';
import { forbiddenTarget } from './bad-ports.ts';
import { isStream } from './sendable.ts';

/** The request that an error names. The URL has no credentials and no query. */
export interface Target {
  readonly method: string;
  readonly url: string;
}

/** How a transport failed. */
interface Failure {
  readonly cause: unknown;
  /** Whether the transport threw, instead of returning a promise that rejects. */
  readonly thrown: boolean;
  readonly url: URL;
  readonly init: RequestInit;
}

/** The server speaks no TLS, or no version and cipher that the client speaks. */
const tlsMismatch =
  /^ERR_SSL_\w*(?:WRONG_VERSION|PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|HTTP_REQUEST|PACKET_LENGTH|HANDSHAKE_FAILURE|_CIPHER)|corrupt message of type InvalidContentType/;

/** The codes (of Node, OpenSSL, undici and Bun) and the messages (of Node and Deno) that show the kind of a failure. */
const signs: readonly (readonly [kind: NetworkErrorKind, sign: RegExp])[] = [
  [
    'redirect',
    /unexpected ?redirect|encountered redirect|redirect count exceeded|too ?many ?redirects|ERR_INVALID_URL|must be a HTTP\(S\) scheme|cross origin not allowed/i,
  ],
  [
    'certificate',
    /CERT_|_CERT|CRL_|_CRL|UNABLE_TO_(?:VERIFY|GET_ISSUER)|INVALID_(?:CA|PURPOSE)|UNKNOWN_CA|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED|invalid peer certificate/,
  ],
  ['unsendable', /^(?:bad port|unknown scheme|UND_ERR_REQ_CONTENT_LENGTH_MISMATCH|UND_ERR_CLOSED)$/],
  ['unsendable', tlsMismatch],
  [
    'connect',
    /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOST\w+|ENET\w+|EADDR\w+|ETIMEDOUT|UND_ERR_CONNECT\w+|ERR_SSL_\w+|ConnectionRefused)$/,
  ],
  [
    'broken',
    /^(?:ECONN\w+|EPIPE|UND_ERR_(?:SOCKET|HEADERS|BODY|RES|INFO)\w*|HPE_\w+|ERR_HTTP2_(?:ERROR|(?:STREAM|SESSION|GOAWAY)\w*)|ConnectionClosed)$|^Response does not match the HTTP/,
  ],
];

/** The error for a transport that failed. An error of forkfast stays as it is. */
export function networkErrorOf({ cause, thrown, url, init }: Failure, target: Target): unknown {
  if (cause instanceof ForkfastError) return cause;
  const { code, texts } = describe(cause);
  const found = signs.find(([, sign]) => texts.some((text) => sign.test(text)))?.[0];
  const blocked = found === undefined && code === undefined && forbiddenTarget(url) !== undefined;
  const kind = found ?? (thrown || blocked ? 'unsendable' : 'unknown');
  const refused = texts.some((text) => /unexpected ?redirect|encountered redirect/i.test(text));
  const mayBeInvalid = kind === 'unknown' || (kind === 'redirect' && !refused);
  if (/^UND_ERR_(?:INVALID_ARG|NOT_SUPPORTED)$/.test(String(code)) || (mayBeInvalid && !isValid(url, init))) {
    return new TypeError(
      'fetch: init: expected a request that fetch can send, got another: check its method, headers and options',
      { cause },
    );
  }
  if (kind === 'redirect') return redirectError(refused, cause, target);
  const reason = code === undefined ? 'no answer' : `no answer (${code})`;
  const advice =
    kind === 'certificate'
      ? 'check its host name, its dates and the trusted authorities'
      : kind === 'unsendable' && forbiddenTarget(url)
        ? 'use http: or https:, and a port that fetch does not block'
        : texts.some((text) => tlsMismatch.test(text))
          ? 'check that the port is for https: and which versions of TLS the server accepts'
          : undefined;
  return new NetworkError({ reason, kind, ...target, advice, cause });
}

export function redirectError(refused: boolean, cause: unknown, target: Target): NetworkError {
  return new NetworkError({
    reason: refused ? 'a refused redirect' : 'a redirect that cannot be followed',
    kind: 'redirect',
    ...target,
    advice: refused ? "request its target, or set redirect: 'follow'" : 'request its target',
    cause,
  });
}

export function brokenBodyError(cause: unknown, target: Target): NetworkError {
  const { code } = describe(cause);
  const reason = code === undefined ? 'a body cut short' : `a body cut short (${code})`;
  return new NetworkError({ reason, kind: 'broken', ...target, cause });
}

/** A transport that responds twice with one `Response` would do so again. */
export function readBodyError(target: Target): NetworkError {
  const advice = 'resolve with a new Response for each request in ctx.fetch';
  const error = new NetworkError({ reason: 'a body that has been read', kind: 'broken', ...target, advice });
  markRepeatable(error, false);
  return error;
}

/**
 * The code of the system, such as `ECONNREFUSED`, and all codes and messages. Platforms hide them in the cause of a
 * `TypeError: fetch failed`.
 */
function describe(
  error: unknown,
  depth = 3,
): { readonly code?: string | undefined; readonly texts: readonly string[] } {
  if (typeof error !== 'object' || error === null || depth === 0) return { texts: [] };
  const code = read(error, 'code');
  const inner = describe(read(error, 'cause'), depth - 1);
  return { code: isSafeToken(code) ? code : inner.code, texts: [textOf(code), messageOf(error), ...inner.texts] };
}

export function messageOf(error: unknown): string {
  return textOf(read(error, 'message'));
}

/** Whether the platform accepts the options of a request. It rejects wrong ones in the same words as a broken network. */
function isValid(url: URL, { signal, body, redirect, ...options }: RequestInit): boolean {
  if (typeof Request !== 'function') return true;
  try {
    return new Request(url, { ...options, ...(!isStream(body) && { body }) }) instanceof Request;
  } catch {
    return forbiddenTarget(url) !== undefined;
  }
}
