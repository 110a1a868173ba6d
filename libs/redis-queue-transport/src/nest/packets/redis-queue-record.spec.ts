import { describe, expect, test } from '@jest/globals';
import { rawCodec } from '../../core/body/codec.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { RedisQueueRecord, RedisQueueRecordBuilder } from './redis-queue-record.js';

describe('RedisQueueRecordBuilder', () => {
  test('makes a record of the data and its settings', () => {
    const due = new Date('2030-01-01T00:00:00Z');

    const record = new RedisQueueRecordBuilder({ to: 'Ann' })
      .id('mail-1')
      .headers({ tenant: 'acme' })
      .headers({ trace: '7' })
      .deliverAt(due)
      .expiresIn(60_000)
      .deduplicate(1_000)
      .codec(rawCodec)
      .build();

    expect(record).toBeInstanceOf(RedisQueueRecord);
    expect(record.data).toEqual({ to: 'Ann' });
    expect(record.options).toEqual({
      id: 'mail-1',
      headers: { tenant: 'acme', trace: '7' },
      deliverAt: due,
      expiresInMs: 60_000,
      deduplicateMs: 1_000,
      codec: rawCodec,
    });
  });

  test('sets nothing that was not given', () => {
    expect(new RedisQueueRecordBuilder('data').build().options).toEqual({});
    expect(new RedisQueueRecordBuilder('data').delay(0).build().options).toEqual({ delayMs: 0 });
  });

  test('leaves records alone that it has already made', () => {
    const builder = new RedisQueueRecordBuilder('data').headers({ a: '1' });
    const first = builder.build();

    builder.id('later').headers({ b: '2' });

    expect(first.options).toEqual({ headers: { a: '1' } });
  });

  /** The builder as a caller without types may use it. */
  type Untyped = Record<string, (value: unknown) => unknown>;

  test.each<[string, unknown, string]>([
    ['id', '', 'id must be text that is not empty, got ""'],
    ['id', 7, 'id must be text that is not empty, got 7'],
    ['headers', { tenant: 7 }, 'headers.tenant must be text, got 7'],
    ['headers', null, 'headers must be an object with text values, got null'],
    ['headers', 'tenant', 'headers must be an object with text values, got "tenant"'],
    ['headers', ['a'], 'headers must be an object with text values, got ["a"]'],
    ['delay', -1, 'delay must be a whole number of milliseconds ≥ 0, got -1'],
    ['delay', '5s', 'delay must be a whole number of milliseconds ≥ 0, got "5s"'],
    ['deliverAt', 'tomorrow', 'deliverAt must be a valid Date, got "tomorrow"'],
    ['deliverAt', new Date(NaN), 'deliverAt must be a valid Date, got null'],
    ['expiresIn', 0, 'expiresIn must be a whole number of milliseconds ≥ 1, got 0'],
    ['deduplicate', 0.5, 'deduplicate must be a whole number of milliseconds ≥ 1, got 0.5'],
    ['codec', 'raw', 'codec must be an object with name'],
  ])('refuses an unusable value: %s of %p', (method, value, message) => {
    const builder = new RedisQueueRecordBuilder('data') as unknown as Untyped;

    expect(() => builder[method]?.(value)).toThrow(InvalidOptionError);
    expect(() => builder[method]?.(value)).toThrow(message);
  });

  test('refuses contradictory settings', () => {
    const twice = new RedisQueueRecordBuilder('data').delay(1).deliverAt(new Date());
    const nameless = new RedisQueueRecordBuilder('data').deduplicate(1_000);

    expect(() => twice.build()).toThrow('delay and deliverAt exclude each other');
    expect(() => nameless.build()).toThrow('deduplicate needs an id');
  });
});

describe('a record made by hand', () => {
  const made = (options: object) => () => new RedisQueueRecord('data', options);

  test.each<[string, object, string]>([
    ['headers that are not text', { headers: { a: 1 } }, 'headers.a must be text, got 1'],
    ['an empty id', { id: '' }, 'id must be text that is not empty, got ""'],
    ['half a ms', { delayMs: 0.5 }, 'delayMs must be a whole number of milliseconds ≥ 0, got 0.5'],
    ['no Date', { deliverAt: 5 }, 'deliverAt must be a valid Date, got 5'],
    ['a misspelt setting', { deduplicateMS: 5 }, 'did you mean deduplicateMs?'],
    ['a window without an id', { deduplicateMs: 5 }, 'deduplicate needs an id'],
  ])('is refused with %s', (_, options, text) => {
    expect(made(options)).toThrow(InvalidOptionError);
    expect(made(options)).toThrow(text);
  });

  test('keeps what it is given', () => {
    const options = { id: 'a', headers: { b: 'c' }, deduplicateMs: 5, expiresInMs: undefined };
    expect(new RedisQueueRecord('data', options)).toMatchObject({ data: 'data', options });
  });
});
