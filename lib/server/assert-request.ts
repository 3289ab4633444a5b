import { hasMethod, isToken, mismatch } from '../core/assert.ts';
import { read } from '../errors/foreign.ts';
import type { ContextOptions } from './context-of.ts';
import { isWebRequest } from './headers-of.ts';

export function assertRequest(request: unknown, response: unknown): void {
  if (isWebRequest(request)) return;
  const headers = read(request, 'headers');
  if (typeof headers !== 'object' || headers === null) {
    const expected = 'a Request, or the request of Node';
    throw new TypeError(`${mismatch('contextOf: request', expected, request)}: pass request, c.req.raw or request.raw`);
  }
  if (!hasMethod(response, 'on') || typeof read(response, 'writableEnded') !== 'boolean') {
    const expected = 'the response of Node after its request';
    throw new TypeError(`${mismatch('contextOf: response', expected, response)}: pass response, or reply.raw`);
  }
}

export function assertOptions(options: ContextOptions): void {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new TypeError(`${mismatch('contextOf: options', 'an object', options)}: pass { atMost: 1_000 }, for example`);
  }
  const { signal, atMost = Infinity, deadlineHeaders, propagate } = options;
  if (signal !== undefined && !hasMethod(signal, 'addEventListener')) {
    throw new TypeError(`${mismatch('contextOf: signal', 'an AbortSignal', signal)}: pass controller.signal`);
  }
  if (typeof atMost !== 'number' || !(atMost > 0 && (atMost < 2 ** 31 || atMost === Infinity))) {
    const expected = 'milliseconds above 0 and below 2^31';
    throw new RangeError(`${mismatch('contextOf: atMost', expected, atMost)}: pass Infinity for no bound`);
  }
  for (const [option, names] of Object.entries({ deadlineHeaders, propagate })) {
    if (names === undefined || (Array.isArray(names) && names.every(isToken))) continue;
    throw new TypeError(
      `${mismatch(`contextOf: ${option}`, 'an array of header names', names)}: pass ['x-request-id'], for example`,
    );
  }
}
