import type { Suite } from 'mocha';
import { type Context, type Fetch, fetchJson, fetchText } from '../../lib/index.ts';
import { undiciFetch } from '../../lib/undici.ts';

/** A transport by its name, and `fetchJson` and `fetchText` over it where a context has none. */
export interface Wire {
  readonly name: string;
  readonly fetch: Fetch;
  readonly fetchJson: typeof fetchJson;
  readonly fetchText: typeof fetchText;
}

/** What the specs of the wire run over. */
const wires: readonly Wire[] = [
  wire('the global fetch', (url, init) => fetch(url, init)),
  wire('undici', undiciFetch()),
];

/** A `describe` for each of them. */
export function describeWires(title: string, specs: (this: Suite, wire: Wire) => void): void {
  for (const wire of wires) {
    describe(`${title}, over ${wire.name}`, function () {
      specs.call(this, wire);
    });
  }
}

function wire(name: string, transport: Fetch): Wire {
  const by = (ctx: Context): Context => ({ fetch: transport, ...ctx });
  return {
    name,
    fetch: transport,
    fetchJson: (ctx: Context, input: string | URL, init: object = {}) => fetchJson<never>(by(ctx), input, init),
    fetchText: (ctx, input, init) => fetchText(by(ctx), input, init),
  };
}
