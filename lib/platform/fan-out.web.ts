import { identity } from 'rxjs';

/** Elsewhere nobody counts the listeners of a signal. */
export const fanOut: (signal: AbortSignal) => AbortSignal = identity;
