import { firstValueFrom, type Observable } from 'rxjs';

/** The facts by which a topic selects contenders. */
export interface Traits {
  readonly name: string;
  /** Whether a failure and the timeout cancel the other requests. */
  readonly cancels: boolean;
  /** The maximum number of connections to a service. The default is any number. */
  readonly connections?: number | undefined;
}

/** A way to call several services at once, written as its own documentation does. */
export interface Contender extends Traits {
  /** The packages that it uses. */
  readonly packages: readonly string[];
  /** Returns a function that requests the JSON of all `urls`, with a timeout of `ms`. */
  readonly prepare: (urls: readonly string[], ms: number) => CallAll | Promise<CallAll>;
  /** Returns the same as an Observable, if the contender has Observables. */
  readonly observe?: (urls: readonly string[], ms: number) => Promise<Observable<unknown>>;
}

export type CallAll = () => Promise<unknown>;

/** A contender with Observables. All of them cancel. */
export function withObservables(
  name: string,
  packages: readonly string[],
  observe: (urls: readonly string[], ms: number) => Observable<unknown> | Promise<Observable<unknown>>,
): Contender {
  const prepare: Contender['prepare'] = async (urls, ms) => {
    const answers = await observe(urls, ms);
    return () => firstValueFrom(answers);
  };
  return { name, packages, cancels: true, prepare, observe: async (urls, ms) => observe(urls, ms) };
}

/** Aborts the signal after `ms`, and when `callAll` fails. */
export async function abortable<T>(ms: number, callAll: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(timeoutError(ms));
  }, ms);
  try {
    return await callAll(controller.signal);
  } catch (error) {
    controller.abort(error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

export function timeoutError(ms: number): Error {
  return new Error(`timed out after ${String(ms)} ms`);
}
