import { SpanStatusCode } from '@opentelemetry/api';
import { BasicTracerProvider, type ReadableSpan, type TracerConfig } from '@opentelemetry/sdk-trace-base';

/** A real tracer provider, and what it exports. */
export interface Exporting {
  readonly provider: BasicTracerProvider;
  /** In the order in which they ended. */
  readonly spans: readonly ReadableSpan[];
  /** Resolves when `count` spans have ended and none is open. */
  readonly ended: (count: number) => Promise<void>;
  /** The spans as indented text, siblings in the order in which they started. */
  readonly tree: () => string;
}

export function exporting(config: TracerConfig = {}): Exporting {
  const started: ReadableSpan[] = [];
  const spans: ReadableSpan[] = [];
  let tell = (): void => undefined;
  const processor = {
    onStart: (span: ReadableSpan) => {
      started.push(span);
    },
    onEnd: (span: ReadableSpan) => {
      spans.push(span);
      tell();
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  return {
    provider: new BasicTracerProvider({ ...config, spanProcessors: [processor] }),
    spans,
    ended: (count) =>
      new Promise((resolve) => {
        tell = () => {
          if (spans.length >= count && spans.length === started.length) resolve();
        };
        tell();
      }),
    tree: () => {
      const exported = new Set(spans.map(idOf));
      const below = (parent: ReadableSpan | undefined, depth: number): string[] =>
        started
          .filter((span) => spans.includes(span))
          .filter(({ parentSpanContext: of }) =>
            parent ? of?.spanId === idOf(parent) : !exported.has(of?.spanId ?? ''),
          )
          .flatMap((span) => [...linesOf(span, '  '.repeat(depth)), ...below(span, depth + 1)]);
      return below(undefined, 0).join('\n');
    },
  };
}

function idOf(span: ReadableSpan): string {
  return span.spanContext().spanId;
}

/** What a span says, but for its times and for the ports of the day. */
function linesOf({ name, attributes, status, events }: ReadableSpan, indent: string): string[] {
  const words = [
    name,
    attributes['url.path'],
    attributes['http.response.status_code'],
    attributes['forkfast.outcome'],
    'error.type' in attributes && `error.type=${String(attributes['error.type'])}`,
    status.code !== SpanStatusCode.UNSET && `${SpanStatusCode[status.code]}(${status.message ?? ''})`,
  ];
  const told = events.map((event) => `  * ${[event.name, ...Object.values(event.attributes ?? {})].join(' ')}`);
  return [words.filter((word) => word !== undefined && word !== false).join(' '), ...told].map(
    (line) => indent + line.replaceAll(/127\.0\.0\.1:\d+/g, 'upstream'),
  );
}
