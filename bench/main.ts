import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import * as cancellation from './topics/cancellation.ts';
import * as conformance from './topics/conformance.ts';
import * as joining from './topics/joining.ts';
import * as lateness from './topics/lateness.ts';
import * as memory from './topics/memory.ts';
import * as throughput from './topics/throughput.ts';
import type { Effort } from './rounds.ts';

interface Topic {
  readonly measure: (effort: Effort) => Promise<unknown>;
  readonly tables: (figures: never) => string;
}

const topics: Readonly<Record<string, Topic>> = { conformance, throughput, joining, memory, cancellation, lateness };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string', default: '' },
    services: { type: 'string' },
    'in-flight': { type: 'string' },
  },
});
const effort: Effort = {
  quick: values.quick,
  rounds: Number(values.rounds ?? (values.quick ? 3 : 9)),
  takesPart: (name) => name.includes(values.only),
  services: (all) => (values.services === undefined ? all : [Number(values.services)]),
  inFlight: (all) => (values['in-flight'] === undefined ? all : [Number(values['in-flight'])]),
};
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
console.log(machine);
for (const name of positionals.length > 0 ? positionals : Object.keys(topics)) {
  const topic = topics[name];
  if (!topic) throw new Error(`no topic is called ${name}`);
  const startedAt = performance.now();
  const figures = await topic.measure(effort);
  console.log(
    `\n${name}, in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s\n\n${topic.tables(figures as never)}`,
  );
  mkdirSync('../reports', { recursive: true });
  writeFileSync(
    `../reports/${name}.json`,
    JSON.stringify({ machine, date: new Date().toISOString(), figures }, null, 2),
  );
}
