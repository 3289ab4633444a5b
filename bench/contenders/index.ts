import { type Child, startModule } from '../child.ts';
import type { Contender, Traits } from './contender.ts';
import { goContenders, isInGo, startGo } from './go.ts';
import { overFetch } from './over-fetch.ts';
import { overUndici } from './over-undici.ts';

export type { CallAll, Contender } from './contender.ts';

/** The contenders in Node. */
export const contenders: readonly Contender[] = [...overFetch, ...overUndici];

/** The other contenders are compared with this one. */
export const BASE = 'fetch + Promise.all';

/**
 * The contenders of the README and of a quick run: by hand, with RxJS alone and with forkfast, over each transport, and Go. The first
 * of a group does by hand what the others of the group do over the same transport.
 */
export const importantGroups: readonly (readonly string[])[] = [
  ['fetch by hand, one signal a request', 'forkJoin + fromFetch + timeout', 'forkfast'],
  ['undici dispatch by hand, 256 connections', 'forkfast + forkfast/undici'],
  ['Go: errgroup + net/http, 256 connections'],
];

/** Whether the name is of an important contender, whatever the setting behind a comma. */
export function isImportant(name: string): boolean {
  return importantGroups
    .flat()
    .some((important) => name === important || important.startsWith(`${name},`) || name.startsWith(`${important},`));
}

/** Returns the names of the contenders that suit a topic. The contenders in Go are among them if Go is installed. */
export function contenderNames(suits: (contender: Traits) => boolean = () => true): readonly string[] {
  return [...contenders, ...goContenders()].filter(suits).map(({ name }) => name);
}

/** For measurements with many requests that wait for a service: a bound would measure the queue for a connection. */
export function cancelsWithoutBound({ cancels, connections }: Traits): boolean {
  return cancels && connections === undefined;
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
