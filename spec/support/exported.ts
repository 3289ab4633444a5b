import { SpanStatusCode } from '@opentelemetry/api';
import { BasicTracerProvider, type ReadableSpan, type TracerConfig } from '@opentelemetry/sdk-trace-base';

/** A real tracer provider, and the spans that it exports. */
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
  let onEnd = (): void => undefined;
  const processor = {
    onStart: (span: ReadableSpan) => {
      started.push(span);
    },
    onEnd: (span: ReadableSpan) => {
      spans.push(span);
      onEnd();
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  return {
    provider: new BasicTracerProvider({ ...config, spanProcessors: [processor] }),
    spans,
    ended: (count) =>
      new Promise((resolve) => {
        onEnd = () => {
          if (spans.length >= count && spans.length === started.length) resolve();
        };
        onEnd();
      }),
    tree: () => {
      const exported = new Set(spans.map(idOf));
      const below = (parent: ReadableSpan | undefined, depth: number): string[] =>
        started
          .filter((span) => spans.includes(span))
          .filter(({ parentSpanContext }) =>
            parent ? parentSpanContext?.spanId === idOf(parent) : !exported.has(parentSpanContext?.spanId ?? ''),
          )
          .flatMap((span) => [...linesOf(span, '  '.repeat(depth)), ...below(span, depth + 1)]);
      return below(undefined, 0).join('\n');
    },
  };
}

function idOf(span: ReadableSpan): string {
  return span.spanContext().spanId;
}

/** A span as text, without its times and ports. */
function linesOf({ name, attributes, status, events }: ReadableSpan, indent: string): string[] {
  const words = [
    name,
    attributes['url.path'],
    attributes['http.response.status_code'],
    attributes['forkfast.outcome'],
    'error.type' in attributes && `error.type=${String(attributes['error.type'])}`,
    status.code !== SpanStatusCode.UNSET && `${SpanStatusCode[status.code]}(${status.message ?? ''})`,
  ];
  const lines = events.map((event) => `  * ${[event.name, ...Object.values(event.attributes ?? {})].join(' ')}`);
  return [words.filter((word) => word !== undefined && word !== false).join(' '), ...lines].map(
    (line) => indent + line.replaceAll(/127\.0\.0\.1:\d+/g, 'upstream'),
  );
}
