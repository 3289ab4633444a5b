import type { Suite } from 'mocha';
import { type Context, type Fetch, fetchJson, fetchText } from '../../lib/index.ts';
import { transports } from './transports.ts';

/** A transport by its name, and `fetchJson` and `fetchText` over it where a context has none. */
export interface Wire {
  readonly name: string;
  readonly fetch: Fetch;
  readonly fetchJson: typeof fetchJson;
  readonly fetchText: typeof fetchText;
}

/** A `describe` for each transport. */
export function describeWires(title: string, specs: (this: Suite, wire: Wire) => void): void {
  for (const { name, ctx } of transports) {
    describe(`${title}, over ${name}`, function () {
      specs.call(this, wire(name, ctx.fetch ?? globalThis.fetch));
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
