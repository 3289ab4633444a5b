import { asyncScheduler } from 'rxjs';
import { onAbort } from '../../core/abort/on-abort.ts';
import type { Context } from '../../core/context.ts';
import { abortErrorOf, enforces, expireAfter, runOf } from '../../core/run-handle.ts';
import { DeadlineExceededError } from '../../errors/deadline-exceeded-error.ts';

/** Returns an error if the deadline of `ctx` has passed, unless a run is about to report it. */
export function deadlinePassed(ctx: Context): Error | undefined {
  const { deadline = Infinity } = ctx;
  return deadline > asyncScheduler.now() || isEnforced(ctx) ? undefined : deadlineExceeded(0);
}

/**
 * Calls `leave` when the signal of `ctx` aborts, at once if it has aborted, and at the deadline of `ctx`, unless a run reports
 * the deadline. Returns a function that stops both.
 */
export function leaveEarly(ctx: Context, leave: (error: unknown) => void): () => void {
  const since = asyncScheduler.now();
  const stopListening = onAbort(ctx, (reason) => {
    leave(abortErrorOf(ctx, reason));
  });
  const owner = {
    postponesDeadline: () => isEnforced(ctx),
    expire: () => {
      leave(deadlineExceeded(Math.max(0, asyncScheduler.now() - since)));
    },
  };
  const wait = Math.ceil(ctx.deadline ?? Infinity) - since;
  const timer = expireAfter(owner, wait < 2 ** 31 ? wait : Infinity); // 2^31 would fire at once
  return () => {
    stopListening();
    timer.unsubscribe();
  };
}

/** Whether a run ends its calls at the deadline of `ctx`. */
function isEnforced(ctx: Context): boolean {
  return enforces(runOf(ctx), ctx.deadline ?? Infinity);
}

/** It names the bulkhead, because outside a run nothing else says where the caller waited. */
function deadlineExceeded(elapsed: number): Error {
  return new DeadlineExceededError({ pending: ['bulkhead'], elapsed });
}
