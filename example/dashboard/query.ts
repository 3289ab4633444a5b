import { HTTPException } from 'hono/http-exception';

/** The bounds limit the work that one request can cause. */
const bounds = {
  timeout: { min: 1, max: 60_000 },
  retries: { min: 0, max: 5 },
  hedge: { min: 0, max: 60_000 },
} as const;

type Query = Partial<Record<keyof typeof bounds, number>>;

/**
 * Reads `?timeout=1000&retries=2&hedge=200`.
 *
 * @throws HTTPException (400) if a parameter is not an integer within its bounds.
 */
export function queryOf(parameters: Readonly<Record<string, string>>): Query {
  const query: Query = {};
  for (const name of ['timeout', 'retries', 'hedge'] as const) {
    const text = parameters[name];
    if (text === undefined) continue;
    const { min, max } = bounds[name];
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < min || number > max) {
      throw new HTTPException(400, { message: `${name}: expected an integer from ${String(min)} to ${String(max)}` });
    }
    query[name] = number;
  }
  return query;
}
