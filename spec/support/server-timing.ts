/** One metric of a `Server-Timing` header. */
export interface Metric {
  readonly name: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const token = String.raw`[!#$%&'*+\-.^_\x60|~\dA-Za-z]+`;
const quoted = String.raw`"(?:[\t !#-\[\]-~]|\\[\t -~])*"`; // without obs-text: the header is ASCII
const parameter = String.raw`[ \t]*;[ \t]*(${token})[ \t]*=[ \t]*(${token}|${quoted})`;
const metric = String.raw`(${token})((?:${parameter})*)`;

/**
 * Parses the value of a `Server-Timing` header by its grammar, strictly: https://w3c.github.io/server-timing/ with `token`
 * and `quoted-string` of RFC 9110.
 *
 * @throws Error if the value does not match the grammar.
 */
export function metricsOf(value: string): readonly Metric[] {
  if (value === '') return [];
  const metrics: Metric[] = [];
  const next = new RegExp(`${metric}(?:[ \\t]*,[ \\t]*(?=.)|$)`, 'suy');
  while (next.lastIndex < value.length) {
    const at = next.lastIndex;
    const found = next.exec(value);
    if (!found) throw new Error(`expected a metric at ${String(at)}, got ${JSON.stringify(value.slice(at))}`);
    const [, name = '', all = ''] = found;
    const parameters = [...all.matchAll(new RegExp(parameter, 'gsu'))].map(([, key = '', text = '']) => [
      key,
      text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text,
    ]);
    metrics.push({ name, parameters: Object.fromEntries(parameters) as Record<string, string> });
  }
  return metrics;
}
