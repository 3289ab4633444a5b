import { expect } from 'chai';
import { from, NEVER, throwError, timeout } from 'rxjs';
import { DeadlineExceededError, ServiceError } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { failureOfMarbles } from './failure-of-marbles.ts';

type Pair = readonly [actual: unknown, expected: unknown];

class NotFound extends Error {}
class Gone extends Error {}
class Money {
  readonly #cents: number;
  constructor(cents: number) {
    this.#cents = cents;
  }
  get cents(): number {
    return this.#cents;
  }
}
class Price extends Money {
  readonly currency = 'EUR';
}
class Theme {
  readonly color = '#fff';
  /** Reads no private field. */
  get hash(): string {
    return `${this.color}#hash`;
  }
}
class Catalog extends Map<string, number> {
  readonly name: string;
  constructor(name: string, entries: readonly [string, number][] = []) {
    super(entries);
    this.name = name;
  }
}
class PlainDate {
  readonly #iso: string;
  readonly [Symbol.toStringTag] = 'Temporal.PlainDate';
  constructor(iso: string) {
    this.#iso = iso;
  }
  toString(): string {
    return this.#iso;
  }
}
class Wallet {
  readonly money: Money;
  constructor(money: Money) {
    this.money = money;
  }
}
class Bag extends Money {
  *[Symbol.iterator](): Iterator<number> {
    yield this.cents;
  }
}

const key = Symbol('key');
const one = new Money(1);
const coded = (code: string): Error => Object.assign(new Error('boom'), { code });
const failed = (service: string, elapsed: number): ServiceError =>
  Object.assign(new ServiceError({ service: 'a', elapsed, cause: 'boom' }), { service });
const pending = (last: string): DeadlineExceededError =>
  new DeadlineExceededError({ pending: ['a', 'b', 'c', 'd', 'e', last], elapsed: 1 });
/** An error at the end of whose causes is the error itself. */
const circularError = (message: string): Error => {
  const error = new Error('boom');
  error.cause = new Error(message, { cause: [error] });
  return error;
};
const circular = (value: unknown): unknown => {
  const one: Record<string, unknown> = { value };
  return Object.assign(one, { self: one, list: [{ one }], map: new Map([['one', one]]), set: new Set([one]) });
};
const form = (...entries: [name: string, value: string | Blob][]): FormData => {
  const data = new FormData();
  for (const [name, value] of entries) data.append(name, value);
  return data;
};
const fail = (): never => {
  throw new Error('trapped');
};
const throwing = (): object => new Proxy({}, { get: fail, has: fail, ownKeys: fail });
const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);
/** Another object each time its field is read. */
const endless = (): object => Object.defineProperty({}, 'next', { enumerable: true, get: endless });
// The global is missing in a page that is not isolated from other origins.
const { constructor: SharedBuffer } = new WebAssembly.Memory({ shared: true, initial: 0, maximum: 0 }).buffer;
const shared = (...values: number[]): SharedArrayBuffer => {
  const buffer = new (SharedBuffer as SharedArrayBufferConstructor)(values.length);
  new Uint8Array(buffer).set(values);
  return buffer;
};
const matching = (text: string): unknown => /b/.exec(text);
const sparse = (length: number, at: number): unknown[] => Object.assign(new Array(length), { [at]: 1 });
const searched = (text: string): RegExp => {
  const pattern = /a/g;
  pattern.test(text);
  return pattern;
};
/** Contains one object 2^40 times. */
const repeated = (value: unknown): unknown => {
  let pair: unknown = { value };
  for (let depth = 0; depth < 30; depth++)
    pair = depth % 2 === 0 ? { left: pair, right: pair } : new Set([pair, [pair]]);
  return pair;
};
const deep = (value: unknown): unknown => {
  let nested: unknown = { value };
  for (let depth = 0; depth < 6_000; depth++) nested = [nested];
  return nested;
};
const numbers = Array.from({ length: 20_000 }, (_, number) => number);
const reversed = [...numbers].reverse();
const record = (fields: object): object => Object.assign(Object.create(null) as object, fields);

/** Whether `marbles` accepts the value, and whether it does inside of a list in a map. */
function accepts([actual, expected]: Pair): readonly boolean[] {
  const nested = (value: unknown): unknown => new Map([['list', [{ value }]]]);
  return [
    [actual, expected],
    [nested(actual), nested(expected)],
  ].map(([one, other]) => {
    try {
      marbles(({ expectObservable }) => {
        expectObservable<unknown>(from([one])).toBe('(x|)', { x: other });
      });
      return true;
    } catch (error) {
      expect(error).to.have.property('name', 'MarbleError');
      return false;
    }
  });
}

const equal: Readonly<Record<string, Pair>> = {
  NaN: [NaN, NaN],
  'records, in any order of keys': [
    { a: [1, { b: undefined }], c: 2 },
    { c: 2, a: [1, { b: undefined }] },
  ],
  'records without a prototype': [record({ a: 1 }), record({ a: 1 })],
  'symbol keys': [{ [key]: 1 }, { [key]: 1 }],
  'instances with public fields': [new Wallet(one), new Wallet(one)],
  'maps, in any order': [
    new Map<unknown, unknown>([
      ['a', new Set([1])],
      [{ b: 1 }, 2],
    ]),
    new Map<unknown, unknown>([
      [{ b: 1 }, 2],
      ['a', new Set([1])],
    ]),
  ],
  'sets, in any order': [new Set([{ a: 1 }, { b: 2 }]), new Set([{ b: 2 }, { a: 1 }])],
  'sets and maps of symbols': [
    [new Set([key, Symbol.iterator]), new Map([[key, Symbol.iterator]])],
    [new Set([Symbol.iterator, key]), new Map([[key, Symbol.iterator]])],
  ],
  'sets of records without a prototype': [new Set([record({ a: 1 })]), new Set([record({ a: 1 })])],
  dates: [
    [new Date(0), new Date(NaN)],
    [new Date(0), new Date(NaN)],
  ],
  'regular expressions': [/a/g, /a/g],
  URLs: [new URL('http://a.test/b'), new URL('http://a.test/b')],
  'headers, in any order and case': [new Headers({ a: '1', b: '2' }), new Headers({ B: '2', A: '1' })],
  'URL search parameters': [new URLSearchParams('a=1&a=2'), new URLSearchParams('a=1&a=2')],
  'form data': [form(['a', '1']), form(['a', '1'])],
  bytes: [
    [bytes(1, 2), bytes(), bytes(1).buffer],
    [bytes(1, 2), bytes(), bytes(1).buffer],
  ],
  'views of different buffers': [new DataView(bytes(0, 1).buffer, 1), new DataView(bytes(1).buffer)],
  floats: [new Float64Array([NaN]), new Float64Array([NaN])],
  'boxed primitives': [
    [Object(1), Object('a'), Object(true), Object(1n)],
    [Object(1), Object('a'), Object(true), Object(1n)],
  ],
  'circular values': [circular(1), circular(1)],
  'values that contain an object many times': [repeated(1), repeated(1)],
  'values that are nested deeply': [deep(1), deep(1)],
  'large sets, in any order': [new Set(numbers), new Set(reversed)],
  'large maps, in any order': [
    new Map(numbers.map((number) => [number, { number }])),
    new Map(reversed.map((number) => [number, { number }])),
  ],
  'lists with holes': [sparse(100_000_000, 3), sparse(100_000_000, 3)],
  'lists with fields': [matching('ab'), matching('ab')],
  'maps with fields': [new Catalog('a', [['b', 1]]), new Catalog('a', [['b', 1]])],
  'shared buffers': [shared(1, 2), shared(1, 2)],
  'times of Temporal': [new PlainDate('2026-01-01'), new PlainDate('2026-01-01')],
  'instances whose text only looks private': [new Theme(), new Theme()],
  'errors with fields': [coded('E'), coded('E')],
  'an error with a field, if none is expected': [Object.assign(new Error('a'), { status: 404 }), new Error('a')],
  'errors without a class': [
    Object.assign(new Error('a'), { constructor: 1 }),
    Object.assign(new Error('a'), { constructor: 1 }),
  ],
  errors: [new NotFound('boom'), new NotFound('boom')],
  'errors inside of values': [[{ reason: new TypeError('boom') }], [{ reason: new TypeError('boom') }]],
  'an error with a cause, if none is expected': [new Error('a', { cause: 'b' }), new Error('a')],
  'errors with equal causes': [new Error('a', { cause: coded('E') }), new Error('a', { cause: coded('E') })],
  'circular errors': [circularError('a'), circularError('a')],
  'errors with other fields that differ': [failed('a', 1), failed('a', 2)],
  DOMExceptions: [new DOMException('a', 'AbortError'), new DOMException('a', 'AbortError')],
};

const different: Readonly<Record<string, Pair>> = {
  'zeros of different signs': [0, -0],
  'a zero inside of a value': [{ a: 0 }, { a: -0 }],
  'a key whose value is undefined': [{ a: 1 }, { a: 1, b: undefined }],
  'symbol keys': [{ [key]: 1 }, { [key]: 2 }],
  'a missing symbol key': [{ [key]: 1 }, {}],
  'lists and records': [[], {}],
  'null and a record': [null, {}],
  'keys of maps': [new Map([['a', 1]]), new Map([['b', 1]])],
  'values of maps': [new Map([['a', { b: 1 }]]), new Map([['a', { b: 2 }]])],
  'maps and sets': [new Map(), new Set()],
  sets: [new Set([{ a: 1 }, { a: 1 }]), new Set([{ a: 1 }, { a: 2 }])],
  dates: [new Date(1), new Date(2)],
  'flags of regular expressions': [/a/g, /a/i],
  URLs: [new URL('http://a.test/b'), new URL('http://a.test/c')],
  headers: [new Headers({ a: '1' }), new Headers({ a: '2' })],
  'headers and a record': [new Headers(), {}],
  'URL search parameters': [new URLSearchParams('a=1'), new URLSearchParams('a=2')],
  'the order of URL search parameters': [new URLSearchParams('a=1&a=2'), new URLSearchParams('a=2&a=1')],
  'form data': [form(['a', '1']), form(['a', '2'])],
  bytes: [bytes(1), bytes(2)],
  'types of bytes': [bytes(1), new Int8Array([1])],
  buffers: [bytes(1).buffer, bytes(2).buffer],
  'views of one buffer': [new DataView(bytes(1, 2).buffer, 0, 1), new DataView(bytes(1, 2).buffer, 1, 1)],
  'boxed primitives': [Object(1), Object(2)],
  'boxed symbols': [Object(key), Object(Symbol('key'))],
  'a boxed primitive and a primitive': [Object(1), 1],
  'circular values': [circular(1), circular(2)],
  'values that contain an object many times': [repeated(1), repeated(2)],
  'values that are nested deeply': [deep(1), deep(2)],
  'a hole and undefined': [sparse(2, 1), [undefined, 1]],
  holes: [sparse(3, 1), sparse(3, 2)],
  'numbers of holes': [sparse(3, 1), sparse(4, 1)],
  'fields of lists': [matching('ab'), matching('aab')],
  'a list with fields and one without': [matching('b'), ['b']],
  'fields of maps': [new Catalog('a'), new Catalog('b')],
  'fields of dates': [Object.assign(new Date(0), { zone: 'a' }), Object.assign(new Date(0), { zone: 'b' })],
  'places at which a regular expression continues': [searched('a'), searched('')],
  'shared buffers': [shared(1), shared(2)],
  'times of Temporal': [new PlainDate('2026-01-01'), new PlainDate('2026-01-02')],
  'fields of errors': [Object.assign(new Error('a'), { status: 404 }), Object.assign(new Error('a'), { status: 500 })],
  'more than five pending services': [pending('f'), pending('g')],
  'classes of errors': [new NotFound('boom'), new Gone('boom')],
  'names of errors': [new DOMException('a', 'AbortError'), new DOMException('a', 'TimeoutError')],
  codes: [coded('E_ONE'), coded('E_TWO')],
  services: [failed('a', 1), failed('b', 1)],
  messages: [new Error('a'), new Error('b')],
  causes: [new Error('a', { cause: new Error('b') }), new Error('a', { cause: new Error('c') })],
  'circular errors': [circularError('a'), circularError('b')],
  'a missing cause': [new Error('a'), new Error('a', { cause: 'b' })],
  'errors of aggregate errors': [new AggregateError(['a']), new AggregateError(['b'])],
  'an error and a record like it': [{ name: 'Error', message: 'a' }, new Error('a')],
};

/** Objects whose content cannot be read: each call makes another one. */
const opaque: Readonly<Record<string, () => unknown>> = {
  blobs: () => new Blob(['a']),
  files: () => new File(['a'], 'a.txt', { lastModified: 0 }),
  'instances that have only private fields': () => new Money(1),
  'iterable instances that have only private fields': () => new Bag(1),
  'instances that have private and public fields': () => new Price(1),
  'instances of the platform with a field': () => Object.assign(new Blob(['a']), { name: 'a' }),
  events: () => new Event('a'),
  'instances inside of instances': () => new Wallet(new Money(1)),
  functions: () => () => 1,
  promises: () => Promise.resolve(1),
  'weak maps': () => new WeakMap(),
  generators: () => [1].values(),
  'abort signals': () => AbortSignal.abort('a'),
  responses: () => new Response('a'),
  requests: () => new Request('http://a.test/'),
  streams: () => new ReadableStream(),
  formats: () => new Intl.NumberFormat('en'),
  'proxies that throw': throwing,
  'endless values': endless,
};

describe('marbles, on values', () => {
  for (const [what, pair] of Object.entries(equal)) {
    it(`accepts equal ${what}`, () => {
      expect(accepts(pair)).to.deep.equal([true, true]);
    });
  }

  for (const [what, pair] of Object.entries(different)) {
    it(`rejects different ${what}`, () => {
      const [actual, expected] = pair;
      expect(accepts([actual, expected])).to.deep.equal([false, false]);
      if (what !== 'a missing cause') expect(accepts([expected, actual])).to.deep.equal([false, false]);
    });
  }

  for (const [what, make] of Object.entries(opaque)) {
    it(`compares ${what} by identity`, () => {
      const value = make();
      expect(accepts([value, value])).to.deep.equal([true, true]);
      expect(accepts([value, make()])).to.deep.equal([false, false]);
    });
  }
});

describe('a failure of marbles', () => {
  const self: Record<string, unknown> = { a: 1 };
  self['self'] = self;
  function named(): void {
    // only its name counts
  }
  const shown: readonly (readonly [value: unknown, text: string])[] = [
    ['a "b"', '"a \\"b\\""'],
    [undefined, 'undefined'],
    [-0, '-0'],
    [5n, '5n'],
    [key, 'Symbol(key)'],
    [named, '[function named]'],
    [Object.defineProperty(() => 1, 'name', { value: key }), '[function ]'],
    [[], '[]'],
    [{ a: [1, null], b: {} }, '{ a: [1, null], b: {} }'],
    [{ [key]: 1 }, '{ Symbol(key): 1 }'],
    [Object.create(null), '{}'],
    [self, '{ a: 1, self: [circular] }'],
    [new Map([['a', { b: 1 }]]), 'Map { "a": { b: 1 } }'],
    [new Set([1]), 'Set { 1 }'],
    [new Headers({ a: '1' }), 'Headers { "a": "1" }'],
    [new URLSearchParams('a=1'), 'URLSearchParams { "a": "1" }'],
    [bytes(1, 2), 'Uint8Array [1, 2]'],
    [Object(1), 'Number [1]'],
    [new Wallet(new Money(1)), 'Wallet { money: Money (compared by identity) }'],
    [new Blob(['a']), 'Blob (compared by identity)'],
    [throwing(), '[throws]'],
    [new Date(1), '1970-01-01T00:00:00.001Z'],
    [new Date(NaN), 'Invalid Date'],
    [/a/g, '/a/g'],
    [new URL('http://a.test/b'), 'http://a.test/b'],
    [searched('a'), '/a/g { lastIndex: 1 }'],
    [new Catalog('a', [['b', 1]]), 'Catalog { "b": 1 } { name: "a" }'],
    [sparse(3, 1), '[] { 1: 1, length: 3 }'],
    [new PlainDate('2026-01-01'), '2026-01-01 { Symbol(Symbol.toStringTag): "Temporal.PlainDate" }'],
  ];
  for (const [value, text] of shown) {
    it(`shows ${text}`, () => {
      const { actual } = failureOfMarbles(({ expectObservable }) => {
        expectObservable<unknown>(from([value])).toBe('');
      });
      expect(actual).to.equal(`(a|)\na  ${text}`);
    });
  }

  it('has a bound', () => {
    for (const value of [repeated(1), deep(1), numbers, numbers.map((number) => ({ number }))]) {
      const { message } = failureOfMarbles(({ expectObservable }) => {
        expectObservable(from([value])).toBe('');
      });
      expect(message).to.have.length.below(1_000_000).and.include('…');
    }
  });

  it('shows the first letters of a line that is too long', () => {
    const { message } = failureOfMarbles(({ expectObservable }) => {
      expectObservable(from(numbers.slice(0, 2_000).map((number) => ({ number })))).toBe('');
    });
    expect(message).to.include('a  { number: 0 }').and.include('?  { number: 60 }');
  });

  it('shows the fields by which errors are compared', async () => {
    for (const [error, text] of [
      [new NotFound('user'), 'NotFound: user'],
      [coded('E_BOOM'), 'Error: boom { code: "E_BOOM" }'],
      [new DOMException('a', 'AbortError'), 'AbortError: a { code: 20 }'],
      [new AggregateError([1], 'a'), 'AggregateError: a { errors: [1] }'],
      [
        [new ServiceError({ service: 'a', elapsed: 1, cause: new TypeError('boom', { cause: 'why' }) })],
        '[ServiceError: a: boom { code: "ERR_SERVICE_FAILED", service: "a" }, caused by TypeError: boom, caused by "why"]',
      ],
      [await failureOf(NEVER.pipe(timeout(0)), Error), 'TimeoutError: Timeout has occurred'],
    ] as const) {
      const { actual } = failureOfMarbles(({ expectObservable }) => {
        expectObservable(throwError(() => error)).toBe('');
      });
      expect(actual).to.equal(`#\n#  ${text}`);
    }
  });
});
