import { firstValueFrom, timer } from 'rxjs';

/** Resolves in the next task: RxJS and the platform report unhandled errors and warnings there. */
export async function nextTask(): Promise<void> {
  await firstValueFrom(timer(0));
}
