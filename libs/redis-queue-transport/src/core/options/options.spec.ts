import { describe, expect, test } from '@jest/globals';
import { InvalidOptionError } from '../errors/start-errors.js';
import {
  invalid,
  nested,
  objectWith,
  oneOf,
  resolveOptions,
  text,
  wholeNumber,
} from './options.js';

interface Options {
  readonly leaseMs: number;
  readonly prefix: string;
}

const RULES = {
  leaseMs: wholeNumber('milliseconds', 1_000),
  prefix: text('text without braces', (value) => !/[{}]/.test(value)),
};
const DEFAULTS: Options = { leaseMs: 30_000, prefix: 'rq' };

function resolve(given: object): Options {
  return resolveOptions<Options>(given, RULES, DEFAULTS, 'TheServer');
}

describe('resolveOptions', () => {
  test('prefers given values to defaults, and freezes the result', () => {
    const resolved = resolve({ leaseMs: 2_000 });
    expect(resolved).toEqual({ leaseMs: 2_000, prefix: 'rq' });
    expect(Object.isFrozen(resolved)).toBe(true);
  });

  test('never lets undefined override a default', () => {
    expect(resolve({ leaseMs: undefined })).toEqual(DEFAULTS);
  });

  test.each([
    ['leasMs', 'TheServer has no option leasMs; did you mean leaseMs?'],
    ['LEASEMS', 'TheServer has no option LEASEMS; did you mean leaseMs?'],
    ['colour', 'TheServer has no option colour; its options are leaseMs, prefix'],
    ['toString', 'TheServer has no option toString; its options are leaseMs, prefix'],
  ])('refuses the unknown option %s and helps', (option, message) => {
    expect(() => resolve({ [option]: 1 })).toThrow(new InvalidOptionError(option, message));
  });
});

describe('an option with an unusable value', () => {
  test.each([
    ['text', '30s', '"30s"'],
    ['text that is a number', '2000', '"2000"'],
    ['too small a number', 999, '999'],
    ['a fraction', 1_000.5, '1000.5'],
    ['no number', Number.NaN, 'NaN'],
    ['infinity', Number.POSITIVE_INFINITY, 'Infinity'],
    ['null', null, 'null'],
    ['a BigInt', 2_000n, '2000'],
    ['a function', () => 1, 'a function'],
  ])('is refused: %s, and shown', (_what, value, shown) => {
    expect(() => resolve({ leaseMs: value })).toThrow(
      `leaseMs must be a whole number of milliseconds ≥ 1000, got ${shown}`,
    );
  });

  test('is refused above the maximum as well', () => {
    const rule = wholeNumber('handlers', 1, 10);
    expect(rule(10, 'concurrency')).toBe(10);
    expect(() => rule(11, 'concurrency')).toThrow(
      'concurrency must be a whole number of handlers from 1 to 10, got 11',
    );
  });

  test('is refused when it is text of the wrong kind', () => {
    expect(() => resolve({ prefix: 'a{b}' })).toThrow(
      'prefix must be text without braces, got "a{b}"',
    );
    expect(() => resolve({ prefix: 7 })).toThrow(InvalidOptionError);
  });

  test('is refused when it is not one of the choices', () => {
    const rule = oneOf(['fixed', 'exponential']);
    expect(rule('fixed', 'backoff')).toBe('fixed');
    expect(() => rule('linear', 'backoff')).toThrow(
      `backoff must be 'fixed' or 'exponential', got "linear"`,
    );
  });

  test('is refused when it lacks the method', () => {
    const rule = objectWith<{ serialize(): void }>('serialize');
    const serializer = { serialize: () => undefined };
    expect(rule(serializer, 'serializer')).toBe(serializer);
    for (const value of [{}, null, 'x'])
      expect(() => rule(value, 'serializer')).toThrow(
        'serializer must be an object with a method serialize()',
      );
  });
});

describe('an option with options of its own', () => {
  const rule = nested<Options>(RULES, DEFAULTS, ['prefix']);

  test('is resolved like the others', () => {
    expect(rule({ prefix: 'a' }, 'once')).toEqual({ leaseMs: 30_000, prefix: 'a' });
    expect(() => rule({ prefix: 'a', leasMs: 1 }, 'once')).toThrow(
      'once has no option leasMs; did you mean leaseMs?',
    );
  });

  test('that is required and misspelt is refused with a suggestion', () => {
    expect(() => rule({ prefx: 'a' }, 'once')).toThrow(
      'once has no option prefx; did you mean prefix?',
    );
    expect(() => rule({ leaseMs: 1_000 }, 'once')).toThrow(
      'once must be an object that has prefix',
    );
  });

  test('is named with its path, in the message and in the field `option`', () => {
    const refused = [
      [{ prefix: 'a', leaseMs: 0 }, 'once.leaseMs', 'once.leaseMs must be '],
      [{ prefix: 'a', leasMs: 1 }, 'once.leasMs', 'once has no option leasMs'],
    ] as const;
    for (const [given, option, message] of refused)
      expect(() => rule(given, 'once')).toThrow(
        expect.objectContaining({ option, message: expect.stringContaining(message) as unknown }),
      );
  });

  test('must have what is required', () => {
    expect(() => rule({}, 'once')).toThrow('once must be an object that has prefix, got {}');
  });

  test.each([[5], [null], [[]], ['x']])('must be an object, not %j', (value) => {
    expect(() => rule(value, 'once')).toThrow('once must be an object with leaseMs, prefix');
  });
});

test('a long value is shown in part', () => {
  const { message } = invalid('prefix', 'short', 'x'.repeat(5_000));
  expect(message.length).toBeLessThan(300);
  expect(message).toContain('(5002 characters)');
});
