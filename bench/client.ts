import { answer } from './child.ts';

/** Does the work of one topic as one contender. */
const [topic = '', name = ''] = process.argv.slice(2);
const { work } = (await import(`./topics/${topic}.ts`)) as {
  work: (name: string) => (task: unknown) => unknown;
};
answer(work(name));
