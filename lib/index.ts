// Asking services at once
export { aggregate } from './core/aggregate.ts';
export { background } from './core/context.ts';
export type { Context, Fetch, FetchBody, FetchChunk, FetchResponse } from './core/context.ts';
export type { AnyService, ContextOf, InputOf, OutputOf, Service } from './core/service.ts';

export { aggregateEach } from './core/aggregate-each.ts';
export { aggregateLatest } from './core/aggregate-latest.ts';
export { perRun } from './resilience/per-run.ts';
export { singleFlight } from './resilience/single-flight.ts';
export type { KeyConfig, Primitive } from './resilience/share-by-key.ts';

// Options
export { withConcurrency, withEvents, withFetch, withLogger, withName, withTimeout } from './core/options.ts';
export type { AggregateOption, AggregateConfig } from './core/options.ts';
export type { EventFields, EventSink, RunEvent } from './observe/events.ts';
export { silent } from './observe/logging.ts';
export type { Logger, LogFields } from './observe/logging.ts';

// Operators for one service
export { backoff } from './resilience/backoff.ts';
export type { BackoffConfig } from './resilience/backoff.ts';
export { isTransient } from './resilience/is-transient.ts';
export { bulkhead } from './resilience/bulkhead.ts';
export { hedge } from './resilience/hedge.ts';
export type { HedgeConfig } from './resilience/hedge.ts';
export { retryBudget } from './resilience/retry-budget.ts';
export type { RetryBudget } from './resilience/retry-budget.ts';
export { settle } from './resilience/settle.ts';
export type { Settled } from './resilience/settle.ts';
export { validate } from './resilience/validate.ts';

// The borders to promises and to the wire
export { fetchJson, fetchText } from './http/fetch.ts';
export type { FetchInit } from './http/fetch.ts';
export { fromAbortable } from './core/from-abortable.ts';
export { url } from './http/url.ts';
export type { UrlValue } from './http/url.ts';

// Errors
export { BodyTooLargeError } from './errors/body-too-large-error.ts';
export { BulkheadFullError } from './errors/bulkhead-full-error.ts';
export { CanceledError } from './errors/canceled-error.ts';
export { DeadlineExceededError } from './errors/deadline-exceeded-error.ts';
export { DecodeError } from './errors/decode-error.ts';
export { ForkfastError } from './errors/forkfast-error.ts';
export { HttpError } from './errors/http-error.ts';
export { NetworkError } from './errors/network-error.ts';
export { ServiceError } from './errors/service-error.ts';
export { ValidationError } from './errors/validation-error.ts';
