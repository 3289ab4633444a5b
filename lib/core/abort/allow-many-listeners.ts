/**
 * Node warns of a leak when a signal gets its eleventh listener. A signal that forkfast hands out may have any number.
 *
 * The limit is not 0, which means the same: `getMaxListeners` of Node 20 throws for 0, and `fetch` calls it for each request and
 * catches the error, which costs more than 30 µs.
 *
 * `getBuiltinModule` instead of an import keeps Node's modules out of browser bundles.
 */
export function allowManyListeners(signal: AbortSignal): void {
  try {
    events ??= eventsModule();
    events?.setMaxListeners(Infinity, signal);
  } catch {
    // The signal is not Node's own, as in jsdom: its listeners are not counted.
  }
}

/** The part of `node:events` that is used here. */
interface EventsModule {
  setMaxListeners(count: number, signal: AbortSignal): void;
}

/** Looked up once: each look-up costs half as much as the call of `setMaxListeners`. */
let events: EventsModule | undefined;

function eventsModule(): EventsModule | undefined {
  const { process } = globalThis as { readonly process?: Partial<NodeJS.Process> };
  return process?.getBuiltinModule?.('node:events');
}
