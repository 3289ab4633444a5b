/** A `fetch` that resolves at once at little cost, so that the measured cost is that of the caller. */
export function stubFetch(_url: unknown, init?: { readonly signal?: AbortSignal | null }): Promise<object> {
  init?.signal?.throwIfAborted();
  return Promise.resolve(new StubResponse());
}

const bytes = new TextEncoder().encode(JSON.stringify({ name: 'Alice', orders: 5 }));
const decoder = new TextDecoder();

class StubResponse {
  readonly ok = true;
  readonly status = 200;
  readonly headers = { get: (): string => 'application/json' };
  private read = false;

  get body(): object {
    return {
      getReader: () => ({
        read: () => {
          const done = this.read;
          this.read = true;
          return Promise.resolve(done ? { done } : { done, value: bytes });
        },
        cancel: () => Promise.resolve(),
      }),
    };
  }

  json(): Promise<unknown> {
    return Promise.resolve(JSON.parse(decoder.decode(bytes)) as unknown);
  }
}
