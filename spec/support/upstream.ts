/** What scripts/browser-test.mjs exposes to its page: not over the network, so that it works offline too. */
interface Exposed {
  readonly upstream: <T>(what: string, id?: string) => Promise<T>;
  readonly setOffline: (offline: boolean) => Promise<void>;
}
const exposed = globalThis as unknown as Exposed;

/** A request of the page's upstream (scripts/browser-upstream.mjs), and what the server sees of it. */
export interface Sent {
  readonly url: string;
  /** What errors say of it: no query. */
  readonly shown: string;
  /** Resolves when it has come. */
  readonly asked: () => Promise<void>;
  /** Resolves when its connection has closed before the answer had ended. */
  readonly closed: () => Promise<void>;
  /** As what it came, each time: an `OPTIONS` asks whether the page may. */
  readonly methods: () => Promise<string[]>;
  /** Ends the answer, and says whether the connection was still open. */
  readonly answer: () => Promise<boolean>;
  /** Closes the connection from the server's side. */
  readonly drop: () => Promise<void>;
}

let distinct = 0;

/** A URL of its own: requests of one URL wait for each other in the browser's cache. */
export function at(path: string, origin = location.origin): Sent {
  const id = String(++distinct);
  const url = new URL(path, origin);
  url.searchParams.set('id', id);
  return {
    url: url.href,
    shown: url.origin + url.pathname,
    asked: () => exposed.upstream('asked', id),
    closed: () => exposed.upstream('closed', id),
    methods: () => exposed.upstream('methods', id),
    answer: () => exposed.upstream('answer', id),
    drop: () => exposed.upstream('drop', id),
  };
}

/** The upstream once more, as another origin. */
export const elsewhere = (): Promise<string> => exposed.upstream('elsewhere');

/** For a `describe`: fails where a request of a spec is never answered, and never leaves. */
export function expectNothingLeft(): void {
  afterEach(async function () {
    // What a spec that has failed left behind is no matter of the next one.
    await exposed.upstream(this.currentTest?.isFailed() ? 'dropAll' : 'idle');
  });
}

/** Takes the page off the network, or brings it back. */
export const setOffline = (offline: boolean): Promise<void> => exposed.setOffline(offline);

/** A transport that says when it has headers, and the body is being read. */
export function announced(transport: typeof fetch = fetch): {
  readonly fetch: typeof fetch;
  readonly reading: Promise<void>;
} {
  let announce = (): void => undefined;
  const reading = new Promise<void>((resolve) => (announce = resolve));
  return {
    reading,
    fetch: async (input, init) => {
      const response = await transport(input, init);
      setTimeout(announce); // whoever waits for the response reads by then
      return response;
    },
  };
}
