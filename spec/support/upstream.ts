import { type FetchInit, fetchText, type Service } from '../../lib/index.ts';

/** The functions that scripts/browser-test.mjs exposes to its page. They do not use the network, so they work offline too. */
interface Exposed {
  readonly upstream: <T>(name: string, id?: string) => Promise<T>;
  readonly setOffline: (offline: boolean) => Promise<void>;
}
const exposed = globalThis as unknown as Exposed;

/** A request to the page's upstream (scripts/browser-upstream.mjs), as the server observes it. */
export interface UpstreamRequest {
  readonly url: string;
  /** The URL without its query, as errors show it. */
  readonly shown: string;
  /** Resolves when the request has arrived. */
  readonly requested: () => Promise<void>;
  /** Resolves when the connection has closed before the end of the response. */
  readonly closed: () => Promise<void>;
  /** The methods with which the request arrived. An `OPTIONS` is a preflight. */
  readonly methods: () => Promise<string[]>;
  /** Ends the response. Resolves with whether the connection was still open. */
  readonly respond: () => Promise<boolean>;
  /** Closes the connection at the server. */
  readonly drop: () => Promise<void>;
}

let lastId = 0;

/** A request with a unique URL: requests with one URL wait for each other in the browser's cache. */
export function at(path: string, origin = location.origin): UpstreamRequest {
  const id = String(++lastId);
  const url = new URL(path, origin);
  url.searchParams.set('id', id);
  return {
    url: url.href,
    shown: url.origin + url.pathname,
    requested: () => exposed.upstream('asked', id),
    closed: () => exposed.upstream('closed', id),
    methods: () => exposed.upstream('methods', id),
    respond: () => exposed.upstream('answer', id),
    drop: () => exposed.upstream('drop', id),
  };
}

/** The same upstream at another origin. */
export const elsewhere = (): Promise<string> => exposed.upstream('elsewhere');

/** For a `describe`: fails when a request of a spec has neither a response nor been closed. */
export function expectNothingLeft(): void {
  afterEach(async function () {
    // A failed spec may leave requests behind, which must not fail the next one.
    await exposed.upstream(this.currentTest?.isFailed() ? 'dropAll' : 'idle');
  });
}

/** Takes the page off the network, or brings it back. */
export const setOffline = (offline: boolean): Promise<void> => exposed.setOffline(offline);

/** A transport, and a promise that resolves when the headers have arrived and the body is being read. */
export function observed(transport: typeof fetch = fetch): {
  readonly fetch: typeof fetch;
  readonly reading: Promise<void>;
} {
  let resolve = (): void => undefined;
  const reading = new Promise<void>((settle) => (resolve = settle));
  return {
    reading,
    fetch: async (input, init) => {
      const response = await transport(input, init);
      setTimeout(resolve); // by then, the body is being read
      return response;
    },
  };
}

/** Two services that never answer: `slow` gets no response, `drip` gets only the first bytes of a body. */
export interface PendingServices {
  readonly slow: UpstreamRequest;
  readonly drip: UpstreamRequest;
  readonly services: { readonly slow: Service<void, string>; readonly drip: Service<void, string> };
  /** Resolves when both requests have arrived, and the body is being read. */
  readonly pending: () => Promise<unknown>;
  /** Resolves when both connections have closed. */
  readonly closed: () => Promise<unknown>;
}

export function pendingServices(transport: typeof fetch = fetch, init?: FetchInit): PendingServices {
  const [slow, drip] = [at('/slow'), at('/drip')];
  const { fetch, reading } = observed(transport);
  return {
    slow,
    drip,
    services: {
      slow: (ctx) => fetchText({ ...ctx, fetch: transport }, slow.url, init),
      drip: (ctx) => fetchText({ ...ctx, fetch }, drip.url, init),
    },
    pending: async () => Promise.all([slow.requested(), reading]),
    closed: async () => Promise.all([slow.closed(), drip.closed()]),
  };
}

/** Calls `use` with the `fetch` of a page in an iframe. A service worker of its scope receives all its requests. */
export async function inFrame(
  use: (fetch: typeof globalThis.fetch, frame: HTMLIFrameElement) => Promise<void>,
): Promise<void> {
  const frame = document.createElement('iframe');
  frame.src = '/frame/';
  try {
    await new Promise((resolve) => {
      frame.onload = resolve;
      document.body.append(frame);
    });
    await use((frame.contentWindow as unknown as typeof globalThis).fetch, frame);
  } finally {
    frame.remove();
  }
}

/** For a `describe`: registers a service worker for {@link inFrame}. */
export function registerServiceWorker(): void {
  let registration: ServiceWorkerRegistration;
  before(async () => {
    registration = await navigator.serviceWorker.register('/frame/worker.js');
    const worker = registration.installing!;
    await new Promise<void>((resolve) => {
      worker.onstatechange = () => {
        if (worker.state === 'activated') resolve();
      };
    });
  });
  after(async () => registration.unregister());
}
