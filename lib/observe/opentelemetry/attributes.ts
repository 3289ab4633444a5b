import type { Attributes } from '@opentelemetry/api';
import { read, shortName, textOf } from '../../errors/foreign.ts';
import { serialize } from '../../errors/forkfast-error.ts';
import { HttpError } from '../../errors/http-error.ts';
import { serviceCauseOf } from '../../errors/service-error.ts';

/** The name and the version of the instrumentation scope. */
export const scope: readonly [name: string, version: string] = ['forkfast', '0.1.0'];

/** The attributes that name the aggregate and the service of a span or a measurement. */
export function attributesOf(of: { readonly name: string; readonly service?: string | undefined }): Attributes {
  const { name, service } = of;
  return {
    'forkfast.aggregate.name': shortName(name),
    ...(service !== undefined && { 'forkfast.service.name': shortName(service) }),
  };
}

/** `aggregateEach` has a service for each input: one name for all of them keeps the number of time series small. */
export function lowCardinality<T extends string | undefined>(service: T): T | '[]' {
  return /^\[\d+\]$/.test(String(service)) ? '[]' : service;
}

/**
 * The attribute `error.type`: the HTTP status, or else the code, or else the name, of the error that made a service fail.
 *
 * Numeric codes are skipped: those of `DOMException` say less than its name.
 */
export function errorType(error: unknown): string {
  const cause = serviceCauseOf(error);
  if (cause instanceof HttpError) return textOf(read(cause, 'status'));
  const { name, code } = serialize(cause);
  return textOf(typeof code === 'string' ? code : name);
}

/**
 * The part of an error that a span may contain: the message of a forkfast error, or else the code.
 *
 * Other messages and stacks quote URLs, header values and bodies. A stack begins with the message.
 */
export function exceptionOf(error: unknown): { readonly name: string; readonly message: string } {
  const { name, code = '', message = code } = serialize(error);
  return { name: textOf(name), message: textOf(message) };
}
