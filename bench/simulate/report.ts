import type { Second } from '../../spec/support/storm/simulate.ts';
import { table } from '../format.ts';
import { type Minute, scenario, type Variant } from './variants.ts';

/** The seconds of one variant, and those of a simulation with half as many processes. */
export interface Outcome {
  readonly minute: Minute;
  readonly variant: Variant;
  readonly seconds: readonly Second[];
  readonly halved: readonly Second[];
}

const { before, bad, after } = scenario;
const end = before + bad;

/** The shares of the pages of some seconds. */
interface Shares {
  /** Requests at the upstream for each page. As a million pages begin in a second, also in millions a second. */
  readonly requests: number;
  readonly failed: number;
  readonly old: number;
}

export function sharesOf(seconds: readonly Second[]): Shares {
  const share = (field: Exclude<keyof Second, 'pages'>): number => sum(seconds, field) / sum(seconds, 'pages');
  return { requests: share('requests'), failed: share('failed'), old: share('old') };
}

function sum(seconds: readonly Second[], field: keyof Second): number {
  return seconds.reduce((total, second) => total + second[field], 0);
}

/** The seconds from the end of the bad minute until no second follows in which more than 5 % of the pages failed. */
function recovery(seconds: readonly Second[]): number {
  const late = seconds.slice(end).map((second) => sharesOf([second]).failed > 0.05);
  return late.lastIndexOf(true) + 1;
}

export function tableOf(name: string, outcomes: readonly Outcome[]): string {
  const head = [
    name,
    'load before',
    'in the minute',
    'after',
    'failed in the minute',
    'after',
    'old answers in the minute',
    'well again after',
    'failed, half the processes',
  ];
  const rows = outcomes.map(({ variant, seconds, halved }) => {
    const [early, minute, late] = parts(seconds);
    const wait = recovery(seconds);
    return [
      variant.name,
      ...[early, minute, late].map(({ requests }) => requests.toFixed(2)),
      percent(minute.failed),
      percent(late.failed),
      percent(minute.old),
      wait >= after ? '**never**' : `${String(wait)} s`,
      parts(halved)
        .slice(1)
        .map(({ failed }) => percent(failed))
        .join(', '),
    ];
  });
  return table(head, rows);
}

/** The time before the minute, without the first ten seconds, in which the limits and the hedges learn; the minute; the time after. */
function parts(seconds: readonly Second[]): readonly [Shares, Shares, Shares] {
  return [
    sharesOf(seconds.slice(10, before)),
    sharesOf(seconds.slice(before, end)),
    sharesOf(seconds.slice(end, end + after)),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
