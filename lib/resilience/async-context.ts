/** Runs an action in an async context that was captured before, and returns the result of the action. */
export type RunInContext = <T>(action: () => T) => T;

const runDirectly: RunInContext = (action) => action();

/** `undefined` until the first look-up. */
let makeRunner: (() => RunInContext) | undefined;

/**
 * Captures the async context of the caller: its `AsyncLocalStorage` stores, and so its active OpenTelemetry span. Code that
 * calls a subscriber on the stack of another caller calls it in the context that the subscriber had when it subscribed.
 *
 * Where Node's `async_hooks` are missing, as in browsers, the action just runs.
 */
export function captureAsyncContext(): RunInContext {
  makeRunner ??= runnerMaker();
  return makeRunner();
}

/**
 * `AsyncResource` instead of `AsyncLocalStorage.snapshot()`, which costs about 10 µs more on Node 20. `getBuiltinModule` instead
 * of an import keeps Node's modules out of browser bundles.
 */
function runnerMaker(): () => RunInContext {
  const { process } = globalThis as { readonly process?: Partial<NodeJS.Process> };
  const Resource = process?.getBuiltinModule?.('node:async_hooks')?.AsyncResource;
  if (!Resource) return () => runDirectly;
  return () => {
    const resource = new Resource('forkfast');
    return (action) => resource.runInAsyncScope(action);
  };
}
