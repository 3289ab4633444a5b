import { parseArgs } from 'node:util';

const delay = { min: 0, max: 2 ** 31 - 1, what: 'milliseconds' };
const status = { min: 200, max: 599, what: 'an HTTP status' };

const numbers = {
  'profile-delay': delay,
  'order-delay': delay,
  'profile-status': status,
  'order-status': status,
  timeout: { ...delay, min: 1 },
  port: { min: 0, max: 65_535, what: 'a port' },
} as const;

type Settings = Readonly<Record<keyof typeof numbers, number>>;

/** What the program is to do. */
export interface Options extends Settings {
  readonly once: boolean;
  /** Whether one was named. */
  readonly scenario: boolean;
  readonly help: boolean;
}

const happy: Settings = {
  'profile-delay': 0,
  'order-delay': 0,
  'profile-status': 200,
  'order-status': 200,
  timeout: 30_000,
  port: 3_000,
};

const scenarios: Readonly<Record<string, Settings>> = {
  happy,
  'slow-poke': { ...happy, timeout: 1_000, 'order-delay': 2_000 },
  domino: { ...happy, 'profile-status': 500, 'order-delay': 10_000 },
};

export const help = `Usage: npm start -- [flags]

Starts a Profile service, an Order service and a dashboard backend on 127.0.0.1, asks the backend once, and serves on: a page at /, too.
The answer, or what went wrong, is on stdout; the structured log on stderr, from the level in LOG_LEVEL on (debug).

  --once                 ask once, and exit: with 0 where there was an answer, with 1 where there was none
  --scenario NAME        happy, slow-poke (1 s to answer, Orders takes 2) or domino (Profile fails, Orders takes 10 s);
                         draws what each answer took
  --profile-delay MS     how long the Profile service takes     --profile-status CODE  what it answers with
  --order-delay MS       how long the Order service takes       --order-status CODE    what it answers with
  --timeout MS           how long the dashboard may take (30000)
  --port PORT            where the dashboard listens (3000; 0 for any)
  --help                 this

Flags win over the scenario.`;

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
      ...Object.fromEntries([...Object.keys(numbers), 'scenario'].map((name) => [name, { type: 'string' }] as const)),
      once: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    tokens: true,
  });
  const given: Record<string, number | true> = {};
  let preset = happy;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw new UsageError(`unexpected ${quote(token.value)}; see --help`);
    const { name, rawName, value } = token;
    if (name === 'scenario') {
      preset = scenarioOf(value);
      given[name] = true;
    } else if (name === 'once' || name === 'help') {
      if (value !== undefined) throw new UsageError(`--${name} takes no value, not ${quote(value)}`);
      given[name] = true;
    } else if (Object.hasOwn(numbers, name)) {
      given[name] = numberOf(name as keyof Settings, value);
    } else {
      throw new UsageError(`unknown flag ${quote(rawName)}; see --help`);
    }
  }
  return { once: false, scenario: false, help: false, ...preset, ...given };
}

function scenarioOf(value: string | undefined): Settings {
  const preset = Object.hasOwn(scenarios, value ?? '') ? scenarios[value ?? ''] : undefined;
  if (preset) return preset;
  throw new UsageError(`--scenario takes ${Object.keys(scenarios).join(', ')}, not ${quote(value)}`);
}

function numberOf(name: keyof Settings, value: string | undefined): number {
  const { min, max, what } = numbers[name];
  const number = Number(value);
  if (/^\d+$/.test(value ?? '') && number >= min && number <= max) return number;
  throw new UsageError(`--${name} takes ${what} from ${String(min)} to ${String(max)}, not ${quote(value)}`);
}

function quote(value: string | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
