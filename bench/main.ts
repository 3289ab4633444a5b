// Measures the contenders, prints tables, and writes the figures as JSON.
import { parseArgs } from 'node:util';
import { isImportant } from './contenders/index.ts';
import { draw, keep, show } from './results.ts';
import type { Effort } from './rounds.ts';
import * as cancellation from './topics/cancellation.ts';
import * as conformance from './topics/conformance.ts';
import * as hedging from './topics/hedging.ts';
import * as http2 from './topics/http2.ts';
import * as imports from './topics/import.ts';
import * as joining from './topics/joining.ts';
import * as lateness from './topics/lateness.ts';
import * as limits from './topics/limits.ts';
import * as memory from './topics/memory.ts';
import * as observing from './topics/observing.ts';
import * as scale from './topics/scale.ts';
import * as size from './topics/size.ts';
import * as singleFlight from './topics/single-flight.ts';
import * as sustained from './topics/sustained.ts';
import * as throughput from './topics/throughput.ts';
import * as tuning from './topics/tuning.ts';

const usage = `
npm run bench                          all topics except scale
npm run bench -- joining throughput    some topics
npm run bench -- --quick               the important topics and contenders, in at most two minutes
  --quick                              few short rounds: rough figures, which are not written to any file
  --rounds 5                           the number of rounds
  --only undici                        the contenders with this in their names, and the one that they are compared with
  --services 2  --in-flight 50         only these sizes
  --write                              writes into README.md, docs/ and bench/results/

In bench/, node --cpu-prof --import ts-blank-space/register main.ts … writes a profile of each process.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string', default: '' },
    services: { type: 'string' },
    'in-flight': { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const partial =
  values.quick || values.only !== '' || values.services !== undefined || values['in-flight'] !== undefined;
if (partial && values.write)
  throw new Error('--write: expected all contenders and sizes: remove --quick, --only, --services and --in-flight');

/** Without topics, `--quick` selects the contenders too. */
const quickest = values.quick && positionals.length === 0 && values.only === '';
const effort: Effort = {
  quick: values.quick,
  rounds: Number(values.rounds ?? (values.quick ? 2 : 5)),
  includes: (name) => (quickest ? isImportant(name) : name.includes(values.only)),
  services: (all) => (values.services === undefined ? all : [Number(values.services)]),
  inFlight: (all) => (values['in-flight'] === undefined ? all : [Number(values['in-flight'])]),
};

interface Topic<Figures> {
  readonly measure: (effort: Effort) => Promise<Figures>;
  readonly tables: (figures: Figures) => string;
  /** The table for the README. */
  readonly summary?: (figures: Figures) => string;
  /** The figures as an SVG. */
  readonly drawing?: (figures: Figures) => string;
}

function topic<Figures>(
  name: string,
  { measure, tables, summary, drawing }: Topic<Figures>,
): [string, () => Promise<void>] {
  const run = async (): Promise<void> => {
    const startedAt = performance.now();
    const figures = await measure(effort);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
    const table = tables(figures);
    console.log(`\n${name}, in ${seconds} s\n\n${table}`);
    const flags = process.argv.slice(2).filter((arg) => !positionals.includes(arg));
    const command = ['npm run bench --', name, ...flags].join(' ');
    if (quickest && summary) console.log(`\n${summary(figures)}`);
    if (values.quick) return;
    keep(name, figures, command, values.write);
    if (!values.write) return;
    show('docs/performance.md', name, table, command);
    if (summary) show('README.md', name, summary(figures), command);
    if (drawing) draw(name, drawing(figures));
  };
  return [name, run];
}

const topics = new Map([
  topic('conformance', conformance),
  topic('import', imports),
  topic('size', size),
  topic('throughput', throughput),
  topic('joining', joining),
  topic('memory', memory),
  topic('cancellation', cancellation),
  topic('lateness', lateness),
  topic('sustained', sustained),
  topic('hedging', hedging),
  topic('limits', limits),
  topic('single-flight', singleFlight),
  topic('observing', observing),
  topic('tuning', tuning),
  topic('http2', http2),
  topic('scale', scale),
]);

if (values.help) {
  console.log(`${usage}\n\nThe topics: ${[...topics.keys()].join(', ')}.`);
  process.exit();
}
/** The topics of `--quick`. */
const quickTopics = [
  'conformance',
  'import',
  'throughput',
  'joining',
  'memory',
  'cancellation',
  'lateness',
  'sustained',
];
const defaults = values.quick ? quickTopics : [...topics.keys()].filter((name) => name !== 'scale');
const note = 'Quick: few short rounds, so the figures are rough. They are not written to any file.';

if (values.quick) console.log(note);
for (const name of positionals.length > 0 ? positionals : defaults) {
  const run = topics.get(name);
  if (!run) throw new Error(`expected a topic of ${[...topics.keys()].join(', ')}, got ${name}`);
  await run();
}
if (values.quick) console.log(`\n${note}`);
