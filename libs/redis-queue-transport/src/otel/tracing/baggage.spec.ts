import { describe, expect, test } from '@jest/globals';
import { baggageEntryMetadataFromString, propagation } from '@opentelemetry/api';
import type { BaggageEntry } from '@opentelemetry/api';
import { baggageHeaders, baggageOfHeaders } from './baggage.js';

const there = (entries: Record<string, BaggageEntry>): Record<string, string> | undefined =>
  baggageHeaders(propagation.createBaggage(entries));

const back = (baggage: string): unknown =>
  baggageOfHeaders({ baggage })
    ?.getAllEntries()
    .map(([name, { value, metadata }]) => [name, value, metadata?.toString()]);

test('baggage travels as a header, and back', () => {
  const metadata = baggageEntryMetadataFromString('ttl=5');
  const headers = there({
    tenant: { value: 'ACME & Söhne, 100 %' },
    'a b': { value: '', metadata },
  });

  expect(headers).toEqual({
    baggage: 'tenant=ACME%20%26%20S%C3%B6hne%2C%20100%20%25,a%20b=;ttl=5',
  });
  expect(back(headers?.['baggage'] ?? '')).toEqual([
    ['tenant', 'ACME & Söhne, 100 %', undefined],
    ['a b', '', 'ttl=5'],
  ]);
});

test('no baggage is no header', () => {
  expect(baggageHeaders(undefined)).toBeUndefined();
  expect(there({})).toBeUndefined();
});

test('what exceeds 180 entries or 8,192 bytes stays behind', () => {
  const many = Array.from({ length: 200 }, (_, i) => [`k${i}`, { value: 'v' }] as const);
  expect(there(Object.fromEntries(many))?.['baggage']?.split(',')).toHaveLength(180);

  const headers = there({ a: { value: 'x'.repeat(9_000) }, b: { value: 'y' } });
  expect(headers).toEqual({ baggage: 'b=y' });
});

describe('of what others wrote', () => {
  test.each<[string, string, unknown]>([
    [
      'blanks',
      ' a = 1 , b=2 ;x ',
      [
        ['a', '1', undefined],
        ['b', '2', 'x'],
      ],
    ],
    [
      'what is no pair',
      'a=1,,b,=3,c=%,d=4',
      [
        ['a', '1', undefined],
        ['d', '4', undefined],
      ],
    ],
    ['nothing', '', undefined],
    ['a name of every object', '__proto__=1', [['__proto__', '1', undefined]]],
    ['too much', `a=${'x'.repeat(9_000)}`, undefined],
  ])('%s is read as far as possible', (_, text, expected) => {
    expect(back(text)).toEqual(expected);
  });
});
