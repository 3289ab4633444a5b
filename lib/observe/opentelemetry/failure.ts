import { type Span, SpanStatusCode } from '@opentelemetry/api';
import { read } from '../../errors/foreign.ts';
import { ServiceError } from '../../errors/service-error.ts';
import { errorType, exceptionOf } from './attributes.ts';

/** The errors of runs whose exception is recorded in a span, with the trace. A shared run may fail several traces. */
const recordedIn = new WeakMap<object, string>();

/** Marks the span of a run or a service as failed. Records the exception, if no span of the same trace has recorded it. */
export function recordFailure(
  span: Span,
  { service, error }: { readonly service?: string; readonly error: unknown },
): void {
  const { name, message } = exceptionOf(error);
  span.setAttribute('error.type', errorType(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: message === '' ? name : message });
  const { traceId } = span.spanContext();
  const isRun = service === undefined;
  const recordedByService = isRun && error instanceof ServiceError; // a service reports its failure before its run does
  if (!recordedByService && !isRecorded(error, traceId)) span.recordException({ name, message });
  if (isRun) recordedIn.set(error as object, traceId);
}

/**
 * Whether the error is, or was caused by, the error of a nested run: a service may have wrapped it.
 *
 * @param depth - Bounds the search: a chain of causes may be circular, or endless if a getter makes each cause.
 */
function isRecorded(error: unknown, traceId: string, depth = 20): boolean {
  if (typeof error !== 'object' || error === null || depth === 0) return false;
  return recordedIn.get(error) === traceId || isRecorded(read(error, 'cause'), traceId, depth - 1);
}
