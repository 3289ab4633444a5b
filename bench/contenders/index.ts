import { type Child, startModule } from '../child.ts';
import type { Contender } from './contender.ts';
import { goContenders, isInGo, startGo } from './go.ts';
import { overFetch } from './over-fetch.ts';
import { overUndici } from './over-undici.ts';

export type { CallAll, Contender } from './contender.ts';

/** The contenders in Node. */
export const contenders: readonly Contender[] = [...overFetch, ...overUndici];

/** The other contenders are compared with this one. */
export const BASE = 'fetch + Promise.all';

/** Returns the names of all contenders, or of those that cancel. The contenders in Go are among them if Go is installed. */
export function contenderNames(which: 'all' | 'cancel' = 'all'): readonly string[] {
  const inNode = contenders.filter(({ cancels }) => cancels || which === 'all');
  return [...inNode.map(({ name }) => name), ...goContenders()];
}

/** Returns a contender in Node. */
export function contenderOf(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name);
  if (!found) throw new Error(`expected the name of a contender, got ${name}`);
  return found;
}

/** Starts a client, which works on the tasks of one topic for one contender, in its own process. */
export function startClient<Task extends object, Result>(
  topic: string,
  name: string,
  execArgv: readonly string[] = [],
): Child<Task, Result> {
  return isInGo(name) ? startGo(topic, name) : startModule('client.ts', [topic, name], execArgv);
}
