// Asking services at once
export { aggregate } from './aggregate.ts';
export type { AnyService, ContextOf, InputOf, OutputOf } from './aggregate.ts';
export { background } from './context.ts';
export type { Context, Fetch, FetchBody, FetchChunk, FetchResponse } from './context.ts';
export type { Service } from './service.ts';

export { aggregateEach } from './aggregate-each.ts';
export { aggregateLatest } from './aggregate-latest.ts';
export { perRun } from './per-run.ts';
export { singleFlight } from './single-flight.ts';
export type { KeyConfig, Primitive } from './sharing.ts';

// Options
export { withConcurrency, withEvents, withFetch, withLogger, withName, withTimeout } from './options.ts';
export type { AggregateOption, Config } from './options.ts';
export type { EventFields, EventSink, RunEvent } from './events.ts';
export { silent } from './logging.ts';
export type { Logger, LogFields } from './logging.ts';

// Operators for one service
export { backoff, isTransient } from './operators/backoff.ts';
export type { BackoffConfig } from './operators/backoff.ts';
export { bulkhead } from './operators/bulkhead.ts';
export { hedge } from './operators/hedge.ts';
export type { HedgeConfig } from './operators/hedge.ts';
export { retryBudget } from './retry-budget.ts';
export type { RetryBudget } from './retry-budget.ts';
export { settle } from './operators/settle.ts';
export type { Settled } from './operators/settle.ts';
export { validate } from './operators/validate.ts';

// The borders to promises and to the wire
export { fetchJson, fetchText } from './fetch.ts';
export type { FetchInit } from './fetch.ts';
export { fromAbortable } from './from-abortable.ts';
export { url } from './url.ts';
export type { UrlValue } from './url.ts';

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

// The reference scenario
export { orderService, profileService, UserAggregator } from './user-aggregator.ts';
export type { Orders, Profile } from './user-aggregator.ts';
