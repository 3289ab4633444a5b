/** Returns the decoded `:name`s of a request, or `undefined` if the route does not match. */
export type Matcher = (method: string, url: URL) => Record<string, string> | undefined;

/** Compiles a route such as `'GET http://profile.test/profiles/:id'`. */
export function matcherOf(route: string): Matcher {
  const [, routeMethod, origin, path = ''] = /^(?:([A-Z]+) )?(https?:\/\/[^/]+)?(\/\S*)$/.exec(route) ?? [];
  const parsed = path === '' ? undefined : parse((origin ?? 'http://any.test') + path);
  if (!parsed) {
    throw new TypeError(
      `fakeFetch: route: expected a method, an origin and a path, got ${JSON.stringify(route)}: write 'GET /profiles/:id', '/profiles/*' or 'http://api.test/'`,
    );
  }
  // The URL encodes a route as it encodes a request.
  const literal = (parsed.pathname + parsed.search).replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const segment = /(?<=[/=]):(\w+)/g;
  const names = Array.from(literal.matchAll(segment), ([, name = '']) => name);
  const pattern = new RegExp(`^${literal.replace(segment, '([^/?]+)').replaceAll('*', '.*')}$`);
  return (method, url) => {
    if ((routeMethod ?? method) !== method) return undefined;
    if (origin !== undefined && parsed.origin !== url.origin) return undefined;
    const match = pattern.exec(url.pathname + (parsed.search === '' ? '' : url.search));
    if (!match) return undefined;
    return Object.fromEntries(names.map((name, index) => [name, decode(match[index + 1] ?? '')]));
  };
}

function parse(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

/** A path may have a `%` that encodes nothing. A server receives such a path as it is. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
