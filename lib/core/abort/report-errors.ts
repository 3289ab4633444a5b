import { throwError } from 'rxjs';

/** Calls `action`, and reports an error that it throws. */
export function reportErrors(action: () => void): void {
  try {
    action();
  } catch (error) {
    reportError(error);
  }
}

/** Reports an error as RxJS reports an unhandled one: asynchronously. */
export function reportError(error: unknown): void {
  throwError(() => error).subscribe();
}
