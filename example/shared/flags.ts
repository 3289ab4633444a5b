import { parseArgs } from 'node:util';

interface NumberFlag {
  readonly min: number;
  readonly max: number;
  /** The noun that a message uses, such as `milliseconds`. */
  readonly unit: string;
}

/** The flags of a program, by kind. */
interface Flags {
  readonly numbers: Readonly<Record<string, NumberFlag>>;
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  readonly booleans: readonly string[];
}

type Values<F extends Flags> = Partial<
  Record<keyof F['numbers'], number> & Record<keyof F['choices'], string> & Record<F['booleans'][number], true>
>;

/** The command line is wrong. The message is one line. */
export class UsageError extends Error {}

/**
 * Reads the flags of a command line.
 *
 * `strict` is off because the messages of `parseArgs` do not say which values a flag accepts.
 *
 * @throws UsageError
 */
export function readFlags<const F extends Flags>(args: readonly string[], flags: F): Values<F> {
  const { numbers, choices = {}, booleans } = flags;
  const { tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(Object.keys({ ...numbers, ...choices }).map((name) => [name, { type: 'string' } as const])),
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    tokens: true,
  });
  const values: Record<string, number | string | true> = {};
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw new UsageError(`expected a flag, got ${quote(token.value)}: see --help`);
    const { name, rawName, value } = token;
    const number = Object.hasOwn(numbers, name) ? numbers[name] : undefined;
    const choice = Object.hasOwn(choices, name) ? choices[name] : undefined;
    if (number) values[name] = numberOf(name, number, value);
    else if (choice) values[name] = choiceOf(name, choice, value);
    else if (!booleans.includes(name)) throw new UsageError(`${rawName}: expected a flag of this program: see --help`);
    else if (value === undefined) values[name] = true;
    else throw new UsageError(`--${name}: expected no value, got ${quote(value)}`);
  }
  return values as Values<F>;
}

function numberOf(name: string, { min, max, unit }: NumberFlag, value: string | undefined): number {
  const number = Number(value);
  if (/^\d+$/.test(value ?? '') && number >= min && number <= max) return number;
  throw new UsageError(`--${name}: expected ${unit} from ${String(min)} to ${String(max)}, got ${quote(value)}`);
}

function choiceOf(name: string, choices: readonly string[], value: string | undefined): string {
  if (value !== undefined && choices.includes(value)) return value;
  throw new UsageError(`--${name}: expected ${choices.join(', ')}, got ${quote(value)}`);
}

function quote(value: string | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
