import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { digits, table } from '../format.ts';

// The bytes that exports add to a bundle: minified and compressed, without RxJS.

interface Size {
  readonly name: string;
  readonly alone: number;
  /** Added to a bundle with `aggregate` and its options. */
  readonly toAggregate: number;
  /** Added to a bundle that has `fetchJson` too. */
  readonly toBoth: number;
}

const aggregate = 'aggregate, withTimeout, withLogger, withEvents, withConcurrency, withName, withFetch';
const names = [
  'aggregateEach',
  'aggregateLatest',
  'optional',
  'fromAbortable',
  'fetchText',
  'fetchResponse',
  'fetchEvents',
  'fetchLines',
  'url',
  'validate',
  'backoff',
  'isTransient',
  'hedge',
  'latency',
  'retryBudget',
  'bulkhead',
  'adaptive',
  'lastGood',
  'perRun',
  'singleFlight',
  'batched',
  'withDeadlineHeader',
];

export async function measure(): Promise<readonly Size[]> {
  const base = await gzipped(aggregate);
  const both = await gzipped(`${aggregate}, fetchJson`);
  const sizes: Size[] = [
    { name: 'aggregate with its options', alone: base, toAggregate: 0, toBoth: 0 },
    { name: 'fetchJson', alone: await gzipped('fetchJson'), toAggregate: both - base, toBoth: 0 },
  ];
  for (const name of names) {
    sizes.push({
      name,
      alone: await gzipped(name),
      toAggregate: (await gzipped(`${aggregate}, ${name}`)) - base,
      toBoth: (await gzipped(`${aggregate}, fetchJson, ${name}`)) - both,
    });
  }
  return sizes;
}

async function gzipped(exports: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { ${exports} } from 'forkfast'`,
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
    },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    external: ['rxjs'],
  });
  return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).byteLength;
}

export function tables(sizes: readonly Size[]): string {
  return table(
    ['bytes', 'alone', 'beside `aggregate`', 'beside `aggregate` and `fetchJson`'],
    sizes.map(({ name, alone, toAggregate, toBoth }) => [name, ...[alone, toAggregate, toBoth].map(bytes)]),
  );
}

function bytes(count: number): string {
  return count === 0 ? '' : digits(count);
}
