import { HTTPException } from 'hono/http-exception';

/** What a caller may ask for, and within which bounds: nobody makes the backend try for ever. */
const bounds = {
  timeout: { min: 1, max: 60_000 },
  retries: { min: 0, max: 5 },
  hedge: { min: 0, max: 60_000 },
} as const;

type Query = Partial<Record<keyof typeof bounds, number>>;

/**
 * Reads `?timeout=1000&retries=2&hedge=200`.
 *
 * @throws HTTPException (400) where one is no integer within its bounds.
 */
export function queryOf(given: Readonly<Record<string, string>>): Query {
  const query: Query = {};
  for (const name of ['timeout', 'retries', 'hedge'] as const) {
    const text = given[name];
    if (text === undefined) continue;
    const { min, max } = bounds[name];
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < min || number > max) {
      throw new HTTPException(400, { message: `${name} takes an integer from ${String(min)} to ${String(max)}` });
    }
    query[name] = number;
  }
  return query;
}
