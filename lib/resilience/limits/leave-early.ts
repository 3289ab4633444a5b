import { asyncScheduler } from 'rxjs';
import { onAbort } from '../../core/abort.ts';
import type { Context } from '../../core/context.ts';
import { deadlineSchedulerAfter, runOf } from '../../core/run-handle.ts';
import { CanceledError } from '../../errors/canceled-error.ts';
import { DeadlineExceededError } from '../../errors/deadline-exceeded-error.ts';

/** Returns an error if the deadline of `ctx` has passed, unless a run is about to report it. */
export function deadlinePassed(ctx: Context): Error | undefined {
  const { deadline = Infinity } = ctx;
  return deadline > asyncScheduler.now() || enforcer(ctx, deadline)() ? undefined : deadlineExceeded(0);
}

/**
 * Calls `leave` when the signal of `ctx` aborts, at once if it has aborted, and at the deadline of `ctx`, unless a run reports
 * the deadline. Returns a function that stops both.
 */
export function leaveEarly(ctx: Context, leave: (error: Error) => void): () => void {
  const { deadline = Infinity } = ctx;
  const since = asyncScheduler.now();
  const stopListening = onAbort(ctx, (cause) => {
    leave(new CanceledError({ cause }));
  });
  const wait = Math.ceil(deadline) - since;
  const timer = deadlineSchedulerAfter(enforcer(ctx, deadline)).schedule(
    () => {
      leave(deadlineExceeded(Math.max(0, asyncScheduler.now() - since)));
    },
    wait < 2 ** 31 ? wait : Infinity, // a later timer would fire at once
  );
  return () => {
    stopListening();
    timer.unsubscribe();
  };
}

function enforcer(ctx: Context, deadline: number): () => boolean {
  const run = runOf(ctx);
  return () => run?.enforces(deadline) === true;
}

function deadlineExceeded(elapsed: number): Error {
  return new DeadlineExceededError({ pending: ['bulkhead'], elapsed });
}
