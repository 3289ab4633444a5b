import { type Content, contentOf, type Failure, isError, isObject, tagOf } from './content.ts';

type Show = (part: unknown) => string;

/** Prints a value on one line if it fits, and of an error the fields by which `equal` compares it. */
export function show(value: unknown, around: readonly unknown[] = []): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `[function ${value.name}]`;
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (!isObject(value)) return Object.is(value, -0) ? '-0' : String(value);
  if (around.includes(value)) return '[circular]';
  try {
    return showObject(value, (part) => show(part, [...around, value]));
  } catch {
    return '[throws]'; // a proxy or a getter
  }
}

function showObject(value: object, inside: Show): string {
  if (isError(value)) return showError(value, inside);
  const tag = tagOf(value);
  if (tag === 'RegExp' || tag === 'URL') return (value as RegExp | URL).toString();
  if (tag === 'Date') return showDate(value as Date);
  const content = contentOf(value);
  const name = (value.constructor as { name?: string } | undefined)?.name ?? '';
  if (!content) return `${name} (compared by identity)`;
  return (/^(?:Array|Object)?$/.test(name) ? '' : `${name} `) + showContent(content, inside);
}

function showDate(date: Date): string {
  return Number.isNaN(date.getTime()) ? String(date) : date.toISOString();
}

function showContent({ kind, parts }: Content, inside: Show): string {
  if (kind === 'list') return enclosed('[', parts.map(inside), ']');
  if (kind === 'set') return braced(parts.map(inside));
  const key = kind === 'record' ? String : inside;
  return braced((parts as [unknown, unknown][]).map(([name, part]) => `${key(name)}: ${inside(part)}`));
}

/** `ServiceError: profile: boom { code: "ERR_SERVICE_FAILED", service: "profile" }, caused by Error: boom` */
function showError(error: Failure, inside: Show): string {
  const { constructor, name, message, code, service, errors } = error;
  const fields = Object.entries({ code, service, errors }).filter(([, field]) => field !== undefined);
  const more = fields.map(([key, field]) => `${key}: ${inside(field)}`);
  return [
    `${name === 'Error' ? constructor.name : name}: ${message}`,
    more.length === 0 ? '' : ` ${braced(more)}`,
    'cause' in error ? `, caused by ${inside(error.cause)}` : '',
  ].join('');
}

function braced(parts: readonly string[]): string {
  return parts.length === 0 ? '{}' : enclosed('{', parts, '}', ' ');
}

/** Prints each part on a line of its own if one line for all would be too long to compare. */
function enclosed(open: string, parts: readonly string[], close: string, space = ''): string {
  const line = [open, parts.join(', '), close].join(space);
  if (line.length <= 120 && !line.includes('\n')) return line;
  return [open, ...parts.map((part) => `  ${part.replaceAll('\n', '\n  ')},`), close].join('\n');
}
