import { describe, expect, test } from '@jest/globals';
import type { Settlement } from '../../core/broker/lease.js';
import { partsOf } from './settlement-parts.js';

function numbered(kind: 'ack' | 'release', count: number, bytes = 10): Settlement[] {
  return Array.from({ length: count }, () => ({ kind, element: Buffer.alloc(bytes) }));
}

function dead(count: number): Settlement[] {
  return Array.from({ length: count }, () => ({
    kind: 'deadLetter',
    element: Buffer.alloc(10),
    replacement: Buffer.alloc(20),
  }));
}

describe('the parts of what is settled', () => {
  test('are one for what is settled as a rule', () => {
    const settlements = numbered('ack', 100);
    expect(partsOf(settlements, 100)).toEqual([settlements]);
    expect(partsOf([], 100)).toEqual([[]]);
  });

  test.each([
    ['many', 1_200, 10, 100, 3],
    ['large', 10, 300_000, 10, 4],
    ['among many that are held', 100, 10, 10_000, 6],
    ['larger each than a part may be', 3, 2_000_000, 3, 3],
  ])('are several for those that are %s', (_, count, bytes, held, parts) => {
    expect(partsOf(numbered('ack', count, bytes), held)).toHaveLength(parts);
  });

  test('have the last first, for what goes back to the head, and each its order', () => {
    const settlements = numbered('release', 1_100);
    const parts = partsOf(settlements, 100);
    expect(parts.map((part) => settlements.indexOf(part[0]!))).toEqual([600, 100, 0]);
    expect(parts.toReversed().flat()).toEqual(settlements);
  });

  test('have dead letters behind the others, the first first', () => {
    const letters = dead(600);
    const parts = partsOf([...letters, ...numbered('ack', 100)], 100);
    expect(parts.map(([one]) => one?.kind)).toEqual(['ack', 'deadLetter', 'deadLetter']);
    expect(parts.slice(1).flat()).toEqual(letters);
  });
});
