import {
  classNameOf,
  type Content,
  contentOf,
  type Failure,
  isError,
  isObject,
  nameOf,
  otherFieldsOf,
  tagOf,
  textOf,
} from './content.ts';

/** Prints a value on one line if it fits, and of an error the fields by which `equal` compares it. */
export function show(value: unknown): string {
  return new Printer().show(value);
}

/** Prints one value. The text has a bound, since an object may contain others many times. */
class Printer {
  readonly #around: object[] = [];
  #partsLeft = 10_000;

  show(value: unknown): string {
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value === 'function') return `[function ${nameOf(value)}]`;
    if (typeof value === 'bigint') return `${String(value)}n`;
    if (!isObject(value)) return Object.is(value, -0) ? '-0' : String(value);
    if (this.#around.includes(value)) return '[circular]';
    if (this.#around.length > 100) return '…';
    this.#around.push(value);
    try {
      return this.#showObject(value);
    } catch {
      return '[throws]'; // a proxy or a getter
    } finally {
      this.#around.pop();
    }
  }

  #showObject(value: object): string {
    if (isError(value)) return this.#showError(value);
    const content = contentOf(value);
    const name = classNameOf(value);
    if (!content) return `${name} (compared by identity)`;
    const text = notationOf(value) ?? this.#showContent(content, /^(?:Array|Object)?$/.test(name) ? '' : `${name} `);
    return content.kind === 'record' || content.fields.size === 0
      ? text
      : `${text} ${braced(this.#entries(content.fields, String))}`;
  }

  #showContent({ kind, items, keyed, fields }: Content, name: string): string {
    if (kind === 'list') return name + enclosed('[', this.#parts(items), ']');
    if (kind === 'set') return name + braced(this.#parts([...keyed.keys()]));
    if (kind === 'record') return name + braced(this.#entries(fields, String));
    const entries = kind === 'map' ? keyed : (items as readonly [unknown, unknown][]);
    return name + braced(this.#entries(entries, (key) => this.show(key)));
  }

  /** `ServiceError: profile: boom { code: "ERR_SERVICE_FAILED", service: "profile" }, caused by Error: boom` */
  #showError(error: Failure): string {
    const { name, message, code, service, errors } = error;
    const fields = Object.entries({ code, service, errors }).filter(([, field]) => field !== undefined);
    const more = this.#entries([...fields, ...otherFieldsOf(error)], String);
    return [
      `${name === 'Error' ? classNameOf(error) : name}: ${message}`,
      more.length === 0 ? '' : ` ${braced(more)}`,
      'cause' in error ? `, caused by ${this.show(error.cause)}` : '',
    ].join('');
  }

  #entries(entries: Iterable<readonly [unknown, unknown]>, showKey: (key: unknown) => string): string[] {
    return this.#limited([...entries], ([key, value]) => `${showKey(key)}: ${this.show(value)}`);
  }

  #parts(parts: readonly unknown[]): string[] {
    return this.#limited(parts, (part) => this.show(part));
  }

  #limited<T>(parts: readonly T[], print: (part: T) => string): string[] {
    const printed: string[] = [];
    for (const part of parts) {
      if (this.#partsLeft-- <= 0) return [...printed, `… ${String(parts.length - printed.length)} more`];
      printed.push(print(part));
    }
    return printed;
  }
}

/** The text of an object for which its class has a notation. */
function notationOf(value: object): string | undefined {
  const tag = tagOf(value);
  if (tag === 'Date' && !Number.isNaN((value as Date).getTime())) return (value as Date).toISOString();
  return /^(?:Date|RegExp|URL|Temporal\..*)$/.test(tag) ? textOf(value) : undefined;
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
