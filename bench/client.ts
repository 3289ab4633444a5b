import { onTask } from './child.ts';

// Runs one contender of one topic in its own process.
const [topic = '', name = ''] = process.argv.slice(2);
const { work } = (await import(`./topics/${topic}.ts`)) as {
  work: (name: string) => (task: unknown) => unknown;
};
onTask(work(name));
