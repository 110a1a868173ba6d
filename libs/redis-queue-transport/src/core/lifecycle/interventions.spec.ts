import { describe, expect, test } from '@jest/globals';
import { runObserved } from './interventions.js';
import type { RedisQueueObserver } from './observer.js';
import { observersAsOne } from './observers.js';

const MESSAGE = { verb: 'enqueue', queue: 'q', id: 'm', many: undefined } as const;

function asOne(...observers: readonly RedisQueueObserver[]): {
  readonly one: RedisQueueObserver;
  readonly told: string[];
} {
  const told: string[] = [];
  const one = observersAsOne(observers, (event, error) => told.push(`${event}: ${String(error)}`));
  return { one, told };
}

describe('headers that observers add', () => {
  test('are merged, and those of later observers replace those of earlier ones', () => {
    const { one } = asOne(
      { sending: () => ({ a: '1', b: '1' }) },
      { sending: () => undefined },
      { sending: () => ({ b: '2' }) },
    );

    expect(one.sending?.(MESSAGE)).toEqual({ a: '1', b: '2' });
  });

  test('are undefined if nobody adds any', () => {
    const { one } = asOne({ sending: () => undefined });

    expect(one.sending?.(MESSAGE)).toBeUndefined();
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new TypeError('a mistake');
      },
    ],
    ['returns a promise', () => Promise.resolve({ a: '1' })],
    ['returns a promise that rejects', () => Promise.reject(new Error('later'))],
    ['returns numbers', () => ({ a: 1 })],
    ['returns text', () => 'a: 1'],
    ['returns null', () => null],
  ])('are those of the others if one %s, which is reported', async (_, sending) => {
    // Types are not always obeyed.
    const { one, told } = asOne({ sending: sending as never }, { sending: () => ({ b: '2' }) });

    expect(one.sending?.(MESSAGE)).toEqual({ b: '2' });

    await new Promise(setImmediate);
    expect(told[0]).toMatch(/^sending: TypeError: /);
  });
});

describe('a handler that observers run', () => {
  const run = (observers: RedisQueueObserver[], handler: () => Promise<string>) => {
    const { one, told } = asOne(...observers);
    return { told, running: runObserved(one, [], handler) };
  };

  test('runs within all of them, the first one outside', async () => {
    const order: string[] = [];
    const around = (name: string): RedisQueueObserver => ({
      run: (_, next) => {
        order.push(`${name} begins`);
        next();
        order.push(`${name} goes on`);
      },
    });

    const { running } = run([around('a'), around('b')], () => {
      order.push('handler');
      return Promise.resolve('done');
    });

    expect(await running).toBe('done');
    expect(order).toEqual(['a begins', 'b begins', 'handler', 'b goes on', 'a goes on']);
  });

  test.each<[string, RedisQueueObserver['run']]>([
    [
      'throws before it',
      () => {
        throw new Error('a mistake');
      },
    ],
    [
      'throws after it',
      (_, next) => {
        next();
        throw new Error('a mistake');
      },
    ],
    ['forgets it', () => undefined],
    ['runs it twice', (_, next) => [next(), next()]],
    ['runs it later', (_, next) => void setImmediate(next)],
  ])('runs once if one %s', async (_, broken) => {
    let runs = 0;
    const { running } = run([{ run: broken }, { run: (__, next) => next() }], () => {
      runs += 1;
      return Promise.resolve('done');
    });

    expect(await running).toBe('done');
    await new Promise(setImmediate);
    expect(runs).toBe(1);
  });

  test('fails as without them, and its error does not count as theirs', async () => {
    const { running, told } = run([{ run: (_, next) => next() }], () => {
      throw new Error('of the handler');
    });

    await expect(running).rejects.toThrow('of the handler');
    expect(told).toEqual([]);
  });
});
