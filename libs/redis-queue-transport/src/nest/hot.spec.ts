import { describe, expect, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { hot } from './hot.js';

interface Told {
  readonly unseen: unknown[];
  readonly seen: unknown[];
}

function told(): Told {
  return { unseen: [], seen: [] };
}

const twice = (answer: number): number => answer * 2;

test('tells the end of a call to all who subscribed before it, and to those who come later', async () => {
  const { unseen } = told();
  const call = hot(Promise.resolve(21), twice, (error) => unseen.push(error));

  expect(await Promise.all([1, 2, 3].map(() => lastValueFrom(call)))).toEqual([42, 42, 42]);
  expect(await lastValueFrom(call)).toBe(42);
});

describe('a failure', () => {
  test('is told to all who subscribed, and to nobody else', async () => {
    const { unseen, seen } = told();
    const call = hot(Promise.reject(new Error('full')), twice, (error) => unseen.push(error));
    for (let n = 0; n < 3; n += 1) call.subscribe({ error: (error: Error) => seen.push(error) });

    await expect(lastValueFrom(call)).rejects.toThrow('full');

    expect(seen).toHaveLength(3);
    expect(unseen).toEqual([]);
  });

  test('is told to one who comes later', async () => {
    const call = hot(Promise.reject(new Error('full')), twice, () => undefined);
    await Promise.resolve();
    await Promise.resolve();

    await expect(lastValueFrom(call)).rejects.toThrow('full');
  });

  test.each([1, 2])('that %d subscribers no longer wait for is unseen', async (subscribers) => {
    const { unseen, seen } = told();
    const failure = new Error('full');
    const call = hot(Promise.reject(failure), twice, (error) => unseen.push(error));
    for (let n = 0; n < subscribers; n += 1)
      call.subscribe({ error: (error: Error) => seen.push(error) }).unsubscribe();

    await expect(lastValueFrom(hot(Promise.reject(failure), twice, () => undefined))).rejects.toBe(
      failure,
    );

    expect(unseen).toEqual([failure]);
    expect(seen).toEqual([]);
  });

  test('that one of two still waits for is seen', async () => {
    const { unseen, seen } = told();
    const call = hot(Promise.reject(new Error('full')), twice, (error) => unseen.push(error));
    call.subscribe({ error: () => undefined }).unsubscribe();
    call.subscribe({ error: (error: Error) => seen.push(error) });

    await expect(lastValueFrom(call)).rejects.toThrow('full');

    expect(seen).toHaveLength(1);
    expect(unseen).toEqual([]);
  });
});

test('whoever unsubscribed is told nothing', async () => {
  const { seen } = told();
  const call = hot(Promise.resolve(21), twice, () => undefined);
  call.subscribe({ next: (value) => seen.push(value) }).unsubscribe();

  await lastValueFrom(call);

  expect(seen).toEqual([]);
});
