/** What a mock service does with a request: a status it answers with, or a way not to answer as it should. */
export type Outcome = number | (typeof faults)[number];

/** `slow-body` sends the headers in time, and then a byte now and then. */
const faults = ['hang', 'reset', 'slow-body'] as const;

export interface Behavior {
  /** Milliseconds before anything is sent. */
  readonly delay: number;
  readonly outcome: Outcome;
}

/** What came from outside as a behavior, or `undefined` where it is none: no page makes a service wait for a week. */
export function behaviorOf(value: unknown): Behavior | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { delay, outcome } = value as Record<string, unknown>;
  return isIntegerWithin(delay, 0, 60_000) && isOutcome(outcome) ? { delay, outcome } : undefined;
}

function isOutcome(value: unknown): value is Outcome {
  return faults.some((fault) => fault === value) || isIntegerWithin(value, 200, 599);
}

function isIntegerWithin(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}
