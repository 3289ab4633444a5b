import { describeType } from '../core/assert.ts';
import { isError, read, textOf } from '../errors/foreign.ts';
import { ForkfastError, serialize } from '../errors/forkfast-error.ts';

/** Any error as fields for developers: the safe ones, its message, and one text with its stack and the stacks of its causes. */
export function serializeFull(error: unknown): object {
  const chain = new Set([error]); // a set, because a chain of causes may be circular: the loop sees what is added
  for (const each of chain) {
    const cause = read(each, 'cause');
    if (cause !== undefined && chain.size < 5) chain.add(cause);
  }
  return { ...serialize(error), message: messageOf(error), stack: [...chain].map(stackOf).join('\ncaused by: ') };
}

/** Without the frames of forkfast's own errors, which lie in forkfast and RxJS. Only V8 repeats the message in the stack. */
function stackOf(error: unknown): string {
  const message = messageOf(error);
  if (!isError(error)) return message;
  const title = `${textOf(read(error, 'name')) || 'Error'}: ${message}`;
  const stack = error instanceof ForkfastError ? '' : textOf(read(error, 'stack'), 4_000);
  return stack && !stack.includes(message) ? `${title}\n${stack}` : stack || title;
}

function messageOf(error: unknown): string {
  return isError(error) ? textOf(read(error, 'message')) : textOf(error) || describeType(error);
}
