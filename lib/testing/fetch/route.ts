/** Returns the decoded `:name`s of a request, or `undefined` if the route does not match. */
export type Matcher = (method: string, url: URL) => Record<string, string> | undefined;

/** Compiles a route such as `'GET http://profile.test/profiles/:id'`. */
export function matcherOf(route: string): Matcher {
  const [matched, routeMethod, origin, path = ''] = /^(?:([A-Z]+) )?(https?:\/\/[^/]+)?(\/\S*)$/.exec(route) ?? [];
  if (matched === undefined) {
    throw new TypeError(
      `fakeFetch: route: expected a method, an origin and a path, got ${JSON.stringify(route)}: write 'GET /profiles/:id', '/profiles/*' or 'http://api.test/'`,
    );
  }
  const literal = path.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const segment = /(?<=[/=]):(\w+)/g;
  const names = Array.from(literal.matchAll(segment), ([, name = '']) => name);
  const pattern = new RegExp(`^${literal.replace(segment, '([^/?]+)').replaceAll('*', '.*')}$`);
  return (method, url) => {
    if ((routeMethod ?? method) !== method || (origin ?? url.origin) !== url.origin) return undefined;
    const match = pattern.exec(url.pathname + (path.includes('?') ? url.search : ''));
    if (!match) return undefined;
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? '')]));
  };
}
