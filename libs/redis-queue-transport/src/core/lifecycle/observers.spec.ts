import { describe, expect, test } from '@jest/globals';
import type { RedisQueueObserver } from './observer.js';
import { OBSERVED_EVENTS, observersAsOne } from './observers.js';

const ABOUT = { queue: 'q' };

describe('several observers as one', () => {
  test('have exactly the methods that any of them has', () => {
    const one = observersAsOne(
      [{ leaseRegained: () => undefined }, { sent: () => undefined }],
      () => undefined,
    );

    const heard = OBSERVED_EVENTS.filter((event) => one[event] !== undefined);
    expect(heard).toEqual(['leaseRegained', 'sent']);
  });

  test('are told one after the other, if they want to know', () => {
    const told: string[] = [];
    const observer = (name: string): RedisQueueObserver => ({
      leaseRegained: ({ queue }) => told.push(`${name} ${queue}`),
    });
    const one = observersAsOne([observer('a'), {}, observer('b')], () => undefined);

    one.leaseRegained?.(ABOUT);

    expect(told).toEqual(['a q', 'b q']);
  });

  test('keep their own `this`', () => {
    class Counter implements RedisQueueObserver {
      count = 0;

      leaseRegained(): void {
        this.count += 1;
      }
    }
    const counter = new Counter();

    observersAsOne([counter], () => undefined).leaseRegained?.(ABOUT);

    expect(counter.count).toBe(1);
  });

  test('affect neither each other nor the observed work when they throw', () => {
    const told: string[] = [];
    const failing: RedisQueueObserver = {
      leaseRegained: () => {
        throw new Error('a mistake');
      },
    };
    const one = observersAsOne(
      [failing, { leaseRegained: () => told.push('told') }],
      (event, error) => told.push(`${event}: ${String(error)}`),
    );

    one.leaseRegained?.(ABOUT);

    expect(told).toEqual(['leaseRegained: Error: a mistake', 'told']);
  });

  const slips: readonly [string, () => unknown][] = [
    ['is async and rejects', () => Promise.reject(new Error('a mistake'))],
    [
      'returns a thenable that rejects',
      () => ({ then: (_: unknown, reject: (e: Error) => void) => reject(new Error('a mistake')) }),
    ],
    [
      'returns a thenable that throws',
      () => ({
        then: () => {
          throw new Error('a mistake');
        },
      }),
    ],
  ];

  test.each(slips)('report, once, an observer that %s', async (_, slip) => {
    const told: string[] = [];
    const failing: RedisQueueObserver = { leaseRegained: slip };
    const one = observersAsOne(
      [failing, { leaseRegained: () => told.push('told') }],
      (event, error) => told.push(`${event}: ${String(error)}`),
    );

    one.leaseRegained?.(ABOUT);
    await new Promise(setImmediate);

    expect(told).toEqual(['told', 'leaseRegained: Error: a mistake']);
  });

  test('go on if their failures cannot be reported', async () => {
    const told: string[] = [];
    const later = (): unknown => Promise.reject(new Error('later'));
    const one = observersAsOne(
      [
        { leaseRegained: later },
        {
          leaseRegained: () => {
            throw new Error('at once');
          },
        },
        { leaseRegained: () => told.push('told') },
      ],
      (_, error) => {
        told.push(String(error));
        throw new Error('a broken logger');
      },
    );

    one.leaseRegained?.(ABOUT);
    await new Promise(setImmediate);

    expect(told).toEqual(['Error: at once', 'told', 'Error: later']);
  });
});
