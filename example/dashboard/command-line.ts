import { readFlags } from '../shared/flags.ts';

const delay = { min: 0, max: 2 ** 31 - 1, unit: 'milliseconds' };
const status = { min: 200, max: 599, unit: 'an HTTP status' };

const numbers = {
  'profile-delay': delay,
  'order-delay': delay,
  'profile-status': status,
  'order-status': status,
  timeout: { ...delay, min: 1 },
  port: { min: 0, max: 65_535, unit: 'a port' },
};

type Settings = Readonly<Record<keyof typeof numbers, number>>;

export interface Options extends Settings {
  readonly once: boolean;
  /** Whether the command line names a scenario. */
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

Starts a Profile service, an Order service and a dashboard backend on 127.0.0.1, and sends one request to the backend. Then the
servers stay open, with a page at /. The answer or the error goes to stdout, and the structured log to stderr, from the level in
LOG_LEVEL on (debug).

  --once                 exit after the request: with 0 after an answer, with 1 after an error
  --scenario NAME        happy, slow-poke (the timeout is 1 s, Orders takes 2 s) or domino (Profile fails, Orders takes 10 s);
                         draws how long each service took
  --profile-delay MS     delay of the Profile service     --profile-status CODE  status of its responses
  --order-delay MS       delay of the Order service       --order-status CODE    status of its responses
  --timeout MS           timeout of the dashboard (30000)
  --port PORT            port of the dashboard (3000; 0 for any)
  --help                 print this text

Flags override the scenario.`;

/**
 * Reads the command line.
 *
 * @throws UsageError
 */
export function parse(args: readonly string[]): Options {
  const flags = readFlags(args, {
    numbers,
    choices: { scenario: Object.keys(scenarios) },
    booleans: ['once', 'help'],
  });
  const { scenario, once = false, help = false, ...settings } = flags;
  return { ...(scenarios[scenario ?? 'happy'] ?? happy), ...settings, scenario: scenario !== undefined, once, help };
}
