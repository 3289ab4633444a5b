import type { Fetch, FetchResponse } from '../core/context.ts';
import { messageOf } from './network-error-of.ts';

interface Call {
  /** Whether nobody waits for the response. */
  readonly ended: () => boolean;
  /** Whether a redirect would look as any other failure. With `'manual'` it is a response, of its own type. */
  readonly hidesRedirects: boolean;
  /** @param refusesRedirects - Whether the transport knows no `redirect: 'error'`, so that a redirect is a response. */
  readonly onResponse: (response: FetchResponse, refusesRedirects: boolean) => void;
  /** @param thrown - Whether the transport threw, instead of returning a promise that rejects. */
  readonly onFailure: (cause: unknown, thrown: boolean) => void;
}

/** The transports that know no `redirect: 'error'`, such as that of Cloudflare Workers. */
const withoutErrorMode = new WeakSet<Fetch>();

/**
 * Calls the transport. If it does not know `redirect: 'error'`, it is called again with `'manual'`, and so is every later
 * request: such a transport throws before it sends anything.
 *
 * @param makeInit - Called before each attempt, since the transport owns its `init` and may change it.
 */
export function send(transport: Fetch, url: URL, makeInit: () => RequestInit, call: Call): void {
  const init = makeInit();
  const refuses = init.redirect === 'error';
  const refusesRedirects = refuses && (call.hidesRedirects || withoutErrorMode.has(transport));
  if (refusesRedirects) init.redirect = 'manual';
  const onFailure = (cause: unknown, thrown: boolean): void => {
    if (refuses && !refusesRedirects && !call.ended() && isUnknownRedirectMode(cause)) {
      withoutErrorMode.add(transport);
      send(transport, url, makeInit, call);
    } else call.onFailure(cause, thrown);
  };
  let response: PromiseLike<FetchResponse>;
  try {
    response = transport(url, init);
  } catch (cause) {
    onFailure(cause, true);
    return;
  }
  void Promise.resolve(response).then(
    (received) => {
      call.onResponse(received, refusesRedirects);
    },
    (cause: unknown) => {
      onFailure(cause, false);
    },
  );
}

/** The message of workerd: "Invalid redirect value, must be one of …". No transport says so after it has sent a request. */
function isUnknownRedirectMode(error: unknown): boolean {
  const message = messageOf(error);
  return (
    /\bredirect\b/i.test(message) && /\b(?:invalid|unsupported|not supported|must be|not implemented)\b/i.test(message)
  );
}
