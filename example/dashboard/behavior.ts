/** The status with which a mock service responds, or the way in which it fails to respond. */
export type Outcome = number | (typeof faults)[number];

/** `slow-body` sends the headers in time, and then one byte every 200 ms. */
const faults = ['hang', 'reset', 'slow-body'] as const;

export interface Behavior {
  /** Milliseconds before the service sends anything. */
  readonly delay: number;
  readonly outcome: Outcome;
}

/** Returns a valid behavior, or `undefined`. The delay is bounded, so that no page can block a service for a week. */
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
