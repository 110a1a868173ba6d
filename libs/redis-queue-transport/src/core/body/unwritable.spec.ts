import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { of } from 'rxjs';
import { UnencodableError } from '../errors/data-errors.js';
import { encodeJson } from './json.js';
import { assertWritten } from './unwritable.js';

function write(data: unknown): void {
  assertWritten(data, encodeJson(data));
}

function* numbers(): Generator<number> {
  yield 1;
}

async function* later(): AsyncGenerator<number> {
  yield await Promise.resolve(1);
}

const LOST: readonly [string, unknown][] = [
  ['a Promise', Promise.resolve(1)],
  ['a Map', new Map([['a', 1]])],
  ['a Set', new Set([1])],
  ['a WeakMap', new WeakMap()],
  ['an Error', new TypeError('no')],
  ['a RegExp', /a/],
  ['a stream', Readable.from(['a'])],
  ['a stream', new ReadableStream()],
  ['a stream', of(1)],
  ['an iterator', numbers()],
  ['an iterator', later()],
  ['an invalid Date', new Date(NaN)],
];

describe('data that JSON would lose', () => {
  test.each([...LOST, ['NaN', NaN], ['Infinity', Infinity]])(
    'are refused with what they are: %s',
    (what, data) => {
      expect(() => write(data)).toThrow(UnencodableError);
      expect(() => write(data)).toThrow(`the data are ${what}`);
    },
  );

  test.each([
    ...LOST,
    ['NaN', NaN],
    ['-Infinity', -Infinity],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
  ])('are refused inside other data too: %s', (what, data) => {
    expect(() => write({ orders: [1, { tags: data }] })).toThrow(`data.orders[1].tags is ${what}`);
  });
});

class Money {
  readonly #cents = 100;

  toJSON(): unknown {
    return { cents: this.#cents };
  }
}

test('data that JSON would lose are found in an instance as well', () => {
  const person = Object.assign(new (class Person {})(), { age: NaN });
  expect(() => write({ person })).toThrow('data.person.age is NaN');
});

test('data that JSON would lose are looked for as deep as JSON can be written', () => {
  let data: unknown = 1;
  for (let depth = 0; depth < 2_000; depth += 1) data = [{ data }];
  expect(() => write(data)).not.toThrow();
});

test.each<[string, unknown]>([
  ['plain data', { a: [1, 'b', null, { c: undefined }], d: {}, e: [] }],
  ['nothing', null],
  ['undefined', undefined],
  ['an instance without fields', new (class Ping {})()],
  ['an instance with toJSON()', new Money()],
  ['an instance with toJSON() inside other data', { total: new Money(), none: {} }],
  ['an Error with toJSON()', Object.assign(new Error('x'), { toJSON: () => ({ message: 'x' }) })],
  ['a Date', { at: new Date(0), none: {} }],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: {} })],
  [
    'an instance with a function',
    {
      a: new (class Person {
        greet = () => 'hello';
        name = 'Ada';
      })(),
    },
  ],
  ['numbers of any size', [0, -0, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53]],
  ['a plain object with toJSON()', { a: { toJSON: () => 'a', n: NaN } }],
  ['bytes', { bytes: Buffer.from('a'), none: {} }],
])('JSON keeps %s', (_, data) => {
  expect(() => write(data)).not.toThrow();
});
