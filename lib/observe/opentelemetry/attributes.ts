import type { Attributes } from '@opentelemetry/api';
import { serialize } from '../../errors/forkfast-error.ts';
import { HttpError } from '../../errors/http-error.ts';
import { ServiceError } from '../../errors/service-error.ts';

/** The name and the version of the instrumentation scope. */
export const scope: readonly [name: string, version: string] = ['forkfast', '0.1.0'];

/** Whose a span or a measurement is. */
export function whose({ name, service }: { readonly name: string; readonly service?: string | undefined }): Attributes {
  return { 'forkfast.aggregate.name': name, ...(service === undefined ? {} : { 'forkfast.service.name': service }) };
}

/** A service's name where the values must be few: `aggregateEach` has as many indices as there are inputs. */
export function few<T extends string | undefined>(service: T): T | '[]' {
  return /^\[\d+\]$/.test(String(service)) ? '[]' : service;
}

/**
 * `error.type`: the HTTP status, else the code, else the name, of what failed first.
 *
 * Numeric codes are left out: those of `DOMException` say less than its name.
 */
export function errorType(error: unknown): string {
  if (error instanceof ServiceError) return errorType(error.cause);
  if (error instanceof HttpError) return String(error.status);
  const { name, code } = serialize(error);
  return String(typeof code === 'string' ? code : name);
}

/**
 * What may be told of an error: `message` is a sentence of our own, or no more than a code. The messages and the stacks of
 * others quote URLs, header values and bodies, and a stack begins with the message.
 */
export function told(error: unknown): { readonly name: string; readonly message: string } {
  const { name, code = '', message = code } = serialize(error);
  return { name: String(name), message: String(message) };
}
