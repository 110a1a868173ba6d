import { describe, expect, test } from '@jest/globals';
import { inOrder } from './in-order.js';

const later = async <T>(value: T, turns: number): Promise<T> => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
  return value;
};

describe('inOrder', () => {
  test('passes values on at once if they are there already', () => {
    const seen: unknown[] = [];
    const handOn = inOrder<number>(
      (value) => seen.push(value),
      () => undefined,
    );

    handOn(1);
    handOn(2);

    expect(seen).toEqual([1, 2]);
  });

  test('keeps the order, of failures too, if earlier values take longer', async () => {
    const seen: unknown[] = [];
    const end = new Promise<void>((resolve) => {
      const handOn = inOrder<string>(
        (value) => {
          seen.push(value);
          if (value === 'end') resolve();
        },
        (error) => seen.push(`failed: ${String(error)}`),
      );
      handOn('at once');
      handOn(later('slow', 5));
      handOn('behind the slow one');
      handOn(Promise.reject(new Error('broken')));
      handOn(later('quick', 1));
      handOn('end');
    });

    await end;

    expect(seen).toEqual([
      'at once',
      'slow',
      'behind the slow one',
      'failed: Error: broken',
      'quick',
      'end',
    ]);
  });
});
