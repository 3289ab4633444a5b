import { parseArgs } from 'node:util';

const numbers = {
  requests: { default: 400, min: 1, max: 2_000, what: 'a number' },
  concurrency: { default: 10, min: 1, max: 100, what: 'a number' },
  seed: { default: 1, min: 0, max: 2 ** 31 - 1, what: 'a number' },
  slow: { default: 10, min: 0, max: 50, what: 'a percentage' },
  failing: { default: 10, min: 0, max: 50, what: 'a percentage' },
} as const;

/** What the program is to do. */
export interface Options extends Readonly<Record<keyof typeof numbers, number>> {
  readonly json: boolean;
  readonly help: boolean;
}

export const help = `Usage: npm run example:resilience -- [flags]

Asks a flaky upstream on 127.0.0.1 the same questions plain, retried, hedged, and both with one budget, and compares.
Ends by itself: no round of questions starts after 15 s.

  --requests N      how many questions each strategy asks (400)
  --concurrency N   how many of them at a time (10)
  --seed N          of the upstream's moods (1)
  --slow PERCENT    how many of the requests take 200 ms longer (10)
  --failing PERCENT how many of the requests end with a 503 (10); with 50, see what the budget is for
  --json            prints JSON
  --help            this`;

/** A command line that cannot be obeyed; the message is one line, and names the flag. */
export class UsageError extends Error {}

/**
 * Reads the command line.
 *
 * Not `strict`: its messages do not say what a flag takes, and one of them has three lines.
 *
 * @throws UsageError
 */
export function parse(args: readonly string[]): Options {
  const { tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(Object.keys(numbers).map((name) => [name, { type: 'string' }] as const)),
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    tokens: true,
  });
  const given: Record<string, number | true> = {};
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw new UsageError(`unexpected ${quote(token.value)}; see --help`);
    const { name, rawName, value } = token;
    if (name === 'json' || name === 'help') {
      if (value !== undefined) throw new UsageError(`--${name} takes no value, not ${quote(value)}`);
      given[name] = true;
    } else if (Object.hasOwn(numbers, name)) {
      given[name] = numberOf(name as keyof typeof numbers, value);
    } else {
      throw new UsageError(`unknown flag ${quote(rawName)}; see --help`);
    }
  }
  const { requests, concurrency, seed, slow, failing } = numbers;
  return {
    requests: requests.default,
    concurrency: concurrency.default,
    seed: seed.default,
    slow: slow.default,
    failing: failing.default,
    json: false,
    help: false,
    ...given,
  };
}

function numberOf(name: keyof typeof numbers, value: string | undefined): number {
  const { min, max, what } = numbers[name];
  const number = Number(value);
  if (/^\d+$/.test(value ?? '') && number >= min && number <= max) return number;
  throw new UsageError(`--${name} takes ${what} from ${String(min)} to ${String(max)}, not ${quote(value)}`);
}

function quote(value: string | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
