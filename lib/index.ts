// Calling several services concurrently
export { aggregate } from './core/aggregate.ts';
export { aggregateEach } from './core/aggregate-each.ts';
export { aggregateLatest } from './core/aggregate-latest.ts';

// Contexts and services
export { background } from './core/context.ts';
export type { Context, Fetch, FetchBody, FetchChunk, FetchResponse } from './core/context.ts';
export type { ContextOf, InputOf, Service, ServiceLike, Services, ValueOf } from './core/service.ts';

// Options of an aggregate
export { withConcurrency, withDeadlineHeader, withEvents, withFetch } from './core/options.ts';
export { withLogger, withName, withTimeout } from './core/options.ts';
export type { AggregateConfig, AggregateOption } from './core/options.ts';

// Events and logs
export type { EventFields, EventSink, RunEvent } from './observe/events.ts';
export { silent } from './observe/logging.ts';
export type { LogConfig, Logger, LogFields } from './observe/logging.ts';

// Requests and other abortable work
export { fetchJson, fetchText } from './http/fetch.ts';
export type { FetchInit, RequestOptions } from './http/fetch.ts';
export { fetchResponse } from './http/fetch-response.ts';
export type { FetchResponseInit, FullResponse } from './http/fetch-response.ts';
export { fetchEvents } from './http/stream/fetch-events.ts';
export type { FetchEventsInit } from './http/stream/fetch-events.ts';
export type { ServerSentEvent } from './http/stream/event-parser.ts';
export { fetchLines } from './http/stream/fetch-lines.ts';
export type { FetchLinesInit } from './http/stream/fetch-lines.ts';
export type { StreamOptions } from './http/stream/read-stream.ts';
export { url } from './http/url.ts';
export type { UrlValue } from './http/url.ts';
export { fromAbortable } from './core/from-abortable.ts';

// Operators and policies for one service
export { backoff } from './resilience/backoff.ts';
export type { BackoffConfig } from './resilience/backoff.ts';
export { isTransient } from './resilience/is-transient.ts';
export { adaptive } from './resilience/limits/adaptive.ts';
export type { AdaptiveConfig, AdaptiveLimit, SourceEnd, StartedSource } from './resilience/limits/adaptive.ts';
export { bulkhead } from './resilience/bulkhead.ts';
export type { Bulkhead, BulkheadConfig } from './resilience/limits/bulkhead-config.ts';
export { hedge } from './resilience/hedge.ts';
export type { HedgeConfig } from './resilience/hedge.ts';
export { latency } from './resilience/latency.ts';
export type { Latency } from './resilience/latency.ts';
export { retryBudget } from './resilience/retry-budget.ts';
export type { RetryBudget } from './resilience/retry-budget.ts';
export { optional } from './resilience/optional.ts';
export type { Settled } from './resilience/optional.ts';
export { validate } from './resilience/validate.ts';

// Sharing the work of a service
export { batched } from './resilience/sharing/batched.ts';
export type { BatchConfig } from './resilience/sharing/batched.ts';
export type { LoadMany } from './resilience/sharing/batch.ts';
export { lastGood } from './resilience/last-good/last-good.ts';
export type { LastGoodConfig } from './resilience/last-good/last-good.ts';
export type { AnswerStore } from './resilience/last-good/answers.ts';
export { perRun } from './resilience/sharing/per-run.ts';
export { singleFlight } from './resilience/sharing/single-flight.ts';
export type { KeyConfig, Primitive } from './resilience/sharing/keys.ts';

// Errors
export { BodyTooLargeError } from './errors/body-too-large-error.ts';
export { BulkheadFullError } from './errors/bulkhead-full-error.ts';
export { CanceledError } from './errors/canceled-error.ts';
export { DeadlineExceededError } from './errors/deadline-exceeded-error.ts';
export { DecodeError } from './errors/decode-error.ts';
export { ForkfastError } from './errors/forkfast-error.ts';
export { HttpError } from './errors/http-error.ts';
export type { Problem, ResponseHeaders } from './errors/http-error.ts';
export { NetworkError } from './errors/network-error.ts';
export type { NetworkErrorKind } from './errors/network-error.ts';
export { ServiceError } from './errors/service-error.ts';
export { ValidationError } from './errors/validation-error.ts';
