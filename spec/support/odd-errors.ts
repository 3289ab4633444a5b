import { HttpError, ServiceError } from '../../lib/index.ts';

/** An error that has properties with the values of `properties`, whatever they are. */
function errorWith(properties: PropertyDescriptorMap): Error {
  return Object.defineProperties(new TypeError('boom'), properties);
}

const fail = (): never => {
  throw new Error('a getter of an odd error was read');
};

const oddValues: readonly (readonly [string, PropertyDescriptor])[] = [
  ['throws', { get: fail }],
  ['is a function that throws', { value: fail }],
  ['is a symbol', { value: Symbol('odd') }],
  ['is an object without a prototype', { value: Object.create(null) as object }],
  ['is a number', { value: 7 }],
  ['is undefined', { value: undefined }],
  ['is a revoked proxy', { value: revoked({}) }],
];

const oddKeys = ['message', 'name', 'code', 'constructor', 'cause', 'stack', 'toString', 'toJSON', Symbol.toStringTag];

export function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** A proxy all of whose traps throw. */
function hostile(target: object): object {
  const handler = new Proxy({}, { get: () => fail });
  return new Proxy(target, handler);
}

/** A proxy with an endless prototype chain. */
function bottomless(): object {
  const proxy: object = new Proxy(new Error('boom'), { getPrototypeOf: () => proxy });
  return proxy;
}

function circular(): Error {
  const error = new Error('boom');
  return Object.assign(error, { cause: new Error('inner', { cause: error }), errors: [error] });
}

/** A `ServiceError` that is its own cause. */
function circularServiceError(): ServiceError {
  const error = new ServiceError({ service: 'inner', elapsed: 0, cause: undefined });
  return Object.assign(error, { cause: error });
}

function endless(): Error {
  return Object.defineProperty(new Error('boom'), 'cause', { get: endless });
}

function chained(length: number): unknown {
  let error: unknown = new Error('boom');
  for (let index = 0; index < length; index++) error = new ServiceError({ service: 'a', elapsed: 0, cause: error });
  return error;
}

class Odd {
  static readonly name: never = Symbol('odd') as never;
  readonly own = true;
}

const inner = new ServiceError({ service: 'inner', elapsed: 0, cause: new Error('boom') });

/** Values that a service may throw, each with the text that follows the name of the service in the message of the run. */
export const oddErrors: readonly (readonly [what: string, error: unknown, text: string | RegExp])[] = [
  ...oddKeys.flatMap((key) =>
    oddValues.map(([how, descriptor]): [string, Error, RegExp] => [
      `an error whose ${String(key)} ${how}`,
      errorWith({ [key]: descriptor }),
      key === 'message' ? /^(?:TypeError|7|Symbol\(odd\))$/ : /^boom$/,
    ]),
  ),
  ['an error without any text', errorWith({ message: { get: fail }, name: { get: fail } }), 'Error'],
  ['an error without a prototype', Object.setPrototypeOf(new Error('boom'), null), 'failed with an object'],
  ['a frozen error', Object.freeze(new Error('boom')), 'boom'],
  ['a circular error', circular(), 'boom'],
  ['an error with an endless chain of causes', endless(), 'boom'],
  ['an error with a huge message', new Error('x'.repeat(1e6)), /^x{1990,2000}…$/],
  ['an error with half of a surrogate pair', new Error('\ud83d'), '\ud83d'],
  ['a revoked proxy of an error', revoked(new Error('boom')), 'failed with an object'],
  ['a revoked proxy of a function', revoked(fail), 'failed with a function'],
  ['a revoked proxy of an array', revoked([]), 'failed with an object'],
  ['a proxy whose traps throw', hostile(new Error('boom')), 'failed with an object'],
  ...['name', 'code', 'cause'].map((key): [string, Error, string] => [
    `an HttpError whose ${key} throws`,
    Object.defineProperty(new HttpError({ status: 404, method: 'GET', url: 'http://a.test/' }), key, { get: fail }),
    'HTTP 404 from GET http://a.test/',
  ]),
  ['a proxy whose prototype chain is endless', bottomless(), 'boom'],
  ['a class with an odd name', new Odd(), 'failed with an object'],
  ['an object without a prototype', Object.create(null), 'failed with an object'],
  ['text that was parsed', JSON.parse('{"constructor":{"name":"secret"},"message":"secret"}'), 'failed with an object'],
  ['undefined', undefined, 'failed with undefined'],
  ['null', null, 'failed with null'],
  ['NaN', NaN, 'failed with NaN'],
  ['a symbol', Symbol('secret'), 'failed with a symbol'],
  ['a bigint', 7n, 'failed with a bigint'],
  ['a function', fail, 'failed with a function'],
  ['a class', Odd, 'failed with a function'],
  ['a string', 'boom', 'boom'],
  ['an empty string', '', 'failed with a string'],
  ['a huge string', 'x'.repeat(1e6), /^x{1990,2000}…$/],
  ['the prototype of an error', TypeError.prototype, 'TypeError'],
  ['the prototype of a ServiceError', ServiceError.prototype, /./],
  ['an object that inherits from the prototype of a ServiceError', Object.create(ServiceError.prototype), /./],
  ['a proxy of a ServiceError whose traps throw', hostile(inner), 'failed with an object'],
  [
    'a ServiceError whose service throws',
    Object.defineProperty(Object.create(inner), 'service', { get: fail }),
    'inner: boom',
  ],
];

/** `ServiceError`s, which a run flattens, so that the cause is not the error itself. */
export const oddServiceErrors: readonly (readonly [what: string, error: unknown])[] = [
  ['a circular ServiceError', circularServiceError()],
  ['a long chain of ServiceErrors', chained(20_000)],
  ['a frozen ServiceError', Object.freeze(new ServiceError({ service: 'a', elapsed: 0, cause: 1 }))],
];
