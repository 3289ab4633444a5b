import type { LogLine } from '../run-messages.ts';
import { element } from './elements.ts';

/** Appends a line to the log, and removes old lines. */
export function append({ level, message, fields }: LogLine): void {
  const log = element('#log');
  const line = document.createElement('li');
  line.dataset['level'] = level;
  line.textContent = [level.padEnd(5), message, ...Object.entries(fields).map(pair)].join('  ');
  log.append(line);
  while (log.children.length > 200) log.firstChild?.remove();
}

function pair([name, value]: [string, unknown]): string {
  const { message } = (typeof value === 'object' && value ? value : {}) as { readonly message?: unknown };
  return `${name}=${JSON.stringify(message ?? value)}`;
}
