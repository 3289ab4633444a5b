// Simulates what some strategies do to an upstream that is not well for a minute, and prints tables.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Second } from '../../spec/support/storm/simulate.ts';
import { startModule } from '../child.ts';
import { draw, replaceBlock } from '../results.ts';
import { stormChart } from './chart.ts';
import { type Outcome, tableOf } from './report.ts';
import { minutes, scenario } from './variants.ts';
import type { Task } from './work.ts';

const usage = `
npm run simulate                       prints the tables of docs/scaling.md
  --processes 2                        the number of processes that are simulated for 1,000; also half as many are
  --write                              writes docs/scaling.md and docs/storm.svg

The time is virtual: the figures are the same each time.`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    processes: { type: 'string', default: '2' },
    write: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit();
}
const processes = Number(values.processes);
if (!(processes >= 2 && processes <= 1_000 && processes % 2 === 0)) {
  throw new RangeError(`--processes: expected an even number from 2 to 1000, got ${values.processes}`);
}

const rows = minutes.flatMap((minute) => minute.variants.map((variant) => ({ minute, variant })));
const tasks = [processes, processes / 2].flatMap((processes) =>
  rows.map(({ minute: { health }, variant: { strategy, stopsForCallers } }): Task => {
    return { strategy, scenario: { ...scenario, processes, health, stopsForCallers } };
  }),
);
const results = await runAll(tasks);
const outcomes = rows.map((row, index): Outcome => {
  return { ...row, seconds: results[index] ?? [], halved: results[rows.length + index] ?? [] };
});
const tables = minutes
  .map((minute) => {
    const own = outcomes.filter((outcome) => outcome.minute === minute);
    return tableOf(minute.name, own);
  })
  .join('\n\n');
console.log(`\n${tables}`);
if (values.write) {
  const command = ['npm run simulate --', ...process.argv.slice(2)].join(' ');
  replaceBlock('docs/scaling.md', 'storm', `${tables}\n\n\`${command}\``);
  draw('storm', stormChart(outcomes));
}

/** Runs the tasks in processes of their own, one for each core. The results have the order of the tasks. */
async function runAll(tasks: readonly Task[]): Promise<(readonly Second[])[]> {
  const results: (readonly Second[])[] = [];
  const queue = tasks.entries();
  const flags = ['--max-semi-space-size=64']; // room for the garbage of many failures
  const work = async (): Promise<void> => {
    const child = startModule<Task, readonly Second[]>('simulate/work.ts', [], flags);
    for (const [index, task] of queue) results[index] = await child.run(task, 900_000);
    child.stop();
  };
  await Promise.all(Array.from({ length: Math.min(8, availableParallelism()) }, work));
  return results;
}
